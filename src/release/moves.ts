/** The steps of one change of weights: the record first, the tasks that the share needs, the weights, and what follows them. */
import { type LogEntry, type NewEntry, type OtherRole, weightsBefore } from './log-entry.ts';
import {
  type ColourState,
  type Pair,
  type State,
  type Traffic,
  desiredTasks,
  inScope,
  share,
  splits,
  tagOf,
} from './model.ts';
import { ROUTE_BACK, refuse } from './refusals.ts';
import { lastEntry, lastSet } from './roles.ts';
import { requiredTargets, whyNoRules, whyNotOurs, whyNotReturn, whyNotShrink, whyNotWeight } from './safety.ts';
import type { RecordEntry, Scale, SetStickiness, SetWeights, Settle, Step, WaitStarted } from './step.ts';

export interface Shift {
  /** Percent for the pair's canary. */
  readonly percent: number;
  /** Recorded whatever others wrote meanwhile, and also where the log can't be written: `rollback` and `route --canary 0`. */
  readonly emergency?: boolean;
  /** ms */
  readonly settle: number;
  /** Go back also to a group without a healthy target. */
  readonly force?: boolean;
  /** ARNs of listeners and rules to restrict the change to; undefined for all that carry the pair. */
  readonly scope?: readonly string[];
}

export interface Move extends Shift {
  /** What the other colour is by then; undefined for an empty one. */
  readonly role: OtherRole | undefined;
  /** Refuse instead of starting the tasks that the share needs. */
  readonly noScale?: boolean;
  /** On the way down, stop the tasks that the share does not need any more, but one. */
  readonly scaleDown?: boolean;
  /** Stickiness that is off once this is done, to be put back later; by default what an earlier run left so. */
  readonly stickiness?: LogEntry['stickiness'];
  /** Steps that give the primary healthy targets before it gets weight. */
  readonly revival?: readonly Step[];
  /** The command for a user whose way back is refused, and why. */
  readonly otherwise?: string;
}

/** Tasks that the whole traffic needs: as many as the primary had when the release began, or more if it has more by now. */
export function fullCount(state: State, primary: ColourState): number {
  return Math.max(lastEntry(state)?.tasks ?? 0, desiredTasks(primary));
}

/** The steps that give `other` its share, with the tasks and the stickiness that go with it; none where all is so already. */
export function moveSteps(state: State, primary: ColourState, other: ColourState, move: Move): Step[] {
  const { percent, role, stickiness, scope, emergency, revival = [] } = move;
  const recorded = record(state, primary, other, { role, percent, stickiness, scope, emergency });
  const growth = growthOf(state, primary, other, move);
  const weights = weightSteps(state, pairOf(primary, other), {
    ...move,
    newVersionPercent: percent,
    tasks: fullCount(state, primary),
    healthComes: growth.length > 0,
    primaryComes: revival.length > 0,
  });
  const shrinkage = shrinkageOf(state, primary, other, move);
  const steps = [...growth, ...revival, ...weights, ...shrinkage, ...restoration(state, pairOf(primary, other), recorded.entry, move)];
  return steps.length === 0 ? [] : [recorded, ...steps];
}

interface Weights extends Shift {
  /** Percent that the new version has then, as users are told it. */
  readonly newVersionPercent: number;
  /** Tasks that the share of healthy targets is measured by. */
  readonly tasks: number;
  /** Earlier steps of the plan see to the health of the canary. */
  readonly healthComes?: boolean;
  /** They see to the health of the primary. */
  readonly primaryComes?: boolean;
  /** The command for a user whose way back is refused, and why. */
  readonly otherwise?: string;
}

/**
 * Weights, then settle; nothing where the weights are right already.
 * @throws CanaryError when there is no rule to write, or a group that would get more has not enough healthy targets.
 */
export function weightSteps(traffic: Traffic, pair: Pair, weights: Weights): [] | [SetWeights, Settle] {
  const { percent, newVersionPercent, tasks, settle, force = false, scope, healthComes = false, primaryComes = false } = weights;
  refuse('no-rules', whyNoRules(traffic, pair, scope), 'put both target groups into a listener rule, then the same command again');
  const rules = inScope(traffic.rules, scope);
  const right = rules.filter((rule) => splits(rule, pair, percent));
  const doubtful = right.filter((rule) => (lastSet(traffic, rule, pair) ?? percent) !== percent).map(({ arn }) => arn);
  if (right.length === rules.length && doubtful.length === 0) return [];
  const rises = rules.some((rule) => share(rule, pair.canary) < percent) || (percent > 0 && doubtful.length > 0);
  if (!healthComes && rises) {
    refuse(traffic.healthUnknown ? 'health-unknown' : 'no-health', whyNotWeight(traffic, pair.canary, percent, tasks), 'ecs-canary status');
  }
  // Of weights 0 and 0 nobody has a share, so that the primary gets more there, too.
  if (!force && !primaryComes && rules.some((rule) => share(rule, pair.primary) < 100 - percent)) {
    refuse('no-health', whyNotReturn(traffic, pair.primary), weights.otherwise ?? `${ROUTE_BACK} --force   (all the same)`);
  }
  const setWeights: SetWeights = { do: 'set-weights', pair, percent, newVersionPercent, tasks, force, rules, doubtful };
  return [setWeights, { do: 'settle', ms: settle, after: setWeights }];
}

