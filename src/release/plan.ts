/** From what AWS says now and what is wanted to the steps that lead there. Pure: no clock, no network. */
import { CanaryError } from '../errors.ts';
import { type NewEntry, type OtherRole, weightsBefore } from './log-entry.ts';
import { type ColourState, type Pair, type State, type Traffic, type Version, desiredTasks, healthyTargets, otherColour, share, weightOf } from './model.ts';
import { type Roles, drift, lastEntry, rolesOf } from './roles.ts';
import { whyNoRules, whyNotOurs, whyNotReturn, whyNotStart, whyNotStop, whyNotWeight } from './safety.ts';
import type { Step } from './step.ts';

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
  if (roles.phase === 'nothing') return planFirst(state, intent);

  const { primary } = roles;
  if (runs(primary, intent.version)) return planAgain(state, roles, intent.version);
  refuseContradiction(roles);
  const colour = otherColour(primary.colour);
  const target = state.colours[colour];
  const tasks = desiredTasks(primary);
  const start: Step[] = [
    record(state, primary, target, { role: 'canary', version: intent.version.tag, percent: 0, tasks }),
    { do: 'start', colour, version: intent.version, tasks },
    { do: 'wait-started', colour, tasks },
  ];
  switch (roles.phase) {
    case 'primary+canary':
      if (runs(roles.canary, intent.version)) return { steps: [{ do: 'wait-started', colour, tasks: desiredTasks(roles.canary) }] };
      if (!intent.replace) throw otherCanary(roles.canary, intent.version);
      return {
        steps: [
          ...moveChecked(state, primary, roles.canary, { percent: 0, settle: intent.settle, force: false }, 'rolled-back'),
          { do: 'stop', colour, version: tagOf(roles.canary), neverServed: false },
          ...start,
        ],
      };
    case 'primary+old':
      if (intent.keepOld) throw oldInTheWay(roles.old);
      refuse('has-weight', whyNotStop(state, target.targetGroup));
      return { steps: [{ do: 'stop', colour, version: tagOf(roles.old), neverServed: false }, ...start] };
    case 'primary':
      refuse('not-empty', whyNotStart(state, colour));
      refuse('has-weight', whyNotStop(state, target.targetGroup), 'ecs-canary route --canary 0');
      return { steps: start };
  }
}

/** Gives the canary its share in every rule that carries the pair. */
export function planRoute(state: State, intent: RouteIntent): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
  const { primary } = roles;
  if (roles.phase !== 'primary+canary') {
    if (intent.percent > 0) throw noCanary(state);
    const other = state.colours[otherColour(primary.colour)];
    refuse('no-health', weightOf(state, other.targetGroup) > 0 && !intent.force ? whyNotReturn(state, primary.targetGroup) : undefined, FORCE);
    return { steps: move(state, primary, other, { ...intent, role: lastEntry(state)?.other?.role ?? 'rolled-back' }) };
  }
  const { canary } = roles;
  if (intent.percent > 0) refuseContradiction(roles);
  return { steps: moveChecked(state, primary, canary, intent, 'canary') };
}

/** The canary gets everything and is the primary from then on. */
export function planPromote(state: State, intent: Omit<RouteIntent, 'percent'>): Plan {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') throw nothingRuns(state);
  if (roles.phase !== 'primary+canary') throw noCanary(state);
  refuseContradiction(roles);
  const { primary, canary } = roles;
  return {
    steps: [
      ...moveChecked(state, primary, canary, { ...intent, percent: 100 }, 'canary'),
      record(state, canary, primary, { role: 'replaced', version: tagOf(primary), percent: 0, tasks: desiredTasks(canary) }),
      { do: 'announce', service: state.place.service, version: tagOf(primary) },
    ],
  };
}

