/** What a user can ask of a release: each operation observes, plans, and hands out the plan with the way to apply it. */
import type { Aws } from '../aws/aws.ts';
import type { TaskDefinition } from '../aws/ecs.ts';
import { CanaryError } from '../errors.ts';
import type { Progress } from '../progress/events.ts';
import type { Settings } from '../settings/settings.ts';
import type { Wait } from '../time.ts';
import { type ServiceRun, apply, applyTraffic } from './apply.ts';
import { explained, explainedTraffic } from './explain.ts';
import { hazardsOf, strangersOf } from './hazards.ts';
import type { Author, LogWriter } from './log.ts';
import { lookWell, observeBefore, unknowns } from './looks.ts';
import { type Pair, type Place, type State, type Traffic, type Version, inScope, isOccupied, tagOf } from './model.ts';
import type { Shift } from './moves.ts';
import { observeTraffic, revisionOf } from './observe.ts';
import { type RolloutIntent, planDestroyOld, planRollout } from './plan-rollout.ts';
import { type RollbackIntent, planRollback, wayBack } from './plan-rollback.ts';
import { type PromoteIntent, type RouteIntent, planPromote, planRoute, planRouteGroups } from './plan-route.ts';
import { drift, rolesOf } from './roles.ts';
import type { Plan } from './step.ts';
import { leftBehind, stickyClients } from './stickiness.ts';
import { ahead, goAhead, inTurn, leaveFree, requireTurn, takeTurn } from './turn.ts';
import { generate, remembering, withVersion } from './task-definition.ts';
import type { Look } from './watch.ts';
import { anotherProcessor, architecturesFor } from './architecture.ts';
import type { Modified } from './rule-writes.ts';

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
  /** Looks at the canary while its operations wait. */
  readonly watch?: Look;
}

/** A release whose operations are one run. */
export type RunningRelease = Release & { readonly log: LogWriter };

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
  /** Whose image is replaced; undefined for the container that is known. */
  readonly container?: string;
}

export type RouteOptions = Omit<RouteIntent, 'settle'>;
export type PromoteOptions = Omit<PromoteIntent, 'settle'>;
export type RollbackOptions = Omit<RollbackIntent, 'settle'>;
export type RouteGroupsOptions = Shift & { readonly acceptDrift: boolean };

export async function prepareRollout(release: Release, version: Version, options: RolloutOptions): Promise<Prepared<Modified>> {
  const { place, settings } = release;
  const { definition: given, container, ...wanted } = options;
  const log = await takeTurn(release);
  const state = await observeBefore(release, { emergency: false });
  await requireTurn(release, log);
  const plan = planRollout(state, { version, firstTasks: settings.service.desiredCount, settle: settings.settle, ...wanted });
  const running = await primaryDefinition(release, state);
  const base = given ? remembering(given, running) : running;
  const starts = plan.steps.some((step) => step.do === 'start');
  const architectures = starts ? await architecturesFor(release, version, base, given !== undefined) : undefined;
  const definition = async (of: Version): Promise<TaskDefinition> =>
    withVersion(base ?? generate(settings.service, place, settings.region, of), place.service, {
      version: of, container, architectures, neighbourhood: given ? undefined : place.neighbourhood,
    });
  if (starts) {
    // What cannot be registered should fail before anything is recorded.
    tell(release, [anotherProcessor(version, running, await definition(version))]);
  } else if (given) {
    release.progress({ type: 'warning', text: `${version.tag} runs already: the task definition given is not used.` });
  }
  warn(release, state, plan);
  return prepared(release, plan, log, (run) => apply(plan.steps, { ...run, definition }));
}

/** A route to 0 is the emergency exit: it waits for nobody. */
export async function prepareRoute(release: Release, options: RouteOptions): Promise<Prepared<RouteResult>> {
  const log = options.percent === 0 ? goAhead(release) : await takeTurn(release);
  const plan = (state: State) => planRoute(state, { ...options, settle: release.settings.settle });
  return prepareMove(release, log, { ...options, plan });
}

export async function preparePromote(release: Release, options: PromoteOptions): Promise<Prepared<RouteResult>> {
  const log = await takeTurn(release);
  return prepareMove(release, log, { percent: 100, plan: (state) => planPromote(state, { ...options, settle: release.settings.settle }) });
}

/** Its run throws `sticky-clients` (exit 4) when clients with a cookie stay where the traffic was taken from. */
export async function prepareRollback(release: Release, options: RollbackOptions): Promise<Prepared<RouteResult>> {
  return prepareMove(release, goAhead(release), {
    percent: 0,
    plan: (state) => planRollback(state, { ...options, settle: release.settings.settle }),
    insteadOfWaiting: 'ecs-canary rollback   (waits again)\n      or ecs-canary rollback --force   (goes back all the same)',
    afterwards: (plan, state) => refuseLeftBehind(plan, state, release),
  });
}

