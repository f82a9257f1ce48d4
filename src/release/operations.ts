/** What a user can ask of a release: each operation observes, plans, and hands out the plan with the way to apply it. */
import type { Aws } from '../aws/aws.ts';
import type { TaskDefinition } from '../aws/ecs.ts';
import type { Progress } from '../progress/events.ts';
import type { Settings } from '../settings/settings.ts';
import type { Wait } from '../time.ts';
import { type ServiceRun, apply, applyTraffic } from './apply.ts';
import { explained } from './explain.ts';
import { type Author, logWriter } from './log.ts';
import { type Pair, type Place, type State, type Traffic, type Version } from './model.ts';
import { observe, observeTraffic, revisionOf } from './observe.ts';
import {
  type Plan,
  type RolloutIntent,
  planCleanUp,
  planDestroyOld,
  planPromote,
  planRollback,
  planRollout,
  planRoute,
  planRouteGroups,
} from './plan.ts';
import { lastEntry, rolesOf } from './roles.ts';
import { generate, withVersion } from './task-definition.ts';
import type { Modified } from './weights.ts';

/** What every operation works with. */
export interface Session {
  readonly aws: Aws;
  readonly progress: Progress;
  /** A wait whose deadline begins now. */
  readonly wait: () => Wait;
  readonly author: Author;
}

/** The same for a service of the project. */
export interface Release extends Session {
  readonly place: Place;
  readonly settings: Settings;
}

/** A plan, and the way to carry it out. `--dry-run` stops here. */
export interface Prepared<Result> {
  readonly plan: Plan;
  /** @throws CanaryError with the state that users are in. */
  run(): Promise<Result>;
}

export interface RouteResult {
  /** Percent. */
  readonly canary: number;
  readonly primary: number;
  /** ARNs of the rules that were really changed. */
  readonly modified: readonly string[];
  readonly unchanged: readonly string[];
}

export interface RolloutOptions {
  /** AWS's own JSON; else the revision that the primary runs is the base, else one is generated. */
  readonly definition: TaskDefinition | undefined;
  readonly keepOld: boolean;
  readonly replace: boolean;
}

export interface RouteOptions {
  readonly force: boolean;
}

export async function prepareRollout(release: Release, version: Version, options: RolloutOptions): Promise<Prepared<Modified>> {
  const { place, settings } = release;
  const state = await observe(release.aws, place);
  const intent: RolloutIntent = {
    version,
    firstTasks: settings.service.desiredCount,
    keepOld: options.keepOld,
    replace: options.replace,
    settle: settings.settle,
  };
  const plan = planRollout(state, intent);
  const base = options.definition ?? (await primaryDefinition(release, state));
  const definition = async (wanted: Version): Promise<TaskDefinition> =>
    base ? withVersion(base, place.service, wanted) : generate(settings.service, place, settings.region, wanted);
  // What cannot be registered should fail before anything is recorded.
  await definition(version);
  return prepared(release, plan, async () => {
    try {
      return await apply(plan.steps, serviceRun(release, state, definition));
    } catch (error) {
      await cleanUp(release, plan, state);
      throw error;
    }
  });
}

export async function prepareRoute(release: Release, percent: number, options: RouteOptions): Promise<Prepared<RouteResult>> {
  const state = await observe(release.aws, release.place);
  const plan = planRoute(state, { percent, ...options, settle: release.settings.settle });
  return prepared(release, plan, async () => {
    const modified = await apply(plan.steps, serviceRun(release, state));
    return routed(plan, release, state, percent, modified);
  });
}

export async function preparePromote(release: Release, options: RouteOptions): Promise<Prepared<RouteResult>> {
  const state = await observe(release.aws, release.place);
  const plan = planPromote(state, { ...options, settle: release.settings.settle });
  return prepared(release, plan, async () => {
    const modified = await apply(plan.steps, serviceRun(release, state));
    return routed(plan, release, state, 100, modified);
  });
}

export async function prepareRollback(release: Release, options: RouteOptions): Promise<Prepared<RouteResult>> {
  const state = await observe(release.aws, release.place);
  const plan = planRollback(state, { ...options, settle: release.settings.settle });
  return prepared(release, plan, async () => {
    const modified = await apply(plan.steps, serviceRun(release, state));
    return routed(plan, release, state, 0, modified);
  });
}

