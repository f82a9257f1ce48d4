/** The way back: which version had production, whether it has to be started first, and the steps of `rollback`. Pure. */
import type { OtherRole } from './log-entry.ts';
import { type ColourState, type State, canComeBack, desiredTasks, healthyTargets, isOccupied, otherColour, splits, tagOf } from './model.ts';
import { type Move, brokenStickiness, moveSteps, pairOf, record, waitFor } from './moves.ts';
import { ROUTE_BACK, contradicted, noWayBack, nothingRuns, refuse } from './refusals.ts';
import { lastEntry, loggedPrimary, replacedVersion, rolesOf } from './roles.ts';
import { whyNotEverything, whyNotOurs } from './safety.ts';
import type { Plan, SetStickiness, Step } from './step.ts';
import { whereUsersAre } from './whereabouts.ts';

export interface RollbackIntent {
  /** ms */
  readonly settle: number;
  /** Go back also to a version without a healthy target. */
  readonly force: boolean;
  /** Switch group stickiness off, so that clients with a cookie come along. */
  readonly breakStickiness: boolean;
}

export interface WayBack {
  /** The version that had production. */
  readonly to: ColourState;
  readonly from: ColourState;
}

/**
 * Where a rollback goes, as long as something there can take the traffic: after a promotion to the version that it replaced,
 * whatever the weights are, and else to the primary. Undefined where nothing runs, and nothing says what should.
 */
export function wayBack(state: State): WayBack | undefined {
  const roles = rolesOf(state);
  const replaced = replacedVersion(state);
  const back = replaced && !whyNotServe(state, replaced) ? replaced : undefined;
  if (roles.phase !== 'nothing') return towards(state, back ?? roles.primary);
  // Both were stopped on the way from one to the other. Where all traffic is at home already, there is nothing to go back from.
  const home = back ?? loggedPrimary(state);
  return home && canComeBack(home) && whyNotEverything(state, home) ? towards(state, home) : undefined;
}

/** All traffic back to the version that had it, in one weight change. Where its tasks were stopped, they come first. */
export function planRollback(state: State, intent: RollbackIntent): Plan {
  const way = wayBack(state);
  if (!way) throw nothingRuns(state);
  const { to, from } = way;
  const role = isOccupied(state, from) ? 'rolled-back' : undefined;
  const steps = backSteps(state, way, role, intent);
  if (steps.length > 0) return { steps };

  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
  const known = lastEntry(state)?.primary === to.targetGroup;
  if (known && roles.phase === 'primary+old' && roles.rolledBack) {
    return { steps, note: `${tagOf(from)} is rolled back already; ${tagOf(to)} has all traffic.` };
  }
  if (roles.phase === 'primary' && !roles.contradiction) throw noWayBack(to, whereUsersAre(state), closed(state));
  // Without the log the other one may be what production was taken from: to call it rolled back would close the way there.
  if (!state.log && role) throw contradicted('the release log cannot be read', ROUTE_BACK);
  // The weights are right already; the entry says what they mean.
  return { steps: [record(state, to, from, { role, percent: 0, emergency: true })] };
}

/** Why a version that is not running cannot take the traffic, not even after a start. */
function whyNotServe(state: State, version: ColourState): string | undefined {
  if (isOccupied(state, version)) return undefined;
  if (state.tasksUnknown) return 'whether it could be started is not known';
  if (lastEntry(state)?.other?.destroyed) return 'it was destroyed';
  return canComeBack(version) ? undefined : 'its ECS service is gone';
}

/** The version that production would go back to, were it still there, and why it is not. */
function closed(state: State): { readonly version: string; readonly why: string } | undefined {
  const replaced = replacedVersion(state);
  if (!replaced) return undefined;
  const why = whyNotServe(state, replaced);
  return why === undefined ? undefined : { version: lastEntry(state)?.other?.version ?? tagOf(replaced), why };
}

function towards(state: State, to: ColourState): WayBack {
  return { to, from: state.colours[otherColour(to.colour)] };
}

/** The way back: tasks where there are none, then the weights, then what keeps clients on the other version. */
function backSteps(state: State, { to, from }: WayBack, role: OtherRole | undefined, rollback: RollbackIntent): Step[] {
  const { breakStickiness, ...intent } = rollback;
  const sticky = breakStickiness ? state.rules.filter((rule) => rule.stickiness !== undefined) : [];
  const stickiness = { ...brokenStickiness(state), ...Object.fromEntries(sticky.map((rule) => [rule.arn, rule.stickiness ?? 0])) };
  const otherwise = 'ecs-canary rollback --force   (all the same), or ecs-canary status';
  const move: Move = { ...intent, percent: 0, role, stickiness, emergency: true, revival: revival(state, to, from, intent.force), otherwise };
  const steps = moveSteps(state, to, from, move);
  if (sticky.length === 0) return steps;
  const switchOff: SetStickiness = { do: 'set-stickiness', pair: pairOf(to, from), seconds: new Map(sticky.map(({ arn }) => [arn, undefined])) };
  const settle = steps.find((step) => step.do === 'settle');
  if (steps.length === 0) return [record(state, to, from, { role, percent: 0, emergency: true, stickiness }), switchOff];
  return [...steps.filter((step) => step !== settle), switchOff, ...(settle ? [settle] : [])];
}

/**
 * What it takes for the version to have a healthy target: a start where it wants no tasks, patience where its tasks are on
 * their way. One that runs and is not healthy is nothing to wait for.
 */
function revival(state: State, to: ColourState, from: ColourState, force: boolean): Step[] {
  if (isOccupied(state, to)) {
    const moves = state.rules.some((rule) => !splits(rule, pairOf(to, from), 0));
    return moves && !force && isStarting(state, to) ? [waitFor(to, desiredTasks(to), 'keep')] : [];
  }
  if (state.tasksUnknown) return [];
  refuse('not-ours', whyNotOurs(state, [to]), 'give it tasks yourself, then ecs-canary rollback');
  const tasks = Math.max(1, lastEntry(state)?.tasks ?? 0);
  const { colour, service } = to;
  const version = tagOf(to);
  return [
    { do: 'bring-back', colour, version, tasks, taskDefinition: service?.taskDefinition ?? '' },
    ...(force ? [] : [{ do: 'wait-started', colour, version, tasks, deployment: undefined, onFailure: 'keep' } as const]),
  ];
}

/** Whether no target is healthy yet, and some task has still to show whether it gets so. */
function isStarting(state: State, colour: ColourState): boolean {
  if (state.healthUnknown || state.tasksUnknown || healthyTargets(state, colour.targetGroup) > 0) return false;
  const judged = (state.targets.get(colour.targetGroup) ?? []).filter((target) => target.state !== 'draining' && target.state !== 'initial');
  return judged.length < desiredTasks(colour);
}