/** All traffic back to the version that had it, in one weight change. */
export function planRollback(state: State, intent: Omit<RouteIntent, 'percent'>): Plan {
  const roles = rolesOf(state);
  switch (roles.phase) {
    case 'nothing':
      throw nothingRuns(state);
    case 'primary':
      throw new CanaryError({
        code: 'no-way-back',
        message: `There is no version to go back to: ${tagOf(roles.primary)} is the only one that runs.`,
        usersAre: `on ${tagOf(roles.primary)}; nothing was changed.`,
        next: 'ecs-canary update --tag <an earlier version>',
      });
    case 'primary+canary': {
      const { primary, canary } = roles;
      refuse('no-health', goesBackWithoutHealth(state, primary, canary, intent.force), FORCE);
      const steps = move(state, primary, canary, { ...intent, percent: 0, role: 'rolled-back' });
      if (steps.length > 0) return { steps };
      const tasks = lastEntry(state)?.tasks ?? desiredTasks(primary);
      return { steps: [record(state, primary, canary, { role: 'rolled-back', version: tagOf(canary), percent: 0, tasks, emergency: true })] };
    }
    case 'primary+old': {
      const { primary, old } = roles;
      if (roles.rolledBack) return { steps: [], note: `${tagOf(old)} is rolled back already; ${tagOf(primary)} has all traffic.` };
      refuse('no-health', intent.force ? undefined : whyNotReturn(state, old.targetGroup), FORCE);
      return { steps: move(state, old, primary, { ...intent, percent: 0, role: 'rolled-back' }) };
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
  return { steps: [{ do: 'stop', colour: roles.old.colour, version: tagOf(roles.old), neverServed: false }] };
}

/** Moves weight between any two target groups, whoever made them. */
export function planRouteGroups(traffic: Traffic, pair: Pair, intent: RouteIntent): Plan {
  refuse('no-rules', whyNoRules(traffic, pair));
  const back = intent.percent === 0;
  const changed = back ? undefined : drift(traffic);
  if (changed) throw contradicted(changed);
  if (settled(traffic, pair, intent.percent)) return { steps: [] };
  const tasks = healthyTargets(traffic, pair.primary);
  const down = intent.percent < weightOf(traffic, pair.canary);
  if (!down) refuse('no-health', whyNotWeight(traffic, pair.canary, intent.percent, tasks));
  else if (!intent.force) refuse('no-health', whyNotReturn(traffic, pair.primary), FORCE);
  const entry: NewEntry = {
    primary: pair.primary,
    other: { targetGroup: pair.canary, role: 'canary' },
    percent: intent.percent,
    tasks,
    before: weightsBefore(traffic.rules, pair.primary, pair.canary),
  };
  return { steps: weightSteps(traffic, pair, entry, { ...intent, newVersionPercent: intent.percent }) };
}

/** A version that failed to start leaves its colour empty. */
export function planCleanUp(state: State, colour: 'blue' | 'green', first: boolean): Plan {
  const { targetGroup, version } = state.colours[colour];
  if (desiredTasks(state.colours[colour]) === 0) return { steps: [] };
  // A first version has weight before it has ever answered: nobody loses anything by its stop.
  if (!first && whyNotStop(state, targetGroup)) return { steps: [] };
  return { steps: [{ do: 'stop', colour, version: version?.tag ?? 'the failed version', neverServed: first }] };
}

const FORCE = 'add --force to send the traffic there all the same';

function planFirst(state: State, intent: RolloutIntent): Plan {
  const pair = pairOf(state.colours.blue, state.colours.green);
  refuse('no-rules', whyNoRules(state, pair));
  const colour = weightOf(state, pair.canary) > weightOf(state, pair.primary) ? 'green' : 'blue';
  refuse('not-empty', whyNotStart(state, colour));
  const primary = state.colours[colour];
  const other = state.colours[otherColour(colour)];
  const tasks = intent.firstTasks;
  const steps: Step[] = [
    { do: 'start', colour, version: intent.version, tasks },
    { do: 'wait-started', colour, tasks },
  ];
  if (settled(state, pairOf(primary, other), 0)) return { steps: [...steps, record(state, primary, other, { percent: 0, tasks })] };
  const { entry } = record(state, primary, other, { percent: 0, tasks });
  return { steps: [...steps, ...weightSteps(state, pairOf(primary, other), entry, { percent: 0, newVersionPercent: 100, settle: intent.settle, force: false })] };
}

/** The version is the primary already; a run that was cut off while it started is completed. */
function planAgain(state: State, roles: Exclude<Roles, { phase: 'nothing' }>, version: Version): Plan {
  const { primary } = roles;
  const tasks = desiredTasks(primary);
  const steps: Step[] = healthyTargets(state, primary.targetGroup) < tasks ? [{ do: 'wait-started', colour: primary.colour, tasks }] : [];
  if (roles.phase === 'primary' && state.log?.length === 0) {
    steps.push(record(state, primary, state.colours[otherColour(primary.colour)], { percent: 0, tasks }));
  }
  return { steps, note: `${version.tag} is the primary already.` };
}

interface Move extends RouteIntent {
  readonly role: OtherRole;
}

/** The steps that give `other` its share. Nothing to change: no steps. */
function move(state: State, primary: ColourState, other: ColourState, { role, ...intent }: Move): Step[] {
  const { percent } = intent;
  const pair = pairOf(primary, other);
  refuse('no-rules', whyNoRules(state, pair));
  if (settled(state, pair, percent)) return [];
  const tasks = lastEntry(state)?.tasks ?? desiredTasks(primary);
  const { entry } = record(state, primary, other, { role, version: tagOf(other), percent, tasks });
  return weightSteps(state, pair, entry, { ...intent, newVersionPercent: percent });
}

/** `move`, once the safety rules agree. */
function moveChecked(state: State, primary: ColourState, canary: ColourState, intent: RouteIntent, role: OtherRole): Step[] {
  const steps = move(state, primary, canary, { ...intent, role });
  if (steps.length === 0) return steps;
  const tasks = lastEntry(state)?.tasks ?? desiredTasks(primary);
  if (intent.percent < weightOf(state, canary.targetGroup)) {
    refuse('no-health', goesBackWithoutHealth(state, primary, canary, intent.force), FORCE);
  } else {
    refuse('no-health', whyNotWeight(state, canary.targetGroup, intent.percent, tasks), 'ecs-canary status');
  }
  return steps;
}

function weightSteps(
  traffic: Traffic,
  pair: Pair,
  entry: NewEntry,
  { percent, newVersionPercent, settle, force }: RouteIntent & { newVersionPercent: number },
): Step[] {
  const back = percent === 0 || percent < weightOf(traffic, pair.canary);
  const rules = traffic.rules
    .map((rule) => ({ arn: rule.arn, before: share(rule, pair.canary) }))
    .filter(({ before }) => !same(before, percent));
  const setWeights: Step = { do: 'set-weights', pair, percent, newVersionPercent, tasks: entry.tasks, back, force, rules };
  return [
    { do: 'record', entry, emergency: percent === 0 },
    setWeights,
    { do: 'settle', ms: settle, keep: percent === 0 ? setWeights : undefined },
  ];
}

interface Recorded {
  readonly role?: OtherRole;
  readonly version?: string;
  readonly percent: number;
  readonly tasks: number;
  readonly emergency?: boolean;
}

function record(state: State, primary: ColourState, other: ColourState, { role, version, percent, tasks, emergency = false }: Recorded) {
  const pair = pairOf(primary, other);
  const entry: NewEntry = {
    primary: pair.primary,
    other: role && { targetGroup: pair.canary, role, version },
    percent,
    tasks,
    before: weightsBefore(state.rules, pair.primary, pair.canary),
  };
  return { do: 'record', entry, emergency } as const;
}

function pairOf(primary: ColourState, canary: ColourState): Pair {
  return { primary: primary.targetGroup, canary: canary.targetGroup };
}

/** Whether every rule gives the canary this share already. */
function settled(traffic: Traffic, pair: Pair, percent: number): boolean {
  return traffic.rules.every((rule) => same(share(rule, pair.canary), percent));
}

function same(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-9;
}

function goesBackWithoutHealth(state: State, primary: ColourState, canary: ColourState, force: boolean): string | undefined {
  return force || weightOf(state, canary.targetGroup) === 0 ? undefined : whyNotReturn(state, primary.targetGroup);
}

function runs(colour: ColourState, version: Version): boolean {
  return colour.version?.image === version.image || (version.digest !== undefined && colour.version?.digest === version.digest && colour.version.tag === version.tag);
}

function tagOf(colour: ColourState): string {
  return colour.version?.tag ?? colour.colour;
}

function refuse(code: string, reason: string | undefined, next?: string): void {
  if (reason) throw new CanaryError({ code, message: capitalised(reason), usersAre: UNCHANGED, next });
}

function capitalised(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${reason.endsWith('.') ? '' : '.'}`;
}

const UNCHANGED = 'where they were before; nothing was changed.';

function refuseContradiction(roles: Roles): void {
  if (roles.phase !== 'nothing' && roles.contradiction) throw contradicted(roles.contradiction);
}

function contradicted(reason: string): CanaryError {
  return new CanaryError({
    code: 'drift',
    message: `The weights are not what the last run left: ${reason}.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary status, then ecs-canary route --canary 0 or ecs-canary rollback to begin from a known state',
  });
}

function nothingRuns(state: State): CanaryError {
  return new CanaryError({
    code: 'nothing-runs',
    message: `Nothing runs as ${state.place.service} of ${state.place.project} yet.`,
    next: 'ecs-canary update --tag <version>',
  });
}

function noCanary(state: State): CanaryError {
  return new CanaryError({
    code: 'no-canary',
    message: `There is no canary of ${state.place.service}.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary rollout --tag <version>',
  });
}

function otherCanary(canary: ColourState, version: Version): CanaryError {
  return new CanaryError({
    code: 'other-canary',
    message: `${tagOf(canary)} is being tried already, so ${version.tag} cannot start beside it.`,
    usersAre: UNCHANGED,
    next: `ecs-canary promote, or ecs-canary rollback, or ecs-canary rollout --tag ${version.tag} --replace`,
  });
}

function oldInTheWay(old: ColourState): CanaryError {
  return new CanaryError({
    code: 'old-in-the-way',
    message: `${tagOf(old)} still runs where the new version would start, and --keep-old says to keep it.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary destroy-old, or leave out --keep-old',
  });
}
