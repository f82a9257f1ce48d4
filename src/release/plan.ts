/** From what AWS says now and what is wanted to the steps that lead there. Pure: no clock, no network. */
import { type NewEntry, type OtherRole, weightsBefore } from './log-entry.ts';
import {
  type ColourState,
  type Pair,
  type State,
  type Traffic,
  type Version,
  desiredTasks,
  healthyTargets,
  otherColour,
  runs,
  share,
  splits,
  tagOf,
  weightOf,
} from './model.ts';
import { contradicted, noCanary, noWayBack, nothingRuns, oldInTheWay, otherCanary, refuse, refuseContradiction } from './refusals.ts';
import { type Roles, drift, lastEntry, rolesOf } from './roles.ts';
import { whereUsersAre } from './whereabouts.ts';
import { whyNoRules, whyNotEverything, whyNotOurs, whyNotReturn, whyNotStart, whyNotStop, whyNotWeight } from './safety.ts';
import type { RecordEntry, Step, Stop } from './step.ts';

export interface Plan {
  readonly steps: readonly Step[];
  /** Why there is nothing to do, where that needs saying. */
  readonly note?: string;
}

export interface RolloutIntent {
  readonly version: Version;
  /** Tasks of a first version; a later one takes the primary's number. */
  readonly firstTasks: number;
  /** Refuse instead of destroying the old version that stands where the canary would start. */
  readonly keepOld: boolean;
  /** Take back and stop another canary first. */
  readonly replace: boolean;
  /** ms */
  readonly settle: number;
}

export interface RouteIntent {
  /** Percent for the canary. */
  readonly percent: number;
  /** Go back even to a version without a healthy target. */
  readonly force: boolean;
  /** ms */
  readonly settle: number;
}

/** Starts a version in the empty colour at weight 0; a first version becomes the primary. */
export function planRollout(state: State, intent: RolloutIntent): Plan {
  refuse('not-ours', whyNotOurs(state));
  const roles = rolesOf(state);
  const { version } = intent;
  if (roles.phase === 'nothing') return planFirst(state, intent);
  const { primary } = roles;
  if (roles.phase === 'primary+canary') {
    const { canary } = roles;
    if (runs(canary, version)) return planResume(state, primary, canary);
    if (runs(primary, version) || !intent.replace) throw otherCanary(canary, version);
    refuseContradiction(roles);
    const move = moveSteps(state, primary, canary, { percent: 0, settle: intent.settle, force: false, role: 'rolled-back' });
    return { steps: [...move, ...clear(state, primary, canary, 'rolled-back'), ...startCanary(state, primary, version)] };
  }
  if (roles.phase === 'primary') refuse('has-weight', whyNotEverything(state, primary), ROUTE_BACK);
  if (runs(primary, version)) return planAgain(state, roles, version);
  refuseContradiction(roles);
  if (roles.phase === 'primary+old') {
    const { old } = roles;
    if (intent.keepOld) throw oldInTheWay(old);
    refuse('has-weight', whyNotStop(state, old.targetGroup));
    return { steps: [...clear(state, primary, old, roleOfOld(roles)), ...startCanary(state, primary, version)] };
  }
  const empty = state.colours[otherColour(primary.colour)];
  refuse('not-empty', whyNotStart(state, empty.colour));
  refuse('has-weight', whyNotStop(state, empty.targetGroup), ROUTE_BACK);
  return { steps: startCanary(state, primary, version) };
}

/** Gives the canary its share in every rule that carries the pair. */
export function planRoute(state: State, intent: RouteIntent): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
  if (intent.percent > 0) {
    if (roles.phase !== 'primary+canary') throw noCanary(state);
    refuseContradiction(roles);
  }
  const { primary } = roles;
  const other = state.colours[otherColour(primary.colour)];
  const role = roles.phase === 'primary+canary' ? 'canary' : roles.phase === 'primary+old' ? roleOfOld(roles) : undefined;
  const steps = moveSteps(state, primary, other, { ...intent, role });
  if (steps.length > 0 || !roles.contradiction) return { steps };
  // The weights are right already; the entry ends the disagreement.
  return { steps: [record(state, primary, other, { role, percent: 0, emergency: true })] };
}

/** The canary gets everything and is the primary from then on. */
export function planPromote(state: State, intent: Omit<RouteIntent, 'percent'>): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
  if (roles.phase !== 'primary+canary') throw noCanary(state);
  refuseContradiction(roles);
  const { primary, canary } = roles;
  const move = moveSteps(state, primary, canary, { ...intent, percent: 100, role: 'canary' });
  // Weights that are right already may have been written a moment ago, by a run that was cut off.
  const steps: Step[] = move.length > 0 ? move : [{ do: 'settle', ms: intent.settle, after: undefined }];
  const promoted = record(state, canary, primary, { role: 'replaced', percent: 0, tasks: desiredTasks(canary), moved: true });
  return { steps: [...steps, promoted, { do: 'announce', service: state.place.service, version: tagOf(primary) }] };
}

