/** Two runs at once, started at random moments of each other: the rules never disagree once both have ended. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type CanaryError, ExitCode } from '../../src/errors.ts';
import { fakeClock } from '../fake-clock.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { openTraffic, type RouteOptions, type TrafficLab } from './traffic-lab.ts';

/** Calls of a route upwards; it has taken the pair with one of the first `TAKEN`, also where the log has three pages. */
const CALLS = 36;
const TAKEN = 16;

/** Two runs in each. */
const ROUNDS = 100;
const EMERGENCIES = 25;

let lab: Lab;
let traffic: TrafficLab;

beforeAll(async () => {
  lab = await openLab({ speed: 10 });
});
afterAll(() => lab.end());
beforeEach(async () => {
  traffic = await openTraffic(lab);
});
afterEach(() => traffic.end());

test(`of two routes upwards or downwards, those that say they are done were done in turn, and the other says it was locked out: ${2 * ROUNDS} starts`, async () => {
  const { seed, below } = dice();
  const wrong: string[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const [first, second] = [1 + below(50), 51 + below(50)].toSorted(() => below(2) - 0.5);
    const start = below(CALLS);
    slowDown(below);
    const ended: Ended[] = [];
    await startTogether([() => run(first ?? 0, ended, { by: 'first@here' }), () => run(second ?? 0, ended, { by: 'second@here' })], start);

    const done = ended.filter(({ error }) => !error);
    const refused = ended.filter(({ error }) => error?.exitCode === ExitCode.locked);
    const weights = new Set(await traffic.canary());
    const agree = weights.size === 1 && weights.has(done.at(-1)?.percent ?? -1);
    if (!agree || done.length + refused.length !== 2) wrong.push(`round ${round}, second from call ${start}: ${described(ended)}; weights ${[...weights].join('/')}`);
  }
  expect({ seed, wrong }).toEqual({ seed, wrong: [] });
}, 120_000);

test(`a route to 0 that starts while another run moves weights is the one whose weights stay: ${2 * EMERGENCIES} starts`, async () => {
  const { seed, below } = dice();
  const wrong: string[] = [];
  for (let round = 1; round <= EMERGENCIES; round++) {
    const before = below(2) === 0 ? 0 : 30;
    await traffic.route(before);
    // From 0 there is nothing to go back from before the other one has the pair.
    const start = before === 0 ? TAKEN + below(CALLS - TAKEN) : below(CALLS);
    slowDown(below);
    const ended: Ended[] = [];
    // Long enough for a last write of the other run to arrive meanwhile.
    const clock = fakeClock(async () => delay(5));
    await startTogether([() => run(31 + below(69), ended, { by: 'first@here' }), () => run(0, ended, { by: 'emergency@elsewhere', settle: 6_000, clock })], start);

    const [emergency] = ended.filter(({ percent }) => percent === 0);
    const [other] = ended.filter(({ percent }) => percent !== 0);
    const weights = new Set(await traffic.canary());
    const agree = weights.size === 1 && weights.has(0);
    const told = !emergency?.error && (!other?.error || other.error.exitCode === ExitCode.locked);
    if (!agree || !told) wrong.push(`round ${round}, from ${before} %, from call ${start}: ${described(ended)}; weights ${[...weights].join('/')}`);
  }
  expect({ seed, wrong }).toEqual({ seed, wrong: [] });
}, 120_000);

interface Ended {
  readonly percent: number;
  readonly error: CanaryError | undefined;
}

/** @param ended gets the outcome, in the order in which runs end. */
async function run(percent: number, ended: Ended[], options: RouteOptions): Promise<void> {
  ended.push({ percent, error: await traffic.failure(percent, options) });
}

/** Starts the second one when the first has made so many calls, or has ended. */
async function startTogether([first, second]: readonly [() => Promise<void>, () => Promise<void>], calls: number): Promise<void> {
  let started: Promise<void> | undefined;
  const start = () => (started ??= second());
  if (calls === 0) void start();
  else traffic.endpoint.order('*', async () => void start(), { from: calls });
  await first();
  await start();
  traffic.endpoint.forget();
}

/** A call of either run takes its time on the way. */
function slowDown(below: (end: number) => number): void {
  traffic.endpoint.order('*', () => delay(below(12)), { from: 1 + below(2 * CALLS) });
  traffic.endpoint.order(below(2) === 0 ? 'ModifyRule' : 'ModifyListener', () => delay(below(12)), { from: 1 + below(3) });
}

function described(ended: readonly Ended[]): string {
  return ended.map(({ percent, error }) => `${percent} % ${error ? `exit ${error.exitCode} (${error.message})` : 'done'}`).join(', then ');
}

/** Chance that can be had again: put the seed of a run that failed here. */
function dice(seed = randomInt(2 ** 31)) {
  let state = seed;
  const below = (end: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor(((state >>> 8) / 2 ** 23) * end);
  };
  return { seed, below };
}
