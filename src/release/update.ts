/** The whole way of one version: rollout, the steps with a hold after each, promotion. A composition of the other plans. */
import { CanaryError, ExitCode } from '../errors.ts';
import { type Bounds, isBounded } from '../settings/bounds.ts';
import { explained } from './explain.ts';
import { isLocked } from './log.ts';
import { type Colour, type State, type Version, runs, weightOf } from './model.ts';
import { observe } from './observe.ts';
import {
  type Release,
  type RolloutOptions,
  type RunningRelease,
  prepareDestroyOld,
  preparePromote,
  prepareRollout,
  prepareRoute,
} from './operations.ts';
import { rolesOf } from './roles.ts';
import type { Plan } from './step.ts';
import { type OnInterrupt, interrupted, takenBack } from './taken-back.ts';
import { beginRun, leaveFree } from './turn.ts';
import { type Watch, reportOn, watchCanary } from './watch.ts';

export interface UpdateOptions extends RolloutOptions {
  /** Rising percentages; the last one is 100. */
  readonly steps: readonly number[];
  /** ms to stay at each step before the next. */
  readonly hold: number;
  /** What the canary must keep to while it has traffic. */
  readonly bounds: Bounds;
  /** Destroy the replaced version at the end. */
  readonly destroyOld: boolean;
  readonly onInterrupt: OnInterrupt;
}

export interface UpdateResult {
  readonly version: string;
  /** `first`: it became the primary at once; `already`: it was the primary before. */
  readonly outcome: 'first' | 'already' | 'promoted';
  readonly destroyed: string | undefined;
}

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
  const release = { ...session, log };
  try {
    const result = await goAllTheWay(release, version, options);
    if (!log.own()) await leaveFree(session);
    return result;
  } catch (error) {
    throw interrupted(error) && options.onInterrupt === 'rollback' ? await takenBack(release, error) : error;
  } finally {
    await log.release();
  }
}

async function goAllTheWay(release: RunningRelease, version: Version, options: UpdateOptions): Promise<UpdateResult> {
  let watch: Watch | undefined;
  // Whatever waits looks, as soon as there is somebody to watch.
  const watched = { ...release, watch: { look: async (percent?: number) => watch?.look(percent) } };
  const rollout = await prepareRollout(watched, version, options);
  const left = await leftWithTraffic(release, rollout.plan, version);
  try {
    if (left) watch = await watchCanary(release, left.state, left.roles, options.bounds);
    await rollout.run();
  } catch (error) {
    throw left ? await endedAt(release, error, left.roles.canary.colour) : error;
  }
  const state = await observe(release.aws, release.place);
  const roles = rolesOf(state);
  let outcome: UpdateResult['outcome'] = rollout.plan.note ? 'already' : 'first';
  if (roles.phase === 'primary+canary' && runs(roles.canary, version)) {
    try {
      watch ??= await watchCanary(release, state, roles, options.bounds);
      await climb(watched, watch, state, options);
    } catch (error) {
      throw await endedAt(release, error, roles.canary.colour);
    }
    outcome = 'promoted';
  } else if (roles.phase === 'nothing' || !runs(roles.primary, version)) {
    throw await explained(goneMeanwhile(version), release, { moves: false });
  }
  const destroyed = options.destroyOld ? await (await prepareDestroyOld(release, { acceptDrift: false })).run() : undefined;
  return { version: version.tag, outcome, destroyed };
}

/** The version as a canary that an earlier run left with traffic: it is watched from the start. */
async function leftWithTraffic({ aws, place }: RunningRelease, { steps }: Plan, version: Version) {
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

async function climb(release: RunningRelease, watch: Watch, state: State, options: UpdateOptions): Promise<void> {
  const { hold, acceptDrift } = options;
  for (const percent of stepsAhead(state, options)) {
    await (await prepareRoute(release, { percent, acceptDrift, noScale: false, scaleDown: false })).run();
    await watch.hold(percent, hold);
  }
  await (await preparePromote(release, { acceptDrift, noScale: false })).run();
}

/**
 * What there is to know about a bad canary is looked up once nobody depends on it.
 * @returns the error to throw, once the users are back on the version that had production where the canary is to blame.
 */
async function endedAt(release: Release, error: unknown, canary: Colour): Promise<unknown> {
  if (isLocked(error) || !(error instanceof CanaryError) || !BAD_CANARY.includes(error.code)) {
    return explained(error, release, { moves: true });
  }
  return takenBack(release, error, async (message) => (error.code === NOT_STARTED ? message : reportOn(message, canary, release)));
}

function goneMeanwhile({ tag }: Version): CanaryError {
  return new CanaryError({
    code: 'locked',
    message: `Another run has taken ${tag} out of use while it started.`,
    exitCode: ExitCode.locked,
  });
}
