/** Where traffic is to go: the steps of `route`, `promote` and `rollback`. Pure: no clock, no network. */
import { type NewEntry, type OtherRole, weightsBefore } from './log-entry.ts';
import { type ColourState, type Pair, type State, type Traffic, desiredTasks, healthyTargets, inScope, otherColour, tagOf } from './model.ts';
import { type Move, type Shift, brokenStickiness, fullCount, moveSteps, pairOf, record, weightSteps } from './moves.ts';
import { ROUTE_BACK, contradicted, noCanary, noWayBack, nothingRuns, orAccept, refuseContradiction, routeBack } from './refusals.ts';
import { type Roles, drift, lastEntry, roleOfOld, rolesOf } from './roles.ts';
import type { Plan, SetStickiness, Step } from './step.ts';
import { foreignRules } from './safety.ts';
import { whereUsersAre } from './whereabouts.ts';

export interface RouteIntent extends Shift {
  /** Go on although somebody else changed the weights. */
  readonly acceptDrift: boolean;
  /** Refuse instead of starting the tasks that the share needs. */
  readonly noScale: boolean;
  /** On the way down, stop the tasks that the share does not need any more, but one. */
  readonly scaleDown: boolean;
}

export type PromoteIntent = Pick<RouteIntent, 'settle' | 'acceptDrift' | 'noScale'>;

export interface RollbackIntent {
  /** ms */
  readonly settle: number;
  /** Go back also to a version without a healthy target. */
  readonly force: boolean;
  /** Switch group stickiness off, so that clients with a cookie come along. */
  readonly breakStickiness: boolean;
}

/** Gives the canary its share in every rule that carries the pair, or in those of the scope. */
export function planRoute(state: State, { acceptDrift, ...intent }: RouteIntent): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
  if (intent.percent > 0) {
    if (roles.phase !== 'primary+canary') throw noCanary(state);
    refuseContradiction(state, roles, acceptDrift);
  }
  const { primary } = roles;
  const other = state.colours[otherColour(primary.colour)];
  const role = roleOfOther(roles);
  const emergency = intent.percent === 0;
  const steps = moveSteps(state, primary, other, { ...intent, role, emergency });
  if (steps.length > 0 || !roles.contradiction) return { steps };
  // The weights are right already; the entry ends the disagreement.
  return { steps: [record(state, primary, other, { role, percent: intent.percent, scope: intent.scope, emergency })] };
}

/** The canary gets everything and is the primary from then on. */
export function planPromote(state: State, { acceptDrift, ...intent }: PromoteIntent): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
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

/** All traffic back to the version that had it, in one weight change. */
export function planRollback(state: State, intent: RollbackIntent): Plan {
  const roles = rolesOf(state);
  switch (roles.phase) {
    case 'nothing':
      throw nothingRuns(state);
    case 'primary': {
      const { primary } = roles;
      const other = state.colours[otherColour(primary.colour)];
      const steps = backSteps(state, primary, other, undefined, intent);
      if (steps.length > 0) return { steps };
      if (!roles.contradiction) throw noWayBack(primary, whereUsersAre(state));
      return { steps: [record(state, primary, other, { percent: 0, emergency: true })] };
    }
    case 'primary+canary': {
      const { primary, canary } = roles;
      const steps = backSteps(state, primary, canary, 'rolled-back', intent);
      if (steps.length > 0) return { steps };
      // Without the log the other one may be what production was taken from: to call it rolled back would close the way there.
      if (!state.log) throw contradicted('the release log cannot be read', ROUTE_BACK);
      return { steps: [record(state, primary, canary, { role: 'rolled-back', percent: 0, emergency: true })] };
    }
    case 'primary+old': {
      const { primary, old, rolledBack } = roles;
      const [to, from] = rolledBack ? [primary, old] : [old, primary];
      const steps = backSteps(state, to, from, 'rolled-back', intent);
      return steps.length > 0 ? { steps } : { steps, note: `${tagOf(from)} is rolled back already; ${tagOf(to)} has all traffic.` };
    }
  }
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
  const steps = weightSteps(traffic, pair, { ...shift, emergency, newVersionPercent: percent, tasks });
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

/** The way back to `to`: the weights first, then what keeps clients on the other one. */
function backSteps(state: State, to: ColourState, from: ColourState, role: OtherRole | undefined, rollback: RollbackIntent): Step[] {
  const { breakStickiness, ...intent } = rollback;
  const sticky = breakStickiness ? state.rules.filter((rule) => rule.stickiness !== undefined) : [];
  const stickiness = { ...brokenStickiness(state), ...Object.fromEntries(sticky.map((rule) => [rule.arn, rule.stickiness ?? 0])) };
  const move: Move = { ...intent, percent: 0, role, stickiness, emergency: true };
  const steps = moveSteps(state, to, from, move);
  if (sticky.length === 0) return steps;
  const switchOff: SetStickiness = { do: 'set-stickiness', pair: pairOf(to, from), seconds: new Map(sticky.map(({ arn }) => [arn, undefined])) };
  const settle = steps.find((step) => step.do === 'settle');
  if (!settle) return [record(state, to, from, { role, percent: 0, emergency: true, stickiness }), switchOff];
  return [...steps.filter((step) => step !== settle), switchOff, settle];
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
