/** `npm run torture`: what is asked for, the cases of it, and the report. */
import { messageOf } from '../../src/errors.ts';
import type { Scenario } from './commands.ts';
import { crash, type CrashCase, type CrashResult } from './crash.ts';
import { type Dice, dice } from './dice.ts';
import { canBeElsewhere } from './lane.ts';
import { type Job, workOff } from './lanes.ts';
import { type Options, readOptions, SAMPLE } from './options.ts';
import { race, type RaceResult } from './race.ts';
import { crashTable, headingOf, howToRepeat, raceSummary } from './report.ts';
import type { Order } from './tap.ts';

/** ms after which a sample begins no further case: it has to be worth its time on every change. */
const LONGEST_SAMPLE = 140_000;

interface Torture extends Options, Dice {
  /** Nothing more is begun once it aborts. */
  readonly signal: AbortSignal;
  readonly crashes: CrashResult[];
  readonly raced: RaceResult[];
  /** Puts a job anywhere among those that are left. */
  readonly add: (job: Job) => void;
  readonly note: (result: CrashResult | RaceResult) => void;
}

/** @returns the exit code: 0 when everything held, 1 when not, 2 for a wrong use. */
export async function main(root: string): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
  console.log(`Seed ${options.seed}.`);
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  const signal = options.sample ? AbortSignal.any([stopped.signal, AbortSignal.timeout(LONGEST_SAMPLE)]) : stopped.signal;
  const [crashes, races, failures, jobs]: [CrashResult[], RaceResult[], string[], Job[]] = [[], [], [], []];
  const { below, pick } = dice(options.seed);
  const torture: Torture = {
    ...options,
    signal,
    below,
    pick,
    crashes,
    raced: races,
    add: (job) => void jobs.splice(below(jobs.length + 1), 0, job),
    note(result) {
      console.log(`${result.found.length === 0 ? 'ok     ' : 'FAILED '} ${headingOf(result)}`);
      if (result.found.length === 0) return;
      failures.push(howToRepeat(result));
      console.log(howToRepeat(result));
    },
  };
  if (!canBeElsewhere()) console.log('No second run is tried on another machine: that takes process namespaces, on Linux as root.');
  for (const job of [...crashJobs(torture), ...raceJobs(torture)]) torture.add(job);

  const began = Date.now();
  const left = await workOff(root, jobs, { lanes: options.lanes, signal }, (error) => failures.push(`It could not be tried: ${messageOf(error)}`));
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  if (crashes.length > 0) console.log(`\n${crashTable(crashes)}`);
  if (races.length > 0) console.log(`\n${raceSummary(races)}`);
  if (failures.length > 0) console.log(`\n${failures.length} FAILED:\n\n${failures.join('\n\n')}`);
  if (left > 0) console.log(`\n${left} further cases were not begun.`);
  console.log(`\n${failures.length > 0 ? 'Not everything held' : 'Everything held that was tried'}, in ${minutes} minutes. Seed ${options.seed}.`);
  return failures.length > 0 || stopped.signal.aborted ? 1 : 0;
}

/** An undisturbed run of each command counts its calls; where it is cut off follows from that. */
function crashJobs(torture: Torture): Job[] {
  const { scenarios, call, moments, sample, elsewhere, crashes, add, note, below, signal } = torture;
  /** The highest call of each command that is to be tried. */
  const last = new Map<Scenario, number>();
  const one = (tried: CrashCase): Job => async (lane) => {
    const result = await crash(lane, tried);
    crashes.push(result);
    note(result);
    const { scenario, order } = tried;
    // Waits take more looks in one run than in another: the end is where a run ends before it comes to the call.
    if (!order || result.operation === undefined || order.call < (last.get(scenario) ?? Infinity)) return;
    last.set(scenario, order.call + 1);
    for (const when of moments) add(one({ ...tried, order: { call: order.call + 1, when } }));
  };
  if (call !== undefined) return scenarios.flatMap((scenario) => moments.map((when) => one({ scenario, order: { call, when }, elsewhere })));
  return scenarios.map((scenario) => async (lane) => {
    const undisturbed = await crash(lane, { scenario });
    crashes.push(undisturbed);
    note(undisturbed);
    const { calls } = undisturbed;
    const cut = orders(calls, torture).map((order) => one({ scenario, order, elsewhere }));
    if (sample) {
      // At once: the time of a sample may be over before all of it was tried.
      while (!signal.aborted && cut.length > 0) await cut.shift()?.(lane);
      return;
    }
    last.set(scenario, calls);
    cut.forEach(add);
    // Another machine has to wait for 45 s until it may carry on, so that one call of each command has to do.
    if (!elsewhere && canBeElsewhere()) add(one({ scenario, order: { call: 1 + below(calls), when: 'after' }, elsewhere: true }));
  });
}

function orders(calls: number, { sample, moments, pick }: Torture): Order[] {
  const all = Array.from({ length: calls }, (_, index) => moments.map((when) => ({ call: index + 1, when }))).flat();
  return sample ? Array.from({ length: SAMPLE.crashes }, () => pick(all)) : all;
}

function raceJobs({ races, raced, seed, note }: Torture): Job[] {
  return Array.from({ length: races }, (_, index): Job => async (lane) => {
    const result = await race(lane, seed + index);
    raced.push(result);
    note(result);
  });
}
