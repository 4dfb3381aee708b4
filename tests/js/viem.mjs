// An ordinary viem user: deposits, pays, deploys, calls, listens and posts a job.
import {
  createPublicClient, createWalletClient, decodeEventLog, encodeAbiParameters, encodeFunctionData, http, keccak256,
  parseEventLogs, webSocket, zeroHash,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { extractTransactionDepositedLogs, opaqueDataToDepositData, serializeTransaction } from 'viem/op-stack';

import {
  DEPOSIT, ESCROW, JobState, MARKET, POST_GAS, artifact, assert, assertEqual, counter, orderWithin, run, until, within,
} from './lib.mjs';

const market = { address: MARKET, abi: artifact('Market').abi };

/** Clients for one chain, whatever its id is. */
async function connect(transport, account) {
  const id = await createPublicClient({ transport }).getChainId();
  const chain = {
    id, name: `chain ${id}`, nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } },
  };
  return {
    reader: createPublicClient({ chain, transport, pollingInterval: 200 }),
    writer: createWalletClient({ chain, transport, account }),
  };
}

/** Hash of the L2 transaction that a queue entry becomes. */
function depositHash({ index, from, to, mint, value, gas, data }) {
  const sourceHash = keccak256(encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [3n, index]));
  return keccak256(serializeTransaction({
    type: 'deposit', sourceHash, from, to, mint, value, gas, isSystemTx: false, data,
  }));
}

