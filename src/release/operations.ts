/** What a user can ask of a release: each operation observes, plans, and hands out the plan with the way to apply it. */
import type { Aws } from '../aws/aws.ts';
import type { TaskDefinition } from '../aws/ecs.ts';
import type { Progress } from '../progress/events.ts';
import type { Settings } from '../settings/settings.ts';
import type { Wait } from '../time.ts';
import { type ServiceRun, apply, applyTraffic } from './apply.ts';
import { explained, explainedTraffic } from './explain.ts';
import { hazardsOf, strangersOf } from './hazards.ts';
import { requireFree } from './lock.ts';
import { type Author, type LogWriter, logWriter } from './log.ts';
import { COLOURS, type Pair, type Place, type State, type Traffic, type Version, inScope, tagOf } from './model.ts';
import type { Shift } from './moves.ts';
import { observe, observeTraffic, revisionOf } from './observe.ts';
import { type RolloutIntent, planDestroyOld, planRollout } from './plan-rollout.ts';
import { type PromoteIntent, type RollbackIntent, type RouteIntent, planPromote, planRollback, planRoute, planRouteGroups } from './plan-route.ts';
import { rolesOf } from './roles.ts';
import type { Plan } from './step.ts';
import { leftBehind, stickyClients } from './stickiness.ts';
import { generate, withVersion } from './task-definition.ts';
import type { Modified } from './weights.ts';

