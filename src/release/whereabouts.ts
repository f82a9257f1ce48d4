/** Which version has how much of the traffic, in a sentence. */
import { type ColourState, type Pair, type State, type Traffic, isOccupied, otherColour, tagOf, weightOf } from './model.ts';
import { rolesOf } from './roles.ts';

/** Completes "Users are …". */
export function whereUsersAre(state: State): string {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') return 'not served: nothing runs.';
  const other = state.colours[otherColour(roles.primary.colour)];
  const named = (colour: ColourState) => [isOccupied(state, colour) ? tagOf(colour) : 'nothing (503)', colour.targetGroup] as const;
  return shares(state, [named(roles.primary), named(other)]);
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
