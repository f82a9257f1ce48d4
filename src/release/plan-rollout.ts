/** What is to run: the steps of `rollout` and `destroy-old`. Pure: no clock, no network. */
import { lostWeightAt } from './cookies.ts';
import type { OtherRole } from './log-entry.ts';
import {
  type ColourState,
  type State,
  type Version,
  desiredTasks,
  healthyTargets,
  loadBalancerOf,
  otherColour,
  runs,
  tagOf,
  weightOf,
} from './model.ts';
import { moveSteps, pairOf, record, waitFor, weightSteps } from './moves.ts';
import { ROUTE_BACK, oldInTheWay, otherCanary, refuse, refuseContradiction } from './refusals.ts';
import { type Roles, lastEntry, roleOfOld, rolesOf } from './roles.ts';
import { whyNoRules, whyNotEverything, whyNotOurs, whyNotStart, whyNotStop } from './safety.ts';
import type { Plan, Step, Stop, WaitCookies } from './step.ts';

/** A number of tasks, or a part of what the primary has. */
export type TaskCount = { readonly count: number } | { readonly percent: number };

export interface RolloutIntent {
  readonly version: Version;
  /** Tasks of a first version; a later one takes the primary's number. */
  readonly firstTasks: number;
  /** Tasks to start with; all of them where it is undefined. */
  readonly tasks: TaskCount | undefined;
  /** Refuse instead of destroying the old version that stands where the canary would start. */
  readonly keepOld: boolean;
  /** Take back and stop another canary first. */
  readonly replace: boolean;
  /** Go on although somebody else changed the weights. */
  readonly acceptDrift: boolean;
  /** ms */
  readonly settle: number;
}

/** Starts a version in the empty colour at weight 0; a first version becomes the primary. */
export function planRollout(state: State, intent: RolloutIntent): Plan {
  refuse('not-ours', whyNotOurs(state));
  const roles = rolesOf(state);
  const { version, acceptDrift } = intent;
  if (roles.phase === 'nothing') return planFirst(state, intent);
  const { primary } = roles;
  if (roles.phase === 'primary+canary') {
    const { canary } = roles;
    const again = runs(canary, version);
    if (!again && (runs(primary, version) || !intent.replace)) throw otherCanary(canary, version);
    refuseContradiction(state, roles, acceptDrift);
    if (again) return planResume(state, primary, canary);
    const move = moveSteps(state, primary, canary, { percent: 0, settle: intent.settle, role: 'rolled-back' });
    return { steps: [...move, ...clear(state, primary, canary, 'rolled-back'), ...startCanary(state, primary, intent)] };
  }
  if (roles.phase === 'primary') refuse('has-weight', whyNotEverything(state, primary), ROUTE_BACK);
  if (runs(primary, version) && desiredTasks(primary) > 0) return planAgain(state, roles, version);
  refuseContradiction(state, roles, acceptDrift);
  if (roles.phase === 'primary+old') {
    const { old } = roles;
    if (intent.keepOld) throw oldInTheWay(old);
    refuse('has-weight', whyNotStop(state, old.targetGroup));
    return { steps: [...clear(state, primary, old, roleOfOld(roles)), ...startCanary(state, primary, intent)] };
  }
  const empty = state.colours[otherColour(primary.colour)];
  refuse('not-empty', whyNotStart(state, empty.colour));
  refuse('has-weight', whyNotStop(state, empty.targetGroup), ROUTE_BACK);
  return { steps: startCanary(state, primary, intent) };
}

/** Empties the colour of a replaced or rolled-back version. */
export function planDestroyOld(state: State, { acceptDrift }: Pick<RolloutIntent, 'acceptDrift'>): Plan {
  const roles = rolesOf(state);
  // Somebody gave it traffic again: it is nothing to try, and nothing to stop.
  if (roles.phase === 'primary+canary' && !isCanary(state, roles.canary)) {
    refuse('has-weight', whyNotStop(state, roles.canary.targetGroup), ROUTE_BACK);
  }
  if (roles.phase !== 'primary+old') return { steps: [], note: 'There is no old version: nothing to destroy.' };
  refuse('not-ours', whyNotOurs(state));
  refuseContradiction(state, roles, acceptDrift);
  refuse('has-weight', whyNotStop(state, roles.old.targetGroup));
  return { steps: clear(state, roles.primary, roles.old, roleOfOld(roles)) };
}

