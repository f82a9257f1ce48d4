/** The whole way of one version: rollout, the steps with a hold after each, promotion. A composition of the other plans. */
import { CanaryError, ExitCode } from '../errors.ts';
import { explained, whereUsersAre } from './explain.ts';
import { type State, type Version, weightOf } from './model.ts';
import { observe } from './observe.ts';
import {
  type Release,
  type RolloutOptions,
  canaryShare,
  prepareDestroyOld,
  preparePromote,
  prepareRollback,
  prepareRollout,
  prepareRoute,
} from './operations.ts';
import { rolesOf } from './roles.ts';
import { requiredTargets } from './safety.ts';

export interface UpdateOptions extends RolloutOptions {
  /** Rising percentages; the last one is 100. */
  readonly steps: readonly number[];
  /** ms to stay at each step before the next. */
  readonly hold: number;
  /** Destroy the replaced version at the end. */
  readonly destroyOld: boolean;
}

export interface UpdateResult {
  readonly version: string;
  /** `first`: it became the primary at once; `already`: it was the primary before. */
  readonly outcome: 'first' | 'already' | 'promoted';
  readonly destroyed: string | undefined;
}

/** Errors that speak against the canary itself: the users go back, and the version is not tried further. */
const BAD_CANARY = ['not-safe', 'no-health', 'canary-unhealthy'];

/**
 * Brings a pushed version to 100 %. Run again after it was cut off, it carries on where the weights stand.
 * @throws CanaryError: exit 1 when the version never had weight, 3 when it had and users were taken back.
 */
export async function update(release: Release, version: Version, options: UpdateOptions): Promise<UpdateResult> {
  const rollout = await prepareRollout(release, version, options);
  await rollout.run();
  const state = await observe(release.aws, release.place);
  if (rolesOf(state).phase !== 'primary+canary') {
    const destroyed = options.destroyOld ? await (await prepareDestroyOld(release)).run() : undefined;
    return { version: version.tag, outcome: rollout.plan.note ? 'already' : 'first', destroyed };
  }
  try {
    await climb(release, state, options);
  } catch (error) {
    throw await takenBack(release, error);
  }
  const destroyed = options.destroyOld ? await (await prepareDestroyOld(release)).run() : undefined;
  return { version: version.tag, outcome: 'promoted', destroyed };
}

/** The percentages on the way to 100 that the canary has not gone beyond yet. */
export function stepsAhead(state: State, steps: readonly number[]): number[] {
  const roles = rolesOf(state);
  const now = roles.phase === 'primary+canary' ? weightOf(state, roles.canary.targetGroup) : 0;
  return steps.filter((percent) => percent >= now && percent < 100);
}

async function climb(release: Release, state: State, { steps, hold }: UpdateOptions): Promise<void> {
  for (const percent of stepsAhead(state, steps)) {
    await (await prepareRoute(release, percent, { force: false })).run();
    await watch(release, percent, hold);
  }
  await (await preparePromote(release, { force: false })).run();
}

/** Stays at a step, and leaves it early when the canary has not enough healthy targets for its share any more. */
async function watch(release: Release, percent: number, hold: number): Promise<void> {
  const canary = canaryShare(await observe(release.aws, release.place));
  if (!canary) return;
  const { clock, signal, pollInterval } = release.wait();
  const end = clock.now() + hold;
  const required = requiredTargets(percent, canary.tasks);
  while (clock.now() < end) {
    await clock.sleep(Math.min(pollInterval, end - clock.now()), signal);
    const targets = await release.aws.loadBalancing.targetHealth(canary.targetGroup);
    const healthy = targets.filter((target) => target.state === 'healthy').length;
    if (healthy < required) {
      throw new CanaryError({
        code: 'canary-unhealthy',
        message: `At ${percent}% the canary needs ${required} healthy targets and has ${healthy}.`,
      });
    }
  }
}

/** @returns the error to throw once the users are back on the version that had production. */
async function takenBack(release: Release, error: unknown): Promise<unknown> {
  if (!(error instanceof CanaryError) || !BAD_CANARY.includes(error.code)) return explained(error, release);
  release.progress({ type: 'warning', text: `${error.message} Going back.` });
  const had = (await shareOfCanary(release)) > 0;
  await (await prepareRollback(release, { force: false })).run();
  return error.with({
    exitCode: had ? ExitCode.rolledBack : ExitCode.failed,
    usersAre: whereUsersAre(await observe(release.aws, release.place)),
    next: 'ecs-canary status',
  });
}

async function shareOfCanary(release: Release): Promise<number> {
  const state = await observe(release.aws, release.place);
  const canary = canaryShare(state);
  return canary ? weightOf(state, canary.targetGroup) : 0;
}
