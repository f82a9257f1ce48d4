/** Which version has how much of the traffic, in a sentence. */
import { COLOURS, type Pair, type State, type Traffic, desiredTasks, tagOf, weightOf } from './model.ts';
import { rolesOf } from './roles.ts';

/** Completes "Users are …". */
export function whereUsersAre(state: State): string {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') return 'not served: nothing runs.';
  const others = COLOURS.filter((colour) => colour !== roles.primary.colour).map((colour) => state.colours[colour]);
  return shares(state, [
    [tagOf(roles.primary), roles.primary.targetGroup],
    ...others.map((other) => [desiredTasks(other) > 0 ? tagOf(other) : 'nothing (503)', other.targetGroup] as const),
  ]);
}

/** The same for two target groups given by ARN. */
export function whereUsersOfPairAre(traffic: Traffic, { primary, canary }: Pair): string {
  return shares(traffic, [[primary, primary], [canary, canary]]);
}

/** @param groups names of target groups and their ARNs; the first is named even without traffic. */
function shares(traffic: Traffic, groups: readonly (readonly [name: string, targetGroup: string])[]): string {
  const known = groups
    .map(([name, targetGroup]) => ({ name, percent: Math.round(weightOf(traffic, targetGroup)) }))
    .filter(({ percent }, index) => percent > 0 || index === 0);
  // Where rules differ, each version is told with its highest share.
  const upTo = known.reduce((sum, { percent }) => sum + percent, 0) > 101 ? 'up to ' : '';
  return `on ${known.map(({ name, percent }) => `${name} with ${upTo}${percent}% of the traffic`).join(' and on ')}.`;
}
