/** Since when a group has no weight any more: from then on only cookies send clients there. Pure. */
import type { LogEntry } from './log-entry.ts';
import type { Traffic } from './model.ts';

/** ISO 8601, by the release log; undefined for a group that never had any weight. */
export function lostWeightAt({ log = [] }: Pick<Traffic, 'log'>, targetGroup: string): string | undefined {
  const last = log.findLastIndex((entry) => gaveWeight(entry, targetGroup));
  if (last === -1) return undefined;
  // The entry after that one announced the move; whatever was written next was written after it.
  const { at, renewed, ended } = log[last + 1] ?? {};
  return log[last + 2]?.at ?? ended ?? renewed ?? at ?? log[last]?.at;
}

/** Whether the entry's change left the group any traffic. */
function gaveWeight({ primary, percent, scope, before }: LogEntry, targetGroup: string): boolean {
  const ofOther = primary !== targetGroup;
  if (ofOther ? percent > 0 : percent < 100) return true;
  const untouched = Object.entries(before).filter(([arn]) => scope && !scope.includes(arn));
  return untouched.some(([, [own, others]]) => (ofOther ? others : own) > 0);
}
