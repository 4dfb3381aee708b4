// An ordinary ethers v6 user: deposits, pays, deploys, calls, listens and posts a job.
import {
  AbiCoder, Contract, ContractFactory, Interface, JsonRpcProvider, Wallet, WebSocketProvider, concat, encodeRlp,
  isCallException, keccak256, toBeArray,
} from 'ethers';

import {
  DEPOSIT, ESCROW, JobState, MARKET, POST_GAS, artifact, assert, assertEqual, counter, orderWithin, run, until, within,
} from './lib.mjs';

/** Hash of the L2 transaction that a queue entry becomes. */
function depositHash({ index, from, to, mint, value, gas, data }) {
  const sourceHash = keccak256(AbiCoder.defaultAbiCoder().encode(['uint256', 'uint256'], [3n, index]));
  const fields = [sourceHash, from, to, toBeArray(mint), toBeArray(value), toBeArray(gas), '0x', data];
  return keccak256(concat(['0x7e', encodeRlp(fields)]));
}

/** The first event of this name in a receipt. */
function eventOf(abi, receipt, name) {
  const face = new Interface(abi);
  const found = receipt.logs.map((log) => face.parseLog(log)).find((event) => event?.name === name);
  assert(found, `no ${name} event in ${receipt.hash}`);
  return found.args;
}