/** More tasks, where the share needs them; on the way down weight comes first. */
function growthOf(state: State, primary: ColourState, other: ColourState, move: Move): [] | [Scale, WaitStarted] {
  const { percent, noScale = false, scope } = move;
  const full = fullCount(state, primary);
  const required = requiredTargets(percent, full);
  const falls = inScope(state.rules, scope).some((rule) => share(rule, other.targetGroup) > percent);
  if (falls || desiredTasks(other) >= required) return [];
  const tooFew = `${percent}% needs ${required} tasks, ${tagOf(other)} has ${desiredTasks(other)}, and --no-scale says to start none`;
  refuse('no-tasks', noScale ? tooFew : undefined, 'the same command without --no-scale');
  refuse('not-ours', whyNotOurs(state));
  return [scale(other, required, full), waitFor(other, required, 'keep')];
}

/** Fewer tasks, once the weights need fewer: the highest share that is left in any rule decides. */
function shrinkageOf(state: State, primary: ColourState, other: ColourState, move: Move): [] | [Scale] {
  const { percent, scaleDown = false, scope } = move;
  const full = fullCount(state, primary);
  const changed = inScope(state.rules, scope);
  const highest = Math.max(...state.rules.map((rule) => (changed.includes(rule) ? percent : share(rule, other.targetGroup))));
  const required = Math.max(1, requiredTargets(highest, full));
  if (!scaleDown || desiredTasks(other) <= required) return [];
  // The way back is no place for a refusal: what must not be stopped is left alone, here and once more when it comes to it.
  const reason = whyNotOurs(state) ?? whyNotShrink({ ...state, rules: [] }, other.targetGroup, required, full);
  return reason ? [] : [scale(other, required, full)];
}

function scale(of: ColourState, tasks: number, full: number): Scale {
  return { do: 'scale', colour: of.colour, version: tagOf(of), tasks, full, taskDefinition: of.service?.taskDefinition ?? '' };
}

/** Waits for a deployment that exists already. */
export function waitFor(colour: ColourState, tasks: number, onFailure: WaitStarted['onFailure']): WaitStarted {
  const deployment = colour.service?.deployment?.id;
  return { do: 'wait-started', colour: colour.colour, version: tagOf(colour), tasks, deployment, onFailure };
}

/** A route upwards ends what `rollback --break-stickiness` began, in the rules that it is about. */
function restoration(state: State, pair: Pair, recorded: NewEntry, { percent, scope }: Move): [] | [SetStickiness] {
  const { stickiness = {}, ...entry } = recorded;
  const meant = inScope(state.rules, scope).map(({ arn }) => arn);
  const seconds = Object.entries(stickiness).filter(([arn]) => meant.includes(arn));
  if (percent === 0 || seconds.length === 0) return [];
  const others = Object.fromEntries(Object.entries(stickiness).filter(([arn]) => !meant.includes(arn)));
  return [{ do: 'set-stickiness', pair, seconds: new Map(seconds), entry: { ...entry, stickiness: others } }];
}

/** Stickiness that an earlier run switched off, in rules where nobody has switched it on again. */
export function brokenStickiness(traffic: Traffic): Readonly<Record<string, number>> {
  const off = (arn: string) => traffic.rules.some((rule) => rule.arn === arn && rule.stickiness === undefined);
  return Object.fromEntries(Object.entries(lastEntry(traffic)?.stickiness ?? {}).filter(([arn]) => off(arn)));
}

interface Recorded {
  readonly role?: OtherRole;
  readonly percent: number;
  /** Tasks of the primary when the release began; by default what the log says of it. */
  readonly tasks?: number;
  readonly emergency?: boolean;
  /** The weights stand as `percent` says by then: there is no "before" that they may still have. */
  readonly moved?: boolean;
  /** The other one is about to be stopped for good. */
  readonly destroyed?: boolean;
  /** ARNs of listeners and rules that the change is restricted to. */
  readonly scope?: readonly string[];
  readonly stickiness?: LogEntry['stickiness'];
}

export function record(state: State, primary: ColourState, other: ColourState, recorded: Recorded): RecordEntry {
  const { role, percent, emergency = false, moved = false, destroyed, scope, stickiness = brokenStickiness(state) } = recorded;
  const pair = pairOf(primary, other);
  const entry: NewEntry = {
    primary: pair.primary,
    other: role && { targetGroup: pair.canary, role, version: tagOf(other), ...(destroyed && { destroyed }) },
    percent,
    tasks: recorded.tasks ?? lastEntry(state)?.tasks ?? desiredTasks(primary),
    before: moved ? {} : weightsBefore(state.rules, pair.primary, pair.canary),
    ...(scope && { scope: inScope(state.rules, scope).map(({ arn }) => arn) }),
    ...(Object.keys(stickiness).length > 0 && { stickiness }),
  };
  return { do: 'record', entry, emergency };
}

export function pairOf(primary: ColourState, canary: ColourState): Pair {
  return { primary: primary.targetGroup, canary: canary.targetGroup };
}
