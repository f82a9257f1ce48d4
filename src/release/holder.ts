/** Who holds a pair, as its release log tells it. */
import type { LogEntry } from './log-entry.ts';

/** ms after which a run at work renews its newest entry. */
export const BEAT = 15_000;

/** ms without a sign of life after which a run on another machine counts as cut off: it missed three beats. */
export const LEASE = 3 * BEAT;

/** ms after which an entry holds nothing any more, whoever wrote it: clocks of two machines never differ by as much. */
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
 */
export function holderOf(entries: readonly LogEntry[], now: number): LastRun | undefined {
  const run = lastRun(entries);
  return run && mayBeAtWork(run.newest, now) ? run : undefined;
}

/** Whether nothing was heard for longer than a run at work is ever silent. */
export function isSilent(renewed: string, now: number): boolean {
  return now - Date.parse(renewed) > LEASE;
}

/** Whether the run that wrote the entry has neither ended nor been silent for too long. */
export function mayBeAtWork(entry: LogEntry, now: number): boolean {
  return entry.ended === undefined && entry.renewed !== undefined && now - Date.parse(entry.renewed) < EXPIRED;
}

/** Commands of earlier versions of this program named no process: each of their entries counts as a run. */
export function isSameRun(one: LogEntry, other: LogEntry): boolean {
  if (one === other) return true;
  return one.holder !== undefined && one.holder.host === other.holder?.host && one.holder.pid === other.holder.pid && one.command === other.command;
}
