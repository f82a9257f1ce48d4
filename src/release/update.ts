/** The whole way of one version: rollout, the steps with a hold after each, promotion. A composition of the other plans. */
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { type Bounds, isBounded } from '../settings/bounds.ts';
import { explained } from './explain.ts';
import { type LogWriter, isLocked } from './log.ts';
import { type Colour, type State, type Version, runs, weightOf } from './model.ts';
import { observe } from './observe.ts';
import {
  type Release,
  type RolloutOptions,
  prepareDestroyOld,
  preparePromote,
  prepareRollback,
  prepareRollout,
  prepareRoute,
} from './operations.ts';
import { rolesOf } from './roles.ts';
import type { Plan } from './step.ts';
import { STICKY } from './stickiness.ts';
import { beginRun } from './turn.ts';
import { type Watch, reportOn, watchCanary } from './watch.ts';
import { whereUsersAre } from './whereabouts.ts';

export interface UpdateOptions extends RolloutOptions {
  /** Rising percentages; the last one is 100. */
  readonly steps: readonly number[];
  /** ms to stay at each step before the next. */
  readonly hold: number;
  /** What the canary must keep to while it has traffic. */
  readonly bounds: Bounds;
  /** Destroy the replaced version at the end. */
  readonly destroyOld: boolean;
}

export interface UpdateResult {
  readonly version: string;
  /** `first`: it became the primary at once; `already`: it was the primary before. */
  readonly outcome: 'first' | 'already' | 'promoted';
  readonly destroyed: string | undefined;
}

/** A release whose operations are one run. */
type Updating = Release & { readonly log: LogWriter };

/** The error that brings its report along. */
const NOT_STARTED = 'not-started';

/** Errors that speak against the canary itself: the users go back, and the version is not tried further. */
const BAD_CANARY = ['not-safe', 'no-health', NOT_STARTED, 'canary-unhealthy', 'crash-loop', 'too-many-5xx', 'too-slow'];

/**
 * Brings a pushed version to 100 %. Run again after it was cut off, it carries on where the weights stand.
 * @throws CanaryError: exit 1 when the version never had weight, 3 when it had and users were taken back, 6 when another run
 *   took the pair on the way.
 */
export async function update(session: Release, version: Version, options: UpdateOptions): Promise<UpdateResult> {
  const log = await beginRun(session);
  try {
    return await goAllTheWay({ ...session, log }, version, options);
  } finally {
    await log.release();
  }
}

async function goAllTheWay(release: Updating, version: Version, options: UpdateOptions): Promise<UpdateResult> {
  let watch: Watch | undefined;
  // Whatever waits looks, as soon as there is somebody to watch.
  const watched = { ...release, watch: { look: async (percent?: number) => watch?.look(percent) } };
  const rollout = await prepareRollout(watched, version, options);
  const left = await leftWithTraffic(release, rollout.plan, version);
  try {
    if (left) watch = await watchCanary(release, left.state, left.roles, options.bounds);
    await rollout.run();
  } catch (error) {
    throw left ? await takenBack(release, error, left.roles.canary.colour) : error;
  }
  const state = await observe(release.aws, release.place);
  const roles = rolesOf(state);
  let outcome: UpdateResult['outcome'] = rollout.plan.note ? 'already' : 'first';
  if (roles.phase === 'primary+canary' && runs(roles.canary, version)) {
    try {
      watch ??= await watchCanary(release, state, roles, options.bounds);
      await climb(watched, watch, state, options);
    } catch (error) {
      throw await takenBack(release, error, roles.canary.colour);
    }
    outcome = 'promoted';
  } else if (roles.phase === 'nothing' || !runs(roles.primary, version)) {
    throw await explained(goneMeanwhile(version), release, { moves: false });
  }
  const destroyed = options.destroyOld ? await (await prepareDestroyOld(release, { acceptDrift: false })).run() : undefined;
  return { version: version.tag, outcome, destroyed };
}

/** The version as a canary that an earlier run left with traffic: it is watched from the start. */
async function leftWithTraffic({ aws, place }: Updating, { steps }: Plan, version: Version) {
  const carriesOn = steps.some((step) => step.do === 'wait-started' && step.deployment !== undefined);
  if (!carriesOn) return undefined;
  const state = await observe(aws, place);
  const roles = rolesOf(state);
  if (roles.phase !== 'primary+canary' || !runs(roles.canary, version)) return undefined;
  return weightOf(state, roles.canary.targetGroup) > 0 ? { state, roles } : undefined;
}

/** The percentages on the way to 100 that the canary has not gone beyond yet; 100 itself is a step where bounds are to be checked there. */
export function stepsAhead(state: State, { steps, bounds }: Pick<UpdateOptions, 'steps' | 'bounds'>): number[] {
  const roles = rolesOf(state);
  const now = roles.phase === 'primary+canary' ? weightOf(state, roles.canary.targetGroup) : 0;
  return steps.filter((percent) => percent >= now && (percent < 100 || isBounded(bounds)));
}

async function climb(release: Updating, watch: Watch, state: State, options: UpdateOptions): Promise<void> {
  const { hold, acceptDrift } = options;
  for (const percent of stepsAhead(state, options)) {
    await (await prepareRoute(release, { percent, acceptDrift, noScale: false, scaleDown: false })).run();
    await watch.hold(percent, hold);
  }
  await (await preparePromote(release, { acceptDrift, noScale: false })).run();
}

/**
 * Traffic first: what there is to know about the canary is looked up once nobody depends on it.
 * @returns the error to throw, once the users are back on the version that had production where the canary is to blame.
 */
async function takenBack(release: Release, error: unknown, canary: Colour): Promise<unknown> {
  if (isLocked(error) || !(error instanceof CanaryError) || !BAD_CANARY.includes(error.code)) {
    return explained(error, release, { moves: true });
  }
  const [headline = ''] = error.message.split('\n', 1);
  release.progress({ type: 'warning', text: `${headline} Going back.` });
  try {
    const { modified } = await (await prepareRollback(release, { force: false, breakStickiness: false })).run();
    const state = await observe(release.aws, release.place).catch(() => undefined);
    const told = error.code === NOT_STARTED ? error.message : await reportOn(error.message, canary, release).catch(() => error.message);
    return error.with({
      message: told,
      exitCode: modified.length > 0 ? ExitCode.rolledBack : ExitCode.failed,
      usersAre: state ? whereUsersAre(state) : 'back on the version that had production.',
      next: 'ecs-canary status',
    });
  } catch (failure) {
    const why = messageOf(failure);
    if (failure instanceof CanaryError && failure.code === STICKY) return failure.with({ message: `${error.message}\n${why}` });
    const stuck = new CanaryError({
      code: 'stuck',
      message: `${error.message}\nThe way back failed as well: ${why}`,
      exitCode: ExitCode.stuck,
      next: 'ecs-canary rollback --force',
      cause: failure,
    });
    return explained(stuck, release, { moves: true });
  }
}

function goneMeanwhile({ tag }: Version): CanaryError {
  return new CanaryError({
    code: 'locked',
    message: `Another run has taken ${tag} out of use while it started.`,
    exitCode: ExitCode.locked,
  });
}
