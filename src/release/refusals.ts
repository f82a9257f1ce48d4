/** What the planner refuses, in words for the user. Nothing was changed when one of these is thrown. */
import { CanaryError, UNCHANGED } from '../errors.ts';
import { type ColourState, type Pair, type State, type Version, tagOf } from './model.ts';
import { type Roles, drift } from './roles.ts';

/** Throws what a safety rule says, if it says anything. */
export function refuse(code: string, reason: string | undefined, next?: string): void {
  if (!reason) return;
  const message = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${reason.endsWith('.') ? '' : '.'}`;
  throw new CanaryError({ code, message, usersAre: UNCHANGED, next });
}

/**
 * Only moves towards the primary are safe while log and weights disagree.
 * @param acceptDrift goes on where all there is to it is that somebody else changed the weights.
 */
export function refuseContradiction(state: State, roles: Roles, acceptDrift: boolean): void {
  if (state.undiscovered) throw contradicted(state.undiscovered, ROUTE_BACK);
  if (roles.phase === 'nothing' || !roles.contradiction) return;
  const drifted = roles.contradiction === drift(state);
  if (drifted && acceptDrift) return;
  const back = `${ROUTE_BACK}   (all traffic to the primary, from where it is known again)`;
  throw contradicted(roles.contradiction, drifted ? orAccept(back) : back);
}

/** The two ways on where all there is to it is that somebody else changed weights. */
export function orAccept(back: string): string {
  return `${back}\n      or the same command with --accept-drift   (goes on from the weights as they are)`;
}

/** Code of what somebody else's weights stop. */
export const DRIFT = 'drift';

/** What is safe from every state. */
export const ROUTE_BACK = 'ecs-canary route --canary 0';

/** The same for two groups given by ARN. */
export function routeBack(pair?: Pair): string {
  return `${ROUTE_BACK}${groupFlags(pair)}`;
}

/** The options that name two groups; nothing for a project's own. */
export function groupFlags(pair?: Pair): string {
  return pair ? ` --primary-target-group ${pair.primary} --canary-target-group ${pair.canary}` : '';
}

export function contradicted(reason: string, next: string): CanaryError {
  return new CanaryError({ code: DRIFT, message: `It is not certain what runs where: ${reason}.`, usersAre: UNCHANGED, next });
}

/** @param back the command that brings back what ran, where there is one. */
export function nothingRuns(state: State, back?: string): CanaryError {
  return new CanaryError({
    code: 'nothing-runs',
    message: `Nothing runs as ${state.place.service} of ${state.place.project}.`,
    usersAre: 'not served: nothing runs.',
    next: back ?? 'ecs-canary update --tag <version>',
  });
}

export function noCanary(state: State): CanaryError {
  return new CanaryError({
    code: 'no-canary',
    message: `There is no canary of ${state.place.service}.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary rollout --tag <version>',
  });
}

/** @param closed the version that would have been gone back to, and why it cannot be. */
export function noWayBack(primary: ColourState, usersAre: string, closed?: { version: string; why: string }): CanaryError {
  const reason = closed ? `. ${closed.version} had production before, and ${closed.why}` : '';
  return new CanaryError({
    code: 'no-way-back',
    message: `There is no version to go back to: ${tagOf(primary)} is the only one that runs${reason}.`,
    usersAre,
    next: `ecs-canary update --tag ${closed?.version ?? '<an earlier version>'}`,
  });
}

export function otherCanary(canary: ColourState, version: Version): CanaryError {
  return new CanaryError({
    code: 'other-canary',
    message: `${tagOf(canary)} is being tried already, so ${version.tag} cannot start beside it.`,
    usersAre: UNCHANGED,
    next: `ecs-canary promote, or ecs-canary rollback, or ecs-canary rollout --tag ${version.tag} --replace`,
  });
}

export function oldInTheWay(old: ColourState): CanaryError {
  return new CanaryError({
    code: 'old-in-the-way',
    message: `${tagOf(old)} still runs where the new version would start, and --keep-old says to keep it.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary destroy-old, or leave out --keep-old',
  });
}