run('ethers', async (env) => {
  const provider = new JsonRpcProvider(env.l2, undefined, { pollingInterval: 200, cacheTimeout: -1 });
  const wallet = new Wallet(env.key, provider);
  const market = new Contract(MARKET, artifact('Market').abi, wallet);
  let deployed;

  const mined = async (sent) => {
    const transaction = await sent;
    const receipt = await transaction.wait(1, 60_000);
    assertEqual(receipt.status, 1, `status of ${transaction.hash}`);
    return receipt;
  };
  const increase = (by) => mined(deployed.increase(by));
  const fresh = () => Wallet.createRandom().address;

  /** Deposits, and waits until the L2 transaction that the queue entry becomes has run. */
  const deposit = async ({ to, value, gas, spare = 0n, data = '0x' }) => {
    const l1 = new JsonRpcProvider(env.l1, undefined, { pollingInterval: 200, cacheTimeout: -1 });
    const portal = new Contract(env.portal, artifact('Portal').abi, new Wallet(env.key, l1));
    const fee = await portal.depositFee(gas);
    const receipt = await mined(portal.depositTransaction(to, value, gas, false, data, {
      value: value + spare + 2n * fee, // what the fee leaves is minted too
    }));
    l1.destroy();
    const entry = eventOf(artifact('Inbox').abi, receipt, 'QueueEntryAdded');
    assertEqual(entry.from, wallet.address, 'from');
    assertEqual(entry.value, value, 'value');
    assert(entry.mint >= value + spare, `too little is minted: ${entry.mint}`);
    const hash = depositHash({ ...entry.toObject(), gas: entry.gasLimit });
    const l2Receipt = await until(`deposit ${hash} on L2`, async () => (await provider.getTransactionReceipt(hash)) ?? undefined);
    assertEqual(l2Receipt.status, 1, 'status of the deposit on L2');
    return { receipt, l2Receipt };
  };

  const steps = {
    async deposit() {
      const to = fresh();
      const { receipt, l2Receipt } = await deposit({
        to, value: DEPOSIT.toStranger, gas: DEPOSIT.gas, spare: DEPOSIT.toSelf,
      });
      assertEqual(await provider.getBalance(to), DEPOSIT.toStranger, 'balance of the receiver');
      return `L1 transaction ${receipt.hash} is ${l2Receipt.hash} in L2 block ${l2Receipt.blockNumber}`;
    },

    async transfer() {
      const to = fresh();
      const receipt = await mined(wallet.sendTransaction({ to, value: 1_000_000_000n }));
      assertEqual(await provider.getBalance(to), 1_000_000_000n, 'balance of the receiver');
      const block = await provider.getBlock(receipt.blockHash);
      assert(block.transactions.includes(receipt.hash), 'the block does not list the transaction');
      return `${receipt.hash} in block ${receipt.blockNumber}`;
    },

    async deploy() {
      const factory = new ContractFactory(counter.abi, counter.bytecode, wallet);
      deployed = await factory.deploy(40n);
      await within('the deployment', deployed.waitForDeployment());
      const address = await deployed.getAddress();
      assert((await provider.getCode(address)).length > 2, `no code at ${address}`);
      return `Counter at ${address}`;
    },

    async call() {
      assertEqual(await deployed.number(), 40n, 'number before');
      await increase(2n);
      assertEqual(await deployed.number(), 42n, 'number after');
      const refused = await deployed.increase.staticCall(101n).then(() => undefined, (error) => error);
      assert(refused && isCallException(refused), `increase(101) was not refused: ${refused}`);
      assertEqual(refused.revert?.name, 'TooLarge', 'error');
      assertEqual(refused.revert.args[1], 101n, 'argument of the error');
      return '40 + 2 is 42; increase(101) is refused with TooLarge(100, 101)';
    },

    async logs() {
      const receipt = await increase(1n);
      const logs = await deployed.queryFilter(deployed.filters.Increased(wallet.address), 0);
      const last = logs.at(-1);
      assert(last, 'no Increased event found');
      assertEqual(last.args.number, 43n, 'number in the newest event');
      assertEqual(last.transactionHash, receipt.hash, 'transaction of the newest event');
      return `${logs.length} events found`;
    },

    async subscribe() {
      const socket = new WebSocketProvider(env.ws);
      try {
        const broken = new Promise((_, fail) => { socket.websocket.onerror = (e) => fail(new Error(`${env.ws}: ${e.message}`)); });
        await within(`connection to ${env.ws}`, Promise.race([broken, socket.getBlockNumber()]));
        const address = await deployed.getAddress();
        const log = new Promise((found) => { socket.on({ address }, found); });
        const head = new Promise((found) => { socket.on('block', found); });
        await within('eth_subscribe', Promise.all([socket.listenerCount({ address }), socket.send('eth_chainId', [])]));
        const receipt = await increase(1n);
        assertEqual((await within('a log', log)).transactionHash, receipt.hash, 'transaction of the log');
        const number = await within('a head', head);
        assert(number > 0, 'the head is not a block');
        return `head ${number} and the log of ${receipt.hash}`;
      } finally {
        await socket.destroy();
      }
    },

    async market() {
      const order = orderWithin(await market.params());
      const escrow = await market.quote(order);
      assertEqual(escrow, ESCROW, 'quote');
      const owed = await market.credits(wallet.address);

      const posted = eventOf(artifact('Market').abi, await mined(market.post(order, { value: escrow + 5n })), 'JobPosted');
      assertEqual(posted.client, wallet.address, 'client');
      assertEqual(posted.escrow, escrow, 'escrow in the event');
      assertEqual(posted.order.locator, order.locator, 'locator in the event');
      assertEqual(await market.jobState(posted.job), BigInt(JobState.Open), 'state');
      assertEqual((await market.job(posted.job)).specRoot, posted.specRoot, 'spec root');

      await mined(market.cancel(posted.job));
      assertEqual(await market.jobState(posted.job), BigInt(JobState.Cancelled), 'state after the cancellation');
      assertEqual(await market.credits(wallet.address), owed + escrow + 5n, 'credit');
      await mined(market.withdraw(wallet.address));
      assertEqual(await market.credits(wallet.address), 0n, 'credit after the withdrawal');
      return `job ${posted.job} posted for ${escrow} wei, cancelled, refunded`;
    },

    async l1job() {
      const order = orderWithin(await market.params());
      const { receipt, l2Receipt } = await deposit({
        to: MARKET, value: ESCROW, gas: POST_GAS, data: market.interface.encodeFunctionData('post', [order]),
      });
      const posted = eventOf(artifact('Market').abi, l2Receipt, 'JobPosted');
      assertEqual(posted.client, wallet.address, 'client');
      await mined(market.cancel(posted.job));
      return `L1 transaction ${receipt.hash} funded and posted job ${posted.job}`;
    },
  };
  return { steps, close: async () => provider.destroy() };
});
