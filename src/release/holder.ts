/** Who holds a pair, as its release log tells it. */
import { isRunning } from '../process.ts';
import type { LogEntry, Process } from './log-entry.ts';

/** ms after which a run at work renews its newest entry. */
export const BEAT = 15_000;

/** ms without a sign of life after which a run on another machine counts as cut off: it missed three beats. */
export const LEASE = 3 * BEAT;

/** ms without a sign of life after which a run that cannot be asked counts as dead. */
const EXPIRED = 10 * 60_000;

/** A run, as people are told of it. */
export interface Named {
  readonly by: string;
  readonly command: string;
  /** ISO 8601: when it took the pair. */
  readonly since: string;
}

/** The run that wrote a log's newest entry. */
export interface LastRun extends Named {
  readonly newest: LogEntry;
}

/** Begins a sentence. */
export function holds({ by, command, since }: Named): string {
  return `${by} holds this pair with "${command}" since ${since}`;
}

/** @param entries oldest first. */
export function lastRun(entries: readonly LogEntry[]): LastRun | undefined {
  const newest = entries.at(-1);
  if (!newest) return undefined;
  const before = entries.findLastIndex((entry) => !isSameRun(entry, newest));
  return { by: newest.by, command: newest.command, since: (entries[before + 1] ?? newest).at, newest };
}

/**
 * The run that holds the pair: it may still be at work.
 * @param entries oldest first.
 * @param now wall time in ms.
 * @param here the process that asks: it knows of others on its machine.
 */
export function holderOf(entries: readonly LogEntry[], now: number, here?: Process): LastRun | undefined {
  const run = lastRun(entries);
  return run && mayBeAtWork(run.newest, now, here) ? run : undefined;
}

/** Whether nothing was heard for longer than a run at work is ever silent. */
export function isSilent(renewed: string, now: number): boolean {
  return now - Date.parse(renewed) > LEASE;
}

/**
 * Whether the run that wrote the entry has not ended, and either still runs on this machine, however long it was silent, or
 * was heard of lately. "Lately" compares the wall clocks of two machines: they must not differ by ten minutes.
 */
export function mayBeAtWork(entry: LogEntry, now: number, here?: Process): boolean {
  const { ended, renewed, holder } = entry;
  if (ended !== undefined || renewed === undefined) return false;
  return now - Date.parse(renewed) < EXPIRED || (isOnMachineOf(here, holder) && isRunning(holder));
}

/** Whether the one can tell whether the other still runs. */
export function isOnMachineOf(here: Process | undefined, other: Process | undefined): other is Process {
  return here !== undefined && here.host === other?.host;
}

/** Whether the process that asks knows that the run has died: it was on this machine, and is there no more. */
export function isGone({ newest: { holder } }: LastRun, here: Process | undefined): boolean {
  return isOnMachineOf(here, holder) && !isRunning(holder);
}

/** Commands of earlier versions of this program named no process: each of their entries counts as a run. */
export function isSameRun(one: LogEntry, other: LogEntry): boolean {
  if (one === other) return true;
  return one.holder !== undefined && isSameProcess(one.holder, other.holder) && one.command === other.command;
}

function isSameProcess(one: Process, other: Process | undefined): boolean {
  return one.host === other?.host && one.pid === other.pid && one.started === other.started;
}
