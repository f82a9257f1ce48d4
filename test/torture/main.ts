/** `npm run torture`: what is asked for, the cases of it, and the report. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { crash, type CrashCase, type CrashResult } from './crash.ts';
import { dice } from './dice.ts';
import { canBeElsewhere, type Lane, openLane } from './lane.ts';
import { SCENARIOS, type Scenario } from './commands.ts';
import { race, type RaceResult } from './race.ts';
import { crashTable, howToRepeat, raceSummary } from './report.ts';
import { MOMENTS, type Moment } from './tap.ts';

/** A sample for every change: calls of each command, races, and the seconds after which no further case is begun. */
const SAMPLE = { crashes: 2, races: 10, seconds: 140 };
/** All races of a whole run. */
const RACES = 200;

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    seed: { type: 'string' },
    lanes: { type: 'string', default: '3' },
    command: { type: 'string' },
    call: { type: 'string' },
    when: { type: 'string' },
    race: { type: 'string' },
    elsewhere: { type: 'boolean', default: false },
  },
});

const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const failures: string[] = [];
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());

/** What is to be done; some of it finds more to do. */
type Job = (lane: Lane) => Promise<void>;

export async function main(root: string): Promise<number> {
  console.log(`Seed ${seed}.`);
  const crashes: CrashResult[] = [];
  const races: RaceResult[] = [];
  const { below } = dice(seed);
  const jobs: Job[] = [];
  const add = (job: Job) => void jobs.splice(below(jobs.length + 1), 0, job);
  jobs.push(...crashJobs(crashes, add));
  for (const job of raceJobs(races)) add(job);
  const began = Date.now();
  const left = await work(root, jobs, values.sample ? began + SAMPLE.seconds * 1_000 : Infinity);
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  if (crashes.length > 0) console.log(`\n${crashTable(crashes)}`);
  if (races.length > 0) console.log(`\n${raceSummary(races)}`);
  if (failures.length > 0) console.log(`\n${failures.length} FAILED:\n\n${failures.join('\n\n')}`);
  if (left > 0) console.log(`\n${left} further cases were not begun.`);
  const whole = left === 0 || values.sample;
  const verdict = failures.length > 0 ? 'Not everything held' : whole ? 'Everything held' : 'Everything held that was tried';
  console.log(`\n${verdict}, in ${minutes} minutes. Seed ${seed}.`);
  return failures.length === 0 && whole ? 0 : 1;
}

/** @returns how many were not begun, because of the time or a signal. */
async function work(root: string, jobs: Job[], until: number): Promise<number> {
  const lane = async () => {
    const own = await openLane(root);
    try {
      while (jobs.length > 0 && !stopped.signal.aborted && Date.now() < until) {
        await jobs.shift()?.(own).catch((error: Error) => failures.push(`It could not be tried: ${error.message}`));
      }
    } finally {
      await own.end();
    }
  };
  await Promise.all(Array.from({ length: Number(values.lanes) }, lane));
  return jobs.length;
}

/** A clean run of each command counts its calls; the calls to cut it off at follow from that. */
function crashJobs(results: CrashResult[], add: (job: Job) => void): Job[] {
  if (values.race !== undefined) return [];
  const { below } = dice(seed);
  const exactly = SCENARIOS.filter(({ name }) => name === values.command);
  const wanted = exactly.length > 0 ? exactly : SCENARIOS.filter(({ name }) => values.command === undefined || name.startsWith(`${values.command} (`));
  if (wanted.length === 0) throw new Error(`--command is one of: ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  const moments = MOMENTS.filter((moment) => values.when === undefined || moment === values.when);
  const one = (tried: CrashCase): Job => async (lane) => {
    const result = await crash(lane, tried);
    results.push(result);
    note(result);
    // The number of looks in a wait varies: the end is where a run ends before it comes to the call.
    const { order } = tried;
    if (order && result.operation !== undefined && values.call === undefined && !values.sample && order.call >= (last.get(tried.scenario) ?? 0)) {
      last.set(tried.scenario, order.call);
      add(one({ ...tried, order: { ...order, call: order.call + 1 } }));
    }
  };
  const last = new Map<Scenario, number>();
  const every = (scenario: Scenario): Job => async (lane) => {
    const clean = await crash(lane, { scenario });
    results.push(clean);
    note(clean);
    last.set(scenario, clean.calls);
    for (const order of orders(clean.calls, moments, below)) add(one({ scenario, order, elsewhere: values.elsewhere }));
    // The other machine has to wait for 45 s until it may carry on, so that one call of each command has to do.
    if (values.command === undefined && !values.sample && canBeElsewhere()) add(one({ scenario, order: { call: 1 + below(clean.calls), when: 'after' }, elsewhere: true }));
  };
  if (values.call !== undefined) {
    return wanted.flatMap((scenario) => moments.map((when) => one({ scenario, order: { call: Number(values.call), when }, elsewhere: values.elsewhere })));
  }
  return wanted.map(every);
}

function orders(calls: number, moments: readonly Moment[], below: (limit: number) => number): { call: number; when: Moment }[] {
  const all = Array.from({ length: calls }, (_, index) => moments.map((when) => ({ call: index + 1, when }))).flat();
  if (!values.sample) return all;
  return Array.from({ length: SAMPLE.crashes }, () => all[below(all.length)] ?? []).flat();
}

function raceJobs(results: RaceResult[]): Job[] {
  const count = values.race === undefined ? (values.command === undefined ? (values.sample ? SAMPLE.races : RACES) : 0) : Number(values.race);
  return Array.from({ length: count }, (_, index): Job => async (lane) => {
    const result = await race(lane, seed + index);
    results.push(result);
    note(result);
  });
}

function note(result: CrashResult | RaceResult): void {
  console.log(`${result.found.length === 0 ? 'ok     ' : 'FAILED '} ${nameOf(result)}`);
  if (result.found.length === 0) return;
  const all = howToRepeat(result);
  failures.push(all);
  console.log(all);
}

function nameOf(result: CrashResult | RaceResult): string {
  if ('seed' in result) return `race ${result.seed}: ${result.story}`;
  const { scenario, order, elsewhere } = result.case;
  if (!order) return `${scenario.name}: ${result.calls} calls, nothing happens to them`;
  return `${scenario.name}, call ${order.call} ${result.operation ?? '(ended before)'}, ${order.when}${elsewhere ? ', then on another machine' : ''}`;
}
