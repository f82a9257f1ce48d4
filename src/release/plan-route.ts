/** Where traffic is to go: the steps of `route` and `promote`. Pure: no clock, no network. */
import { type NewEntry, type OtherRole, weightsBefore } from './log-entry.ts';
import { type Pair, type State, type Traffic, canComeBack, desiredTasks, healthyTargets, inScope, isOccupied, otherColour, tagOf } from './model.ts';
import { type Shift, brokenStickiness, fullCount, moveSteps, record, weightSteps } from './moves.ts';
import { wayBack } from './plan-rollback.ts';
import { ROUTE_BACK, contradicted, noCanary, nothingRuns, orAccept, refuseContradiction, routeBack } from './refusals.ts';
import { type Roles, drift, lastEntry, roleOfOld, rolesOf } from './roles.ts';
import type { Plan, Step } from './step.ts';
import { foreignRules } from './safety.ts';

export interface RouteIntent extends Shift {
  /** Go on although somebody else changed the weights. */
  readonly acceptDrift: boolean;
  /** Refuse instead of starting the tasks that the share needs. */
  readonly noScale: boolean;
  /** On the way down, stop the tasks that the share does not need any more, but one. */
  readonly scaleDown: boolean;
}

export type PromoteIntent = Pick<RouteIntent, 'settle' | 'acceptDrift' | 'noScale'>;

/** Gives the canary its share in every rule that carries the pair, or in those of the scope. */
export function planRoute(state: State, { acceptDrift, ...intent }: RouteIntent): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state, wayBack(state) && 'ecs-canary rollback');
  if (intent.percent > 0) {
    if (roles.phase !== 'primary+canary') throw noCanary(state);
    refuseContradiction(state, roles, acceptDrift);
  }
  const { primary } = roles;
  const other = state.colours[otherColour(primary.colour)];
  const role = roleOfOther(roles);
  const emergency = intent.percent === 0;
  const comesBack = !isOccupied(state, primary) && canComeBack(primary);
  const otherwise = comesBack ? `ecs-canary rollback   (starts ${tagOf(primary)} first), or ${ROUTE_BACK} --force` : undefined;
  const steps = moveSteps(state, primary, other, { ...intent, role, emergency, otherwise });
  if (steps.length > 0 || !roles.contradiction) return { steps };
  // The weights are right already; the entry ends the disagreement.
  return { steps: [record(state, primary, other, { role, percent: intent.percent, scope: intent.scope, emergency })] };
}

/** The canary gets everything and is the primary from then on. */
export function planPromote(state: State, { acceptDrift, ...intent }: PromoteIntent): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state, wayBack(state) && 'ecs-canary rollback');
  if (roles.phase !== 'primary+canary') throw noCanary(state);
  refuseContradiction(state, roles, acceptDrift);
  const { primary, canary } = roles;
  const move = moveSteps(state, primary, canary, { ...intent, percent: 100, role: 'canary' });
  const putBack = move.find((step) => step.do === 'set-stickiness');
  const moved: Step[] = move.filter((step) => step !== putBack);
  // Weights that are right already may have been written a moment ago, by a run that was cut off.
  if (!moved.some((step) => step.do === 'settle')) moved.push({ do: 'settle', ms: intent.settle, after: undefined });
  const tasks = Math.max(desiredTasks(canary), fullCount(state, primary));
  const promoted = record(state, canary, primary, { role: 'replaced', percent: 0, tasks, moved: true });
  const restored: Step[] = putBack ? [{ ...putBack, entry: { ...promoted.entry, stickiness: {} } }] : [];
  // Rules outside the pair may still send it traffic: it is not to be destroyed then.
  const free = foreignRules(state, primary.targetGroup).length === 0;
  const announce: Step[] = free ? [{ do: 'announce', service: state.place.service, version: tagOf(primary) }] : [];
  return { steps: [...moved, promoted, ...restored, ...announce] };
}

/** Moves weight between any two target groups, whoever made them. */
export function planRouteGroups(traffic: Traffic, pair: Pair, { acceptDrift, ...shift }: Shift & { readonly acceptDrift: boolean }): Plan {
  const { percent } = shift;
  const drifted = drift(traffic);
  const unknown = traffic.undiscovered ?? (traffic.log ? undefined : 'the release log cannot be read');
  const back = routeBack(pair);
  if (percent > 0 && unknown) throw contradicted(unknown, back);
  if (percent > 0 && drifted && !acceptDrift) throw contradicted(drifted, orAccept(back));
  const tasks = healthyTargets(traffic, pair.primary);
  const emergency = percent === 0;
  const otherwise = `${back} --force   (all the same)`;
  const steps = weightSteps(traffic, pair, { ...shift, emergency, newVersionPercent: percent, tasks, otherwise });
  if (steps.length === 0 && !unknown && !drifted) return { steps };
  return { steps: [{ do: 'record', entry: groupsEntry(traffic, pair, shift, tasks), emergency }, ...steps] };
}

/** The groups may be a project's: what the log knows of them as versions stays known. */
function groupsEntry(traffic: Traffic, pair: Pair, { percent, scope }: Shift, tasks: number): NewEntry {
  const last = lastEntry(traffic);
  const known = last?.primary === pair.primary && last.other?.targetGroup === pair.canary ? last : undefined;
  const stickiness = brokenStickiness(traffic);
  return {
    primary: pair.primary,
    other: known?.other ?? { targetGroup: pair.canary, role: 'canary' },
    percent,
    tasks: known?.tasks ?? tasks,
    before: weightsBefore(traffic.rules, pair.primary, pair.canary),
    ...(scope && { scope: inScope(traffic.rules, scope).map(({ arn }) => arn) }),
    ...(Object.keys(stickiness).length > 0 && { stickiness }),
  };
}

function roleOfOther(roles: Exclude<Roles, { phase: 'nothing' }>): OtherRole | undefined {
  switch (roles.phase) {
    case 'primary':
      return undefined;
    case 'primary+canary':
      return 'canary';
    case 'primary+old':
      return roleOfOld(roles);
  }
}