/** Whether the log knows it as a version being tried, and not as one that was replaced or rolled back. */
function isCanary(state: State, { targetGroup }: ColourState): boolean {
  const other = lastEntry(state)?.other;
  return other?.targetGroup !== targetGroup || other.role === 'canary';
}

/** Nothing runs yet: the version starts where the weight is, and becomes the primary. */
function planFirst(state: State, { version, firstTasks, tasks: asked, settle }: RolloutIntent): Plan {
  refuse('log-unreadable', state.undiscovered ?? (state.log ? undefined : 'the release log cannot be read'));
  const { blue, green } = state.colours;
  refuse('no-rules', whyNoRules(state, pairOf(blue, green)));
  const [primary, other] = weightOf(state, green.targetGroup) > weightOf(state, blue.targetGroup) ? [green, blue] : [blue, green];
  refuse('not-empty', whyNotStart(state, primary.colour));
  const { colour } = primary;
  const tasks = countOf(asked, firstTasks);
  return {
    steps: [
      record(state, primary, other, { percent: 0, tasks }),
      { do: 'start', colour, version, tasks },
      { do: 'wait-started', colour, version: version.tag, tasks, deployment: undefined, onFailure: 'empty' },
      // Rules that sent a share to the empty colour, from a time before; its tasks are healthy only now.
      ...weightSteps(state, pairOf(primary, other), { percent: 0, newVersionPercent: 100, tasks, settle, force: true }),
    ],
  };
}

/** The version is the primary already; a run that was cut off while it started is completed. */
function planAgain(state: State, { primary }: Exclude<Roles, { phase: 'nothing' }>, { tag }: Version): Plan {
  const note = `${tag} is the primary already.`;
  const tasks = desiredTasks(primary);
  if (healthyTargets(state, primary.targetGroup) >= tasks) return { steps: [], note };
  return { steps: [waitFor(primary, tasks, 'keep')], note };
}

/** A canary whose rollout was cut off: the pair becomes this run's, and the wait goes on. */
function planResume(state: State, primary: ColourState, canary: ColourState): Plan {
  const percent = weightOf(state, canary.targetGroup);
  return { steps: [record(state, primary, canary, { role: 'canary', percent }), waitFor(canary, desiredTasks(canary), 'empty')] };
}

/** The empty colour gets the version, and as many tasks as the primary has where nobody asked for fewer. */
function startCanary(state: State, primary: ColourState, { version, tasks: asked }: RolloutIntent): Step[] {
  const target = state.colours[otherColour(primary.colour)];
  const full = desiredTasks(primary);
  const tasks = countOf(asked, full);
  const { colour } = target;
  const entry = record(state, primary, { ...target, version }, { role: 'canary', percent: 0, tasks: full, moved: true });
  return [
    entry,
    { do: 'start', colour, version, tasks },
    { do: 'wait-started', colour, version: version.tag, tasks, deployment: undefined, onFailure: 'empty' },
  ];
}

function countOf(asked: TaskCount | undefined, full: number): number {
  if (!asked) return full;
  return 'count' in asked ? asked.count : Math.max(1, Math.ceil((asked.percent * full) / 100));
}

/** Takes the pair, then stops what runs in the colour: whoever wants it back meanwhile writes a newer entry. */
function clear(state: State, primary: ColourState, other: ColourState, role: OtherRole): Step[] {
  const stop: Stop = {
    do: 'stop',
    colour: other.colour,
    version: tagOf(other),
    taskDefinition: other.service?.taskDefinition ?? '',
  };
  return [...cookies(state, other), record(state, primary, other, { role, percent: 0, moved: true, destroyed: true }), stop];
}

/** Clients with a cookie reach the group although it has no weight, and are answered 503 once its targets are gone. */
function cookies(state: State, other: ColourState): [] | [WaitCookies] {
  const [sticky] = state.rules.toSorted((a, b) => (b.stickiness ?? 0) - (a.stickiness ?? 0));
  if (!sticky?.stickiness) return [];
  const { targetGroup } = other;
  const wait = { do: 'wait-cookies', version: tagOf(other), targetGroup, loadBalancer: loadBalancerOf(sticky), seconds: sticky.stickiness } as const;
  if (weightOf(state, other.targetGroup) > 0) return [{ ...wait, since: undefined }];
  const since = lostWeightAt(state, targetGroup);
  return since === undefined ? [] : [{ ...wait, since }];
}
