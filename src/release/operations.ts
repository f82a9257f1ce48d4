/** What a user can ask of a release: each operation observes, plans, and hands out the plan with the way to apply it. */
import type { Aws } from '../aws/aws.ts';
import type { TaskDefinition } from '../aws/ecs.ts';
import type { Progress } from '../progress/events.ts';
import type { Settings } from '../settings/settings.ts';
import type { Wait } from '../time.ts';
import { type ServiceRun, apply, applyTraffic } from './apply.ts';
import { explained, explainedTraffic } from './explain.ts';
import { type Author, type LogWriter, logWriter } from './log.ts';
import type { Pair, Place, State, Traffic, Version } from './model.ts';
import { observe, observeTraffic, revisionOf } from './observe.ts';
import { type Plan, planDestroyOld, planPromote, planRollback, planRollout, planRoute, planRouteGroups } from './plan.ts';
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
  /** The log as one run of several operations writes it; without it each operation knows what it observed itself. */
  readonly log?: LogWriter;
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
  const { definition: given, ...wanted } = options;
  const state = await observe(release.aws, place);
  const plan = planRollout(state, { version, firstTasks: settings.service.desiredCount, settle: settings.settle, ...wanted });
  const base = given ?? (await primaryDefinition(release, state));
  const definition = async (of: Version): Promise<TaskDefinition> =>
    base ? withVersion(base, place.service, of) : generate(settings.service, place, settings.region, of);
  if (plan.steps.some((step) => step.do === 'start')) {
    // What cannot be registered should fail before anything is recorded.
    await definition(version);
  } else if (given) {
    release.progress({ type: 'warning', text: `${version.tag} runs already: the task definition given is not used.` });
  }
  return prepared(release, plan, () => apply(plan.steps, serviceRun(release, state, definition)));
}

export async function prepareRoute(release: Release, percent: number, options: RouteOptions): Promise<Prepared<RouteResult>> {
  return prepareMove(release, percent, (state) => planRoute(state, { percent, ...options, settle: release.settings.settle }));
}

export async function preparePromote(release: Release, options: RouteOptions): Promise<Prepared<RouteResult>> {
  return prepareMove(release, 100, (state) => planPromote(state, { ...options, settle: release.settings.settle }));
}

export async function prepareRollback(release: Release, options: RouteOptions): Promise<Prepared<RouteResult>> {
  return prepareMove(release, 0, (state) => planRollback(state, { ...options, settle: release.settings.settle }));
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
      try {
        const log = logWriter(session.aws.parameters, pair, session.author, newest(traffic));
        const modified = await applyTraffic(plan.steps, { ...session, wait: session.wait(), log });
        return routed(plan, session, traffic, options.percent, modified);
      } catch (error) {
        throw await explainedTraffic(error, session, pair);
      }
    },
  };
}

/** The log for several operations that are one run: it ends as soon as somebody else writes there. */
export function openLog({ aws, place, author }: Release, state: State): LogWriter {
  const pair = { primary: place.targetGroups.blue, canary: place.targetGroups.green };
  return logWriter(aws.parameters, pair, author, newest(state));
}

async function prepareMove(release: Release, percent: number, planFor: (state: State) => Plan): Promise<Prepared<RouteResult>> {
  const state = await observe(release.aws, release.place);
  const plan = planFor(state);
  const roles = rolesOf(state);
  // Forward moves are refused then; who goes back should know what that is based on.
  if (roles.phase !== 'nothing' && roles.contradiction) release.progress({ type: 'warning', text: `${roles.contradiction}.` });
  return prepared(release, plan, async () => {
    const modified = await apply(plan.steps, serviceRun(release, state));
    return routed(plan, release, state, percent, modified);
  });
}

function prepared<Result>(release: Release, plan: Plan, work: () => Promise<Result>): Prepared<Result> {
  return {
    plan,
    async run() {
      try {
        return await work();
      } catch (error) {
        throw await explained(error, release, { moves: plan.steps.some((step) => step.do === 'set-weights') });
      }
    },
  };
}

function serviceRun(release: Release, state: State, definition?: ServiceRun['definition']): ServiceRun {
  const { aws, place, progress, settings } = release;
  return {
    aws,
    place,
    progress,
    wait: release.wait(),
    log: release.log ?? openLog(release, state),
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

/** The outcome of a plan that moves weights; says so when there was nothing to move. */
function routed(plan: Plan, session: Session, traffic: Traffic, percent: number, modified: Modified): RouteResult {
  if (!plan.steps.some((step) => step.do === 'set-weights') && !plan.note) session.progress({ type: 'rules-modified', count: 0 });
  const unchanged = traffic.rules.map(({ arn }) => arn).filter((arn) => !modified.includes(arn));
  return { canary: percent, primary: 100 - percent, modified, unchanged };
}