/** All traffic back to the version that had it, in one weight change. */
export function planRollback(state: State, intent: Omit<RouteIntent, 'percent'>): Plan {
  const roles = rolesOf(state);
  const back = { ...intent, percent: 0, role: 'rolled-back' } as const;
  switch (roles.phase) {
    case 'nothing':
      throw nothingRuns(state);
    case 'primary': {
      const { primary } = roles;
      const other = state.colours[otherColour(primary.colour)];
      const steps = moveSteps(state, primary, other, { ...back, role: undefined });
      if (steps.length > 0) return { steps };
      if (!roles.contradiction) throw noWayBack(primary, whereUsersAre(state));
      return { steps: [record(state, primary, other, { percent: 0, emergency: true })] };
    }
    case 'primary+canary': {
      const { primary, canary } = roles;
      const steps = moveSteps(state, primary, canary, back);
      if (steps.length > 0) return { steps };
      // Without the log the other one may be what production was taken from: to call it rolled back would close the way there.
      if (!state.log) throw contradicted('the release log cannot be read', ROUTE_BACK);
      return { steps: [record(state, primary, canary, { role: 'rolled-back', percent: 0, emergency: true })] };
    }
    case 'primary+old': {
      const { primary, old } = roles;
      if (!roles.rolledBack) return { steps: moveSteps(state, old, primary, back) };
      return { steps: [], note: `${tagOf(old)} is rolled back already; ${tagOf(primary)} has all traffic.` };
    }
  }
}

/** Empties the colour of a replaced or rolled-back version. */
export function planDestroyOld(state: State): Plan {
  const roles = rolesOf(state);
  if (roles.phase !== 'primary+old') return { steps: [], note: 'There is no old version: nothing to destroy.' };
  refuse('not-ours', whyNotOurs(state));
  refuseContradiction(roles);
  refuse('has-weight', whyNotStop(state, roles.old.targetGroup));
  return { steps: clear(state, roles.primary, roles.old, roleOfOld(roles)) };
}

/** Moves weight between any two target groups, whoever made them. */
export function planRouteGroups(traffic: Traffic, pair: Pair, intent: RouteIntent): Plan {
  const disagreement = traffic.log ? drift(traffic) : 'the release log cannot be read';
  if (intent.percent > 0 && disagreement) {
    throw contradicted(disagreement, `ecs-canary route --canary 0 --primary-target-group ${pair.primary} --canary-target-group ${pair.canary}`);
  }
  const tasks = healthyTargets(traffic, pair.primary);
  const entry: NewEntry = {
    primary: pair.primary,
    other: { targetGroup: pair.canary, role: 'canary' },
    percent: intent.percent,
    tasks,
    before: weightsBefore(traffic.rules, pair.primary, pair.canary),
  };
  const steps = weightSteps(traffic, pair, entry, { ...intent, newVersionPercent: intent.percent });
  return { steps: steps.length === 0 && disagreement ? [{ do: 'record', entry, emergency: true }] : steps };
}

const ROUTE_BACK = 'ecs-canary route --canary 0';

/** Nothing runs yet: the version starts where the weight is, and becomes the primary. */
function planFirst(state: State, { version, firstTasks: tasks, settle }: RolloutIntent): Plan {
  refuse('log-unreadable', state.log ? undefined : 'the release log cannot be read');
  const { blue, green } = state.colours;
  refuse('no-rules', whyNoRules(state, pairOf(blue, green)));
  const [primary, other] = weightOf(state, green.targetGroup) > weightOf(state, blue.targetGroup) ? [green, blue] : [blue, green];
  refuse('not-empty', whyNotStart(state, primary.colour));
  const { colour } = primary;
  const first = record(state, primary, other, { percent: 0, tasks });
  const entry: NewEntry = { ...first.entry, before: weightsBefore(state.rules, primary.targetGroup, other.targetGroup) };
  return {
    steps: [
      first,
      { do: 'start', colour, version, tasks },
      { do: 'wait-started', colour, version: version.tag, tasks, deployment: undefined, onFailure: 'empty' },
      // Rules that sent a share to the empty colour, from a time before; its tasks are healthy only now.
      ...weightSteps(state, pairOf(primary, other), entry, { percent: 0, newVersionPercent: 100, settle, force: true }),
    ],
  };
}

/** The version is the primary already; a run that was cut off while it started is completed. */
function planAgain(state: State, { primary }: Exclude<Roles, { phase: 'nothing' }>, { tag }: Version): Plan {
  const note = `${tag} is the primary already.`;
  const tasks = desiredTasks(primary);
  if (healthyTargets(state, primary.targetGroup) >= tasks) return { steps: [], note };
  return { steps: [waitFor(primary, 'keep')], note };
}