/** What every operation works with. */
export interface Session {
  readonly aws: Aws;
  readonly progress: Progress;
  /** A wait whose deadline begins now. */
  readonly wait: () => Wait;
  readonly author: Author;
  /** Whether plans are only to be shown. */
  readonly dryRun: boolean;
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

export interface RolloutOptions extends Omit<RolloutIntent, 'version' | 'firstTasks' | 'settle'> {
  /** AWS's own JSON; else the revision that the primary runs is the base, else one is generated. */
  readonly definition: TaskDefinition | undefined;
}

export type RouteOptions = Omit<RouteIntent, 'settle'>;
export type PromoteOptions = Omit<PromoteIntent, 'settle'>;
export type RollbackOptions = Omit<RollbackIntent, 'settle'>;
export type RouteGroupsOptions = Shift & { readonly acceptDrift: boolean };

export async function prepareRollout(release: Release, version: Version, options: RolloutOptions): Promise<Prepared<Modified>> {
  const { place, settings } = release;
  const { definition: given, ...wanted } = options;
  const log = await takeTurn(release);
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
  warn(release, state, plan);
  return prepared(release, plan, log, (run) => apply(plan.steps, { ...run, definition }));
}

/** A route to 0 is the emergency exit: it waits for nobody. */
export async function prepareRoute(release: Release, options: RouteOptions): Promise<Prepared<RouteResult>> {
  const log = options.percent === 0 ? aheadOfAll(release) : await takeTurn(release);
  return prepareMove(release, log, options.percent, (state) => planRoute(state, { ...options, settle: release.settings.settle }));
}

export async function preparePromote(release: Release, options: PromoteOptions): Promise<Prepared<RouteResult>> {
  const log = await takeTurn(release);
  return prepareMove(release, log, 100, (state) => planPromote(state, { ...options, settle: release.settings.settle }));
}

/** Its run throws `sticky-clients` (exit 4) when clients with a cookie stay where the traffic was taken from. */
export async function prepareRollback(release: Release, options: RollbackOptions): Promise<Prepared<RouteResult>> {
  const log = aheadOfAll(release);
  return prepareMove(release, log, 0, (state) => planRollback(state, { ...options, settle: release.settings.settle }), refuseLeftBehind);
}

/** @returns the version that was destroyed; undefined when there was none. */
export async function prepareDestroyOld(release: Release, options: { acceptDrift: boolean }): Promise<Prepared<string | undefined>> {
  const log = await takeTurn(release);
  const state = await observe(release.aws, release.place);
  const plan = planDestroyOld(state, options);
  warn(release, state, plan);
  return prepared(release, plan, log, async (run) => {
    await apply(plan.steps, run);
    return plan.steps.flatMap((step) => (step.do === 'stop' ? step.version : []))[0];
  });
}

/** `route` on any two target groups: whoever made them, and whatever runs behind them. */
export async function prepareRouteGroups(session: Session, pair: Pair, options: RouteGroupsOptions): Promise<Prepared<RouteResult>> {
  const log = options.percent === 0 ? openLog(session, pair) : await openLogInTurn(session, pair, { byArn: true });
  const traffic = await observeTraffic(session.aws, pair);
  const plan = planRouteGroups(traffic, pair, options);
  for (const text of hazardsOf(traffic, plan.steps)) session.progress({ type: 'hazard', text });
  return {
    plan,
    async run() {
      try {
        const modified = await applyTraffic(plan.steps, { ...session, wait: session.wait(), log });
        return routed(plan, session, traffic, options, modified);
      } catch (error) {
        throw await explainedTraffic(error, session, pair);
      } finally {
        await log.release();
      }
    },
  };
}

/** The log for several operations that are one run: it ends as soon as somebody else writes there. */
export async function beginRun(release: Release): Promise<LogWriter> {
  return openLogInTurn(release, pairOf(release));
}

/** The log of an operation that is to go forward: another run that is at work has its turn first. */
async function takeTurn(release: Release): Promise<LogWriter> {
  return release.log ?? openLogInTurn(release, pairOf(release));
}

function aheadOfAll(release: Release): LogWriter {
  return release.log ?? openLog(release, pairOf(release));
}

async function openLogInTurn(session: Session, pair: Pair, { byArn = false } = {}): Promise<LogWriter> {
  const { aws, author, progress, dryRun } = session;
  // What is only to be shown can be shown beside a run at work.
  const newest = dryRun ? undefined : await requireFree({ parameters: aws.parameters, pair, author, wait: session.wait(), progress, byArn });
  return openLog(session, pair, newest);
}

/** @param newest number of the entry after which the run takes the pair; the emergency exit finds that out when it does. */
function openLog({ aws, author, wait }: Session, pair: Pair, newest = 0): LogWriter {
  return logWriter(aws.parameters, pair, author, newest, wait().clock);
}

function pairOf({ place }: Release): Pair {
  return { primary: place.targetGroups.blue, canary: place.targetGroups.green };
}

async function prepareMove(
  release: Release,
  log: LogWriter,
  percent: number,
  planFor: (state: State) => Plan,
  afterwards: (plan: Plan, release: Release, state: State) => Promise<void> = async () => undefined,
): Promise<Prepared<RouteResult>> {
  const state = await observe(release.aws, release.place);
  const plan = planFor(state);
  const roles = rolesOf(state);
  // Forward moves are refused then; who goes back should know what that is based on.
  if (roles.phase !== 'nothing' && roles.contradiction) release.progress({ type: 'hazard', text: `${roles.contradiction}.` });
  if (state.undiscovered) release.progress({ type: 'hazard', text: `${state.undiscovered}; only those that the release log remembers are changed.` });
  warn(release, state, plan);
  return prepared(release, plan, log, async (run) => {
    const modified = await apply(plan.steps, run);
    await afterwards(plan, release, state);
    return routed(plan, release, state, { percent }, modified);
  });
}

function warn({ progress }: Session, state: State, { steps }: Plan): void {
  for (const text of [...hazardsOf(state, steps), ...(steps.length > 0 ? strangersOf(state) : [])]) progress({ type: 'hazard', text });
}

async function refuseLeftBehind({ steps }: Plan, release: Release, state: State): Promise<void> {
  const left = await leftBehind(steps, release);
  if (!left) return;
  const move = steps.find((step) => step.do === 'set-weights');
  const [stuckOn, all] = COLOURS.map((colour) => state.colours[colour]).toSorted((one) => (one.targetGroup === move?.pair.canary ? -1 : 1));
  throw stickyClients(left, stuckOn && tagOf(stuckOn), all && tagOf(all));
}

function prepared<Result>(release: Release, plan: Plan, log: LogWriter, work: (run: ServiceRun) => Promise<Result>): Prepared<Result> {
  return {
    plan,
    async run() {
      try {
        return await work(serviceRun(release, log));
      } catch (error) {
        throw await explained(error, release, { moves: plan.steps.some((step) => step.do === 'set-weights') });
      } finally {
        // A run of several operations gives the pair back at its own end.
        if (log !== release.log) await log.release();
      }
    },
  };
}

function serviceRun(release: Release, log: LogWriter): ServiceRun {
  const { aws, place, progress, settings } = release;
  return {
    aws,
    place,
    progress,
    wait: release.wait(),
    log,
    gracePeriod: settings.service.healthCheck.gracePeriod,
    containerPort: settings.service.containerPort,
    definition: () => Promise.reject(new Error('this plan starts no version')),
  };
}

async function primaryDefinition(release: Release, state: State): Promise<TaskDefinition | undefined> {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing' || !roles.primary.service) return undefined;
  const revision = await revisionOf(release.aws, roles.primary.service.taskDefinition);
  return revision && { ...revision.definition, tags: Object.entries(revision.tags).map(([key, value]) => ({ key, value })) };
}

/** The outcome of a plan that moves weights; says so when there was nothing to move. */
function routed(plan: Plan, session: Session, traffic: Traffic, { percent, scope }: Pick<Shift, 'percent' | 'scope'>, modified: Modified): RouteResult {
  if (!plan.steps.some((step) => step.do === 'set-weights') && !plan.note) session.progress({ type: 'rules-modified', changes: [] });
  const unchanged = inScope(traffic.rules, scope).map(({ arn }) => arn).filter((arn) => !modified.includes(arn));
  return { canary: percent, primary: 100 - percent, modified, unchanged };
}
