// Writes Counter.json from Counter.sol with the compiler of ../../../contracts: node build.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const here = new URL('.', import.meta.url);
const solc = createRequire(new URL('../../../contracts/package.json', here))('solc');
const input = {
  language: 'Solidity',
  sources: { 'Counter.sol': { content: readFileSync(new URL('Counter.sol', here), 'utf8') } },
  settings: {
    evmVersion: 'prague',
    optimizer: { enabled: true },
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const errors = (output.errors ?? []).filter((e) => e.severity === 'error');
if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
const { abi, evm } = output.contracts['Counter.sol'].Counter;
const artifact = { abi, bytecode: `0x${evm.bytecode.object}` };
writeFileSync(new URL('Counter.json', here), `${JSON.stringify(artifact, null, 2)}\n`);
