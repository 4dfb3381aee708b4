// What the wallet scripts share: environment, artifacts, an order, and running steps.
import { readFileSync } from 'node:fs';

const USAGE = `
  L2_URL     JSON-RPC of the L2 node (HTTP)
  L2_WS_URL  its WebSocket; default: L2_URL with ws:// and the path /ws
  L1_URL     JSON-RPC of L1                      (deposit, l1job)
  PORTAL     address of the Portal on L1         (deposit, l1job)
  KEY        private key with ether on L1, or on L2 when the deposit is left out
  STEPS      comma-separated; default: all of ${'deposit,transfer,deploy,call,logs,subscribe,market,l1job'}`;

export const ALL_STEPS = USAGE.match(/all of (.*)$/)[1].split(',');

/** Addresses fixed in genesis. */
export const MARKET = '0xA55A000000000000000000000000000000000011';

/** Ether that reaches a stranger, and that the depositor gets on L2 beside it. */
export const DEPOSIT = { toStranger: 10n ** 17n, toSelf: 9n * 10n ** 17n, gas: 100_000n };

/** L2 gas of a job that is posted from L1. */
export const POST_GAS = 1_000_000n;

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set. Environment:${USAGE}`);
  return value;
}

export function environment() {
  const steps = process.env.STEPS ? process.env.STEPS.split(',') : ALL_STEPS;
  const unknown = steps.find((s) => !ALL_STEPS.includes(s));
  if (unknown) throw new Error(`unknown step ${unknown}; there are ${ALL_STEPS}`);
  const l2 = need('L2_URL');
  const deposit = steps.includes('deposit') || steps.includes('l1job');
  return {
    steps,
    l2,
    ws: process.env.L2_WS_URL ?? `${l2.replace(/^http/, 'ws').replace(/\/$/, '')}/ws`,
    key: need('KEY'),
    l1: deposit ? need('L1_URL') : undefined,
    portal: deposit ? need('PORTAL') : undefined,
  };
}

function readJson(path) {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}

export const counter = readJson('contracts/Counter.json');
export const artifact = (name) => readJson(`../../crates/bindings/artifacts/${name}.json`);

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

export function assertEqual(found, expected, what) {
  const same = typeof found === 'string' && typeof expected === 'string'
    ? found.toLowerCase() === expected.toLowerCase()
    : found === expected;
  assert(same, `${what}: expected ${expected}, found ${found}`);
}

/** Asks until the answer is not undefined. */
export async function until(what, ask, secs = 120) {
  const end = Date.now() + secs * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert(Date.now() < end, `${what}: nothing after ${secs} s`);
    await new Promise((wake) => setTimeout(wake, 200));
  }
}

/** The promise, or an error when it takes too long. */
export function within(what, promise, secs = 60) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: nothing after ${secs} s`)), secs * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs the wanted steps in order; the first failure ends the process with code 1. */
export async function run(name, open) {
  let step = 'environment';
  try {
    const env = environment();
    const { steps, close } = await open(env);
    for (step of env.steps) {
      const said = await steps[step]();
      console.log(`${name} ${step}: ${said}`);
    }
    step = 'close';
    await close();
    console.log(`${name}: ${env.steps.length} steps passed`);
    process.exit(0);
  } catch (error) {
    console.error(`${name} ${step} FAILED: ${error.message ?? error}`);
    process.exit(1);
  }
}

/** A valid order that no provider can take, so that the script can cancel it. */
export function orderWithin(params) {
  const window = (wanted, min, max) => Math.min(Math.max(wanted, Number(min)), Number(max));
  return {
    imageId: `0x${'11'.repeat(32)}`,
    planRoot: `0x${'22'.repeat(32)}`,
    class: 1,
    replicas: 2,
    audience: 1,
    maxUnits: 1_000_000n,
    inputBytes: 4096n,
    outputBytes: 4096n,
    cap: { baseFee: 10n ** 12n, megaUnit: 10n ** 12n, inputByte: 10n ** 6n, outputByte: 10n ** 6n },
    needs: { vramMib: 0xffff_ffff, computeCapability: 0xffff, unitsPerSecond: 0n },
    windows: {
      matchSecs: window(600, params.matchSecsMin, params.matchSecsMax),
      ackSecs: window(60, params.ackSecsMin, params.ackSecsMax),
      runSecs: window(600, params.runSecsMin, params.runSecsMax),
      revealSecs: window(60, params.revealSecsMin, params.revealSecsMax),
      challengeSecs: window(60, params.challengeSecsMin, params.challengeSecsMax),
    },
    locator: '0x1234',
  };
}

/** What that order must bring. */
export const ESCROW = 2n * (10n ** 12n + 10n ** 12n + 2n * 4096n * 10n ** 6n);

/** Enum values of the market. */
export const JobState = { Open: 1, Cancelled: 8 };