run('viem', async (env) => {
  const account = privateKeyToAccount(env.key);
  const { reader, writer } = await connect(http(env.l2), account);
  let deployed;

  const mined = async (hash) => {
    const receipt = await reader.waitForTransactionReceipt({ hash, timeout: 60_000 });
    assertEqual(receipt.status, 'success', `status of ${hash}`);
    return receipt;
  };
  const increase = async (by) => mined(await writer.writeContract({
    address: deployed, abi: counter.abi, functionName: 'increase', args: [by],
  }));
  const fresh = () => privateKeyToAccount(generatePrivateKey()).address;

  /** Deposits, and waits until the L2 transaction that the queue entry becomes has run. */
  const deposit = async ({ to, value, gas, spare = 0n, data: calldata = '0x' }) => {
    const l1 = await connect(http(env.l1), account);
    const portal = { address: env.portal, abi: artifact('Portal').abi };
    const fee = await l1.reader.readContract({ ...portal, functionName: 'depositFee', args: [gas] });
    const hash = await l1.writer.writeContract({
      ...portal,
      functionName: 'depositTransaction',
      args: [to, value, gas, false, calldata],
      value: value + spare + 2n * fee, // what the fee leaves is minted too
    });
    const receipt = await l1.reader.waitForTransactionReceipt({ hash, timeout: 60_000 });
    assertEqual(receipt.status, 'success', 'status of the deposit on L1');

    const [deposited] = extractTransactionDepositedLogs(receipt);
    assert(deposited, 'viem sees no TransactionDeposited event');
    assertEqual(deposited.args.from, account.address, 'from');
    const data = opaqueDataToDepositData(deposited.args.opaqueData);
    assertEqual(data.value, value, 'value');
    assert(data.mint >= value + spare, `too little is minted: ${data.mint}`);

    const [entry] = parseEventLogs({ abi: artifact('Inbox').abi, logs: receipt.logs, eventName: 'QueueEntryAdded' });
    const l2Hash = depositHash({ ...entry.args, from: account.address, to, gas: data.gas });
    const l2Receipt = await until(`deposit ${l2Hash} on L2`, () => reader.getTransactionReceipt({ hash: l2Hash }).catch(() => undefined));
    assertEqual(l2Receipt.status, 'success', 'status of the deposit on L2');
    return { hash, data, l2Receipt };
  };

  const steps = {
    async deposit() {
      const to = fresh();
      const before = await reader.getBalance({ address: account.address });
      const { hash, data, l2Receipt } = await deposit({
        to, value: DEPOSIT.toStranger, gas: DEPOSIT.gas, spare: DEPOSIT.toSelf,
      });
      assertEqual(await reader.getBalance({ address: to }), DEPOSIT.toStranger, 'balance of the receiver');
      const after = await reader.getBalance({ address: account.address });
      assertEqual(after - before, data.mint - data.value, 'what the depositor gained on L2');
      return `L1 transaction ${hash} is ${l2Receipt.transactionHash} in L2 block ${l2Receipt.blockNumber}`;
    },

    async transfer() {
      const to = fresh();
      const hash = await writer.sendTransaction({ to, value: 1_000_000_000n });
      const receipt = await mined(hash);
      assertEqual(await reader.getBalance({ address: to }), 1_000_000_000n, 'balance of the receiver');
      const transaction = await reader.getTransaction({ hash });
      assertEqual(transaction.blockHash, receipt.blockHash, 'block of the transaction');
      const block = await reader.getBlock({ blockHash: receipt.blockHash });
      assert(block.transactions.includes(hash), 'the block does not list the transaction');
      return `${hash} in block ${receipt.blockNumber}`;
    },

    async deploy() {
      const receipt = await mined(await writer.deployContract({ ...counter, args: [40n] }));
      deployed = receipt.contractAddress;
      const code = await reader.getCode({ address: deployed });
      assert(code && code.length > 2, `no code at ${deployed}`);
      return `Counter at ${deployed}`;
    },

    async call() {
      const read = () => reader.readContract({ address: deployed, abi: counter.abi, functionName: 'number' });
      assertEqual(await read(), 40n, 'number before');
      await increase(2n);
      assertEqual(await read(), 42n, 'number after');
      const refused = await reader.simulateContract({
        address: deployed, abi: counter.abi, functionName: 'increase', args: [101n], account,
      }).then(() => undefined, (error) => error.walk((e) => e.data?.errorName));
      assert(refused, 'increase(101) was not refused');
      assertEqual(refused.data.errorName, 'TooLarge', 'error');
      assertEqual(refused.data.args[1], 101n, 'argument of the error');
      return '40 + 2 is 42; increase(101) is refused with TooLarge(100, 101)';
    },

    async logs() {
      const receipt = await increase(1n);
      const logs = await reader.getContractEvents({
        address: deployed, abi: counter.abi, eventName: 'Increased', args: { by: account.address }, fromBlock: 0n,
      });
      const last = logs.at(-1);
      assert(last, 'no Increased event found');
      assertEqual(last.args.number, 43n, 'number in the newest event');
      assertEqual(last.transactionHash, receipt.transactionHash, 'transaction of the newest event');
      const filter = await reader.createContractEventFilter({
        address: deployed, abi: counter.abi, eventName: 'Increased',
      });
      const { transactionHash } = await increase(1n);
      const changes = await reader.getFilterChanges({ filter });
      assertEqual(changes.length, 1, 'events the filter saw');
      assertEqual(changes[0].transactionHash, transactionHash, 'transaction the filter saw');
      assert(await reader.uninstallFilter({ filter }), 'the filter could not be removed');
      return `${logs.length} events found, one more through a filter`;
    },

    async subscribe() {
      const socket = webSocket(env.ws, { retryCount: 0 });
      const listener = createPublicClient({ chain: reader.chain, transport: socket });
      const connection = await within(`connection to ${env.ws}`, listener.transport.getRpcClient());
      const listen = (params) => {
        const { promise, resolve, reject } = Promise.withResolvers?.() ?? resolvers();
        const started = listener.transport.subscribe({ params, onData: (data) => resolve(data.result), onError: reject });
        return { started, next: promise };
      };
      const heads = listen(['newHeads']);
      const logs = listen(['logs', { address: deployed }]);
      await within('eth_subscribe', Promise.all([heads.started, logs.started]));
      const receipt = await increase(1n);
      const log = await within('a log', logs.next);
      assertEqual(log.transactionHash, receipt.transactionHash, 'transaction of the log');
      const { args } = decodeEventLog({ abi: counter.abi, data: log.data, topics: log.topics });
      assertEqual(args.by, account.address, 'who increased');
      const head = await within('a head', heads.next);
      assert(BigInt(head.number) > 0n && head.hash !== zeroHash, 'the head is not a block');
      connection.close();
      return `head ${BigInt(head.number)} and the log of ${receipt.transactionHash}`;
    },

    async market() {
      const read = (functionName, ...args) => reader.readContract({ ...market, functionName, args });
      const send = async (functionName, args, value) => mined(await writer.writeContract({ ...market, functionName, args, value }));
      const order = orderWithin(await read('params'));
      const escrow = await read('quote', order);
      assertEqual(escrow, ESCROW, 'quote');
      const owed = await read('credits', account.address);

      const receipt = await send('post', [order], escrow + 5n);
      const [posted] = parseEventLogs({ abi: market.abi, logs: receipt.logs, eventName: 'JobPosted' });
      const id = posted.args.job;
      assertEqual(posted.args.client, account.address, 'client');
      assertEqual(posted.args.escrow, escrow, 'escrow in the event');
      assertEqual(posted.args.order.locator, order.locator, 'locator in the event');
      assertEqual(await read('jobState', id), JobState.Open, 'state');
      assertEqual((await read('job', id)).specRoot, posted.args.specRoot, 'spec root');

      await send('cancel', [id]);
      assertEqual(await read('jobState', id), JobState.Cancelled, 'state after the cancellation');
      assertEqual(await read('credits', account.address), owed + escrow + 5n, 'credit');
      await send('withdraw', [account.address]);
      assertEqual(await read('credits', account.address), 0n, 'credit after the withdrawal');
      return `job ${id} posted for ${escrow} wei, cancelled, refunded`;
    },

    async l1job() {
      const order = orderWithin(await reader.readContract({ ...market, functionName: 'params' }));
      const { hash, l2Receipt } = await deposit({
        to: MARKET, value: ESCROW, gas: POST_GAS, data: encodeFunctionData({ ...market, functionName: 'post', args: [order] }),
      });
      const [posted] = parseEventLogs({ abi: market.abi, logs: l2Receipt.logs, eventName: 'JobPosted' });
      assert(posted, 'no JobPosted event');
      assertEqual(posted.args.client, account.address, 'client');
      await mined(await writer.writeContract({ ...market, functionName: 'cancel', args: [posted.args.job] }));
      return `L1 transaction ${hash} funded and posted job ${posted.args.job}`;
    },
  };
  return { steps, close: async () => {} };
});

function resolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