/** @returns the version that was destroyed; undefined when there was none. */
export async function prepareDestroyOld(release: Release): Promise<Prepared<string | undefined>> {
  const state = await observe(release.aws, release.place);
  const plan = planDestroyOld(state);
  return prepared(release, plan, async () => {
    await apply(plan.steps, serviceRun(release, state));
    return plan.steps.flatMap((step) => (step.do === 'stop' ? step.version : []))[0];
  });
}

/** `route` on any two target groups: whoever made them, and whatever runs behind them. */
export async function prepareRouteGroups(
  session: Session,
  pair: Pair,
  options: { percent: number; force: boolean; settle: number },
): Promise<Prepared<RouteResult>> {
  const traffic = await observeTraffic(session.aws, pair);
  const plan = planRouteGroups(traffic, pair, options);
  return {
    plan,
    async run() {
      const log = logWriter(session.aws.parameters, pair, session.author, newest(traffic));
      const modified = await applyTraffic(plan.steps, { ...session, wait: session.wait(), log });
      return routed(plan, session, traffic, options.percent, modified);
    },
  };
}

/** Percent of the traffic that a canary has now; undefined when there is none. */
export function canaryShare(state: State): { readonly targetGroup: string; readonly tasks: number } | undefined {
  const roles = rolesOf(state);
  if (roles.phase !== 'primary+canary') return undefined;
  return { targetGroup: roles.canary.targetGroup, tasks: lastEntry(state)?.tasks ?? roles.primary.service?.desired ?? 1 };
}

function prepared<Result>(release: Release, plan: Plan, work: () => Promise<Result>): Prepared<Result> {
  return {
    plan,
    async run() {
      try {
        return await work();
      } catch (error) {
        throw await explained(error, release);
      }
    },
  };
}

function serviceRun(release: Release, state: State, definition?: ServiceRun['definition']): ServiceRun {
  const { aws, place, progress, settings, author } = release;
  const pair = { primary: place.targetGroups.blue, canary: place.targetGroups.green };
  return {
    aws,
    place,
    progress,
    wait: release.wait(),
    log: logWriter(aws.parameters, pair, author, newest(state)),
    gracePeriod: settings.service.healthCheck.gracePeriod,
    containerPort: settings.service.containerPort,
    definition: definition ?? (() => Promise.reject(new Error('this plan starts no version'))),
  };
}

function newest(traffic: Traffic): number {
  return lastEntry(traffic)?.number ?? 0;
}

async function primaryDefinition(release: Release, state: State): Promise<TaskDefinition | undefined> {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing' || !roles.primary.service) return undefined;
  const revision = await revisionOf(release.aws, roles.primary.service.taskDefinition);
  return revision && { ...revision.definition, tags: Object.entries(revision.tags).map(([key, value]) => ({ key, value })) };
}

/** A rollout that fails leaves its colour empty. An interrupted one stays as it is: the same command carries on there. */
async function cleanUp(release: Release, plan: Plan, before: State): Promise<void> {
  const started = plan.steps.find((step) => step.do === 'wait-started');
  const primary = rolesOf(before);
  const isPrimary = primary.phase !== 'nothing' && primary.primary.colour === started?.colour;
  if (!started || isPrimary || release.wait().signal.aborted) return;
  try {
    const state = await observe(release.aws, release.place);
    const { steps } = planCleanUp(state, started.colour, primary.phase === 'nothing');
    await apply(steps, serviceRun(release, state));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    release.progress({ type: 'warning', text: `The tasks of ${release.place.service}-${started.colour} could not be stopped: ${why}` });
  }
}

/** The outcome of a plan that moves weights; says so when there was nothing to move. */
function routed(plan: Plan, session: Session, traffic: Traffic, percent: number, modified: Modified): RouteResult {
  if (!plan.steps.some((step) => step.do === 'set-weights') && !plan.note) session.progress({ type: 'rules-modified', count: 0 });
  const unchanged = traffic.rules.map(({ arn }) => arn).filter((arn) => !modified.includes(arn));
  return { canary: percent, primary: 100 - percent, modified, unchanged };
}

