/** Each call of a route fails once, in each way a call can fail: no rule is left between the old and the new weights without a word. */
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import { type CanaryError, ExitCode } from '../../src/errors.ts';
import { serialize } from '../../src/release/log-entry.ts';
import { logPath } from '../../src/release/log.ts';
import type { Fault, Which } from '../faulty-endpoint.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { openTraffic, PAIRED, type TrafficLab } from './traffic-lab.ts';

/** Pairs that are tried side by side: most of the time a run waits before it repeats a call. */
const WIDTH = 20;

/** The longest waits first. */
const FAULTS: readonly (Which & { readonly name: string; readonly fault: Fault; readonly writesOnly?: boolean })[] = [
  { name: 'throttled', fault: { error: 'ThrottlingException' } },
  { name: 'lost after it took effect, as often as it is repeated', fault: 'cut-after', repetitions: true },
  // A read that is lost once is repeated like one that is throttled.
  { name: 'lost after it took effect', fault: 'cut-after', writesOnly: true },
  { name: 'refused', fault: { error: 'AccessDenied' } },
];

let lab: Lab;
let pairs: readonly TrafficLab[];
/** AWS, past the endpoints where it misbehaves. */
let aside: Aws;

beforeAll(async () => {
  lab = await openLab({ speed: 10 });
  aside = connectAws({ region: 'eu-central-1', endpointUrl: lab.sandbox.url });
  pairs = await Promise.all(Array.from({ length: WIDTH }, () => openTraffic(lab)));
});
afterAll(() => lab.end());
afterAll(() => Promise.all(pairs.map((traffic) => traffic.end())));

/** ms: each of a hundred routes takes its CPU time. */
const SLOW_MACHINE = 240_000;

test('on the way up it ends with the old weights everywhere, or the new ones, or exit 5 and the names of the wrong rules', async () => {
  expect(await everyCall({ from: 0, to: 60 }, wrongUpwards)).toEqual([]);
}, SLOW_MACHINE);

test('on the way to 0 it ends with the new weights everywhere, or exit 5 and the names of the wrong rules', async () => {
  expect(await everyCall({ from: 60, to: 0 }, wrongDownwards)).toEqual([]);
}, SLOW_MACHINE);

interface Move {
  readonly from: number;
  readonly to: number;
}

interface Outcome {
  /** Of the canary, by rule. */
  readonly weights: readonly number[];
  readonly error: CanaryError | undefined;
  readonly traffic: TrafficLab;
}

/** @returns what went wrong, by call. */
async function everyCall(move: Move, wrong: (outcome: Outcome) => string | undefined): Promise<string[]> {
  const calls = await callsOf(move);
  expect(calls.length).toBeGreaterThan(20);
  const trials = FAULTS.flatMap((fault) => calls.flatMap((call, index) => (fault.writesOnly && !isWrite(call) ? [] : { ...fault, from: index + 1 })));
  const found: string[] = [];
  const work = async (traffic: TrafficLab) => {
    for (let trial = trials.shift(); trial; trial = trials.shift()) {
      await prepare(traffic, move);
      traffic.endpoint.order('*', trial.fault, trial);
      const error = await traffic.failure(move.to);
      traffic.endpoint.forget();
      const reason = wrong({ weights: await traffic.canary(), error, traffic });
      if (reason) found.push(`call ${trial.from}, ${hit(traffic, trial.from)}, ${trial.name}: ${reason}`);
    }
  };
  await Promise.all(pairs.map(work));
  return found.toSorted();
}

/** Operations of a run without faults. */
async function callsOf(move: Move): Promise<string[]> {
  const [traffic] = pairs;
  if (!traffic) return [];
  await prepare(traffic, move);
  await traffic.route(move.to);
  return traffic.endpoint.calls.map(({ operation }) => operation);
}

function isWrite(operation: string): boolean {
  return /^(Put|Modify)/.test(operation);
}

function wrongUpwards({ weights, error, traffic }: Outcome): string | undefined {
  const all = (weight: number) => weights.every((one) => one === weight);
  const { usersAre = '' } = error ?? {};
  const back = all(0) && !usersAre.includes(`${traffic.pair.canary} with`);
  const fits: Partial<Record<ExitCode, boolean>> = {
    [ExitCode.done]: all(60),
    [ExitCode.failed]: back,
    [ExitCode.rolledBack]: back,
    [ExitCode.paused]: all(60) && usersAre.includes(`${traffic.pair.canary} with 60% of the traffic`),
    [ExitCode.stuck]: namesExactly(error, traffic, weights.map((weight) => weight !== 0)),
  };
  return fits[error?.exitCode ?? ExitCode.done] ? undefined : `${weights.join('/')}, ${outcome(error)}`;
}

function wrongDownwards({ weights, error, traffic }: Outcome): string | undefined {
  const fits = error?.exitCode === ExitCode.stuck ? namesExactly(error, traffic, weights.map((weight) => weight !== 0)) : !error && weights.every((weight) => weight === 0);
  return fits ? undefined : `${weights.join('/')}, ${outcome(error)}`;
}

function namesExactly(error: CanaryError | undefined, { paired }: TrafficLab, wrong: readonly boolean[]): boolean {
  return PAIRED.every((name, index) => error?.message.includes(paired[name]) === wrong[index]);
}

function outcome(error: CanaryError | undefined): string {
  return error ? `exit ${error.exitCode}, ${error.code}: ${error.message} (users are ${error.usersAre})` : 'done';
}

function hit({ endpoint: { calls } }: TrafficLab, from: number): string {
  const made = calls.filter(({ invocation }, index) => calls.findIndex((call) => call.invocation === invocation) === index);
  return made[from - 1]?.operation ?? 'not made';
}

/** All rules at the old weights, and a log that remembers them, whatever the run before left behind. */
async function prepare(traffic: TrafficLab, { from, to }: Move): Promise<void> {
  const { primary, canary } = traffic.pair;
  const before = Object.fromEntries(Object.values(traffic.paired).map((arn) => [arn, [100 - to, to] as const]));
  const entry = { number: 1, at: STARTED, by: 'someone@here', command: 'route', ended: STARTED, primary, other: { targetGroup: canary, role: 'canary' }, percent: from, tasks: 1, before } as const;
  const path = logPath(traffic.pair);
  await aside.parameters.remove([2, 3].map((number) => `${path}/${number}`));
  await aside.parameters.overwrite(`${path}/1`, serialize(entry), '');
  for (const name of PAIRED) await traffic.meddle(name, from);
  traffic.endpoint.calls.length = 0;
}

const STARTED = '2026-01-02T03:04:05.678Z';