/** @returns the version that was destroyed; undefined when there was none. */
export async function prepareDestroyOld(release: Release, options: { acceptDrift: boolean }): Promise<Prepared<string | undefined>> {
  const log = await takeTurn(release);
  const state = await observeBefore(release, { emergency: false });
  await requireTurn(release, log);
  const plan = planDestroyOld(state, options);
  warn(release, state, plan);
  return prepared(release, plan, log, async (run) => {
    await apply(plan.steps, run);
    return plan.steps.flatMap((step) => (step.do === 'stop' ? step.version : []))[0];
  });
}

/** `route` on any two target groups: whoever made them, and whatever runs behind them. */
export async function prepareRouteGroups(session: Session, pair: Pair, options: RouteGroupsOptions): Promise<Prepared<RouteResult>> {
  const log = options.percent === 0 ? ahead(session, pair) : await inTurn(session, pair, { byArn: true });
  const traffic = await lookWell(session, () => observeTraffic(session.aws, pair), { emergency: options.percent === 0 });
  if (options.percent > 0) await requireTurn(session, log);
  const plan = planRouteGroups(traffic, pair, options);
  tell(session, [...unknowns(traffic), drift(traffic), ...hazardsOf(traffic, plan.steps)]);
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

interface MoveOf extends Pick<Shift, 'percent' | 'scope'> {
  readonly plan: (state: State) => Plan;
  /** The commands for a user who has waited in vain for tasks. */
  readonly insteadOfWaiting?: string;
  /** Looks at what the plan could not see to, once it is done. */
  readonly afterwards?: (plan: Plan, state: State) => Promise<void>;
}

async function prepareMove(release: Release, log: LogWriter, { plan: planFor, insteadOfWaiting, afterwards, ...asked }: MoveOf): Promise<Prepared<RouteResult>> {
  const state = await observeBefore(release, { emergency: asked.percent === 0 });
  if (asked.percent > 0) await requireTurn(release, log);
  const plan = planFor(state);
  const roles = rolesOf(state);
  // Forward moves are refused then; who goes back should know what that is based on.
  tell(release, [...unknowns(state), roles.phase === 'nothing' ? undefined : roles.contradiction]);
  warn(release, state, plan);
  return prepared(release, plan, log, async (run) => {
    const modified = await apply(plan.steps, run).catch((error: unknown) => {
      throw error instanceof CanaryError && WAITED_IN_VAIN.includes(error.code) ? error.with({ next: error.next ?? insteadOfWaiting }) : error;
    });
    await afterwards?.(plan, state);
    return routed(plan, release, state, asked, modified);
  });
}

const WAITED_IN_VAIN = ['not-started', 'timeout'];

function warn(session: Session, state: State, { steps }: Plan): void {
  tell(session, [...hazardsOf(state, steps), ...(steps.length > 0 ? strangersOf(state) : [])]);
}

function tell({ progress }: Session, hazards: readonly (string | undefined)[]): void {
  for (const text of hazards) if (text) progress({ type: 'hazard', text: `${text.replace(/\.$/, '')}.` });
}

async function refuseLeftBehind({ steps }: Plan, state: State, release: Release): Promise<void> {
  const way = wayBack(state);
  if (!way || !isOccupied(state, way.from)) return;
  const left = await leftBehind(state, steps, way.from.targetGroup, release);
  if (left) throw stickyClients(left, tagOf(way.from), tagOf(way.to));
}

function prepared<Result>(release: Release, plan: Plan, log: LogWriter, work: (run: ServiceRun) => Promise<Result>): Prepared<Result> {
  return {
    plan,
    async run() {
      try {
        const result = await work(serviceRun(release, log));
        if (log !== release.log && plan.steps.length === 0) await leaveFree(release);
        return result;
      } catch (error) {
        throw await explained(error, { ...release, log }, { moves: plan.steps.some((step) => step.do === 'set-weights') });
      } finally {
        // A run of several operations leaves the pair at its own end.
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
    watch: release.watch,
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
function routed(plan: Plan, session: Session, traffic: Traffic, asked: Pick<Shift, 'percent' | 'scope'>, modified: Modified): RouteResult {
  const { percent, scope } = asked;
  if (!plan.steps.some((step) => step.do === 'set-weights') && !plan.note) session.progress({ type: 'rules-modified', changes: [] });
  const unchanged = inScope(traffic.rules, scope).map(({ arn }) => arn).filter((arn) => !modified.includes(arn));
  return { canary: percent, primary: 100 - percent, modified, unchanged };
}