/** A canary whose rollout was cut off: the pair becomes this run's, and the wait goes on. */
function planResume(state: State, primary: ColourState, canary: ColourState): Plan {
  const percent = weightOf(state, canary.targetGroup);
  return { steps: [record(state, primary, canary, { role: 'canary', percent }), waitFor(canary, 'empty')] };
}

/** Waits for a deployment that an earlier run began. */
function waitFor(colour: ColourState, onFailure: 'empty' | 'keep'): Step {
  const deployment = colour.service?.deployment?.id;
  return { do: 'wait-started', colour: colour.colour, version: tagOf(colour), tasks: desiredTasks(colour), deployment, onFailure };
}

/** The empty colour gets the version, and as many tasks as the primary has. */
function startCanary(state: State, primary: ColourState, version: Version): Step[] {
  const target = state.colours[otherColour(primary.colour)];
  const tasks = desiredTasks(primary);
  const { colour } = target;
  const entry = record(state, primary, { ...target, version }, { role: 'canary', percent: 0, tasks, moved: true });
  return [
    entry,
    { do: 'start', colour, version, tasks },
    { do: 'wait-started', colour, version: version.tag, tasks, deployment: undefined, onFailure: 'empty' },
  ];
}

/** Takes the pair, then stops what runs in the colour: whoever wants it back meanwhile writes a newer entry. */
function clear(state: State, primary: ColourState, other: ColourState, role: OtherRole): Step[] {
  const stop: Stop = {
    do: 'stop',
    colour: other.colour,
    version: tagOf(other),
    taskDefinition: other.service?.taskDefinition ?? '',
  };
  return [record(state, primary, other, { role, percent: 0, moved: true }), stop];
}

interface Move extends RouteIntent {
  readonly role: OtherRole | undefined;
}

/** The steps that give `other` its share; none where every rule gives it that already. */
function moveSteps(state: State, primary: ColourState, other: ColourState, { role, ...intent }: Move): Step[] {
  const { entry } = record(state, primary, other, { role, percent: intent.percent });
  return weightSteps(state, pairOf(primary, other), entry, { ...intent, newVersionPercent: intent.percent });
}

/** @throws CanaryError when there is no rule to write, or a group that would get more has not enough healthy targets. */
function weightSteps(traffic: Traffic, pair: Pair, entry: NewEntry, intent: RouteIntent & { newVersionPercent: number }): Step[] {
  const { percent, newVersionPercent, settle, force } = intent;
  refuse('no-rules', whyNoRules(traffic, pair));
  const rules = traffic.rules
    .filter((rule) => !splits(rule, pair, percent))
    .map((rule) => ({ arn: rule.arn, before: share(rule, pair.canary) }));
  if (rules.length === 0) return [];
  if (rules.some(({ before }) => before < percent)) {
    refuse('no-health', whyNotWeight(traffic, pair.canary, percent, entry.tasks), 'ecs-canary status');
  }
  if (!force && rules.some(({ before }) => before > percent)) {
    refuse('no-health', whyNotReturn(traffic, pair.primary), 'ecs-canary route --canary 0 --force   (all the same)');
  }
  const setWeights = { do: 'set-weights', pair, percent, newVersionPercent, tasks: entry.tasks, force, rules } as const;
  const emergency = percent === 0;
  return [
    { do: 'record', entry, emergency },
    setWeights,
    { do: 'settle', ms: settle, after: setWeights },
  ];
}

interface Recorded {
  readonly role?: OtherRole;
  readonly percent: number;
  /** Tasks of the primary when the release began; by default what the log says of it. */
  readonly tasks?: number;
  readonly emergency?: boolean;
  /** The weights stand as `percent` says by then: there is no "before" that they may still have. */
  readonly moved?: boolean;
}

function record(state: State, primary: ColourState, other: ColourState, recorded: Recorded): RecordEntry {
  const { role, percent, emergency = false, moved = false } = recorded;
  const pair = pairOf(primary, other);
  const entry: NewEntry = {
    primary: pair.primary,
    other: role && { targetGroup: pair.canary, role, version: tagOf(other) },
    percent,
    tasks: recorded.tasks ?? lastEntry(state)?.tasks ?? desiredTasks(primary),
    before: moved ? {} : weightsBefore(state.rules, pair.primary, pair.canary),
  };
  return { do: 'record', entry, emergency };
}

function pairOf(primary: ColourState, canary: ColourState): Pair {
  return { primary: primary.targetGroup, canary: canary.targetGroup };
}

function roleOfOld({ rolledBack }: Extract<Roles, { phase: 'primary+old' }>): OtherRole {
  return rolledBack ? 'rolled-back' : 'replaced';
}
