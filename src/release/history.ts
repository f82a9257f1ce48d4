/** What was done with a pair so far, as its release log tells it. */
import { isSameRun, isSilent } from './holder.ts';
import { type LogEntry, type OtherRole, otherShare } from './log-entry.ts';

export interface HistoryEntry {
  readonly number: number;
  /** ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly command: string;
  /** ARN of the target group that owned production from then on. */
  readonly primary: string;
  readonly other: { readonly targetGroup: string; readonly role: OtherRole; readonly version: string | null } | null;
  /** Percent that the other group had; the highest of all rules, null where none was looked at. */
  readonly before: number | null;
  /** Percent that it was to get. */
  readonly percent: number;
  readonly state: RunState | null;
}

/**
 * What became of the run after it wrote an entry: `carried-on` to its own next one, `taken-over` by another run while it was
 * alive. Null for entries of earlier versions of this program, which did not say.
 */
export type RunState = 'at-work' | 'ended' | 'carried-on' | 'taken-over' | 'cut-off';

/**
 * @param entries oldest first, as the answer is.
 * @param now wall time in ms.
 */
export function historyOf(entries: readonly LogEntry[], now: number): HistoryEntry[] {
  return entries.map((entry, index) => {
    const { number, at, by, command, primary, other, percent } = entry;
    return {
      number,
      at,
      by,
      command,
      primary,
      other: other ? { targetGroup: other.targetGroup, role: other.role, version: other.version ?? null } : null,
      before: percentBefore(entry),
      percent,
      state: stateOf(entry, entries[index + 1], now),
    };
  });
}

function percentBefore({ before }: LogEntry): number | null {
  const shares = Object.values(before).map(otherShare);
  return shares.length === 0 ? null : Math.max(...shares);
}

function stateOf(entry: LogEntry, next: LogEntry | undefined, now: number): RunState | null {
  if (entry.ended !== undefined) return 'ended';
  if (entry.renewed === undefined) return null;
  if (next && isSameRun(entry, next)) return 'carried-on';
  if (isSilent(entry.renewed, next ? Date.parse(next.at) : now)) return 'cut-off';
  return next ? 'taken-over' : 'at-work';
}
