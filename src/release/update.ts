/** The whole way of one version: rollout, the steps with a hold after each, promotion. A composition of the other plans. */
import { CanaryError, ExitCode } from '../errors.ts';
import { formatDuration } from '../settings/duration.ts';
import { explained } from './explain.ts';
import { type LogWriter, isLocked } from './log.ts';
import { type State, type Version, runs, tagOf, weightOf } from './model.ts';
import { observe } from './observe.ts';
import {
  type Release,
  type RolloutOptions,
  prepareDestroyOld,
  preparePromote,
  prepareRollout,
  prepareRoute,
} from './operations.ts';
import { fullCount } from './moves.ts';
import { rolesOf } from './roles.ts';
import { requireUnchanged, tellFlow } from './settle.ts';
import { whyNotWeight } from './safety.ts';
import { type OnInterrupt, interrupted, takenBack } from './taken-back.ts';
import { beginRun } from './turn.ts';

export interface UpdateOptions extends RolloutOptions {
  /** Rising percentages; the last one is 100. */
  readonly steps: readonly number[];
  /** ms to stay at each step before the next. */
  readonly hold: number;
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

/** A release whose operations are one run. */
type Updating = Release & { readonly log: LogWriter };

/** Errors that speak against the canary itself: the users go back, and the version is not tried further. */
const BAD_CANARY = ['not-safe', 'no-health', 'canary-unhealthy'];

/**
 * Brings a pushed version to 100 %. Run again after it was cut off, it carries on where the weights stand.
 * @throws CanaryError: exit 1 when the version never had weight, 3 when it had and users were taken back, 6 when another run
 *   took the pair on the way.
 */
export async function update(session: Release, version: Version, options: UpdateOptions): Promise<UpdateResult> {
  const log = await beginRun(session);
  const release = { ...session, log };
  try {
    return await goAllTheWay(release, version, options);
  } catch (error) {
    throw interrupted(error) && options.onInterrupt === 'rollback' ? await takenBack(release, error) : error;
  } finally {
    await log.release();
  }
}

async function goAllTheWay(release: Updating, version: Version, options: UpdateOptions): Promise<UpdateResult> {
  const rollout = await prepareRollout(release, version, options);
  await rollout.run();
  const state = await observe(release.aws, release.place);
  const roles = rolesOf(state);
  let outcome: UpdateResult['outcome'] = rollout.plan.note ? 'already' : 'first';
  if (roles.phase === 'primary+canary' && runs(roles.canary, version)) {
    try {
      await climb(release, state, options);
    } catch (error) {
      throw blames(error) ? await takenBack(release, error) : await explained(error, release, { moves: true });
    }
    outcome = 'promoted';
  } else if (roles.phase === 'nothing' || !runs(roles.primary, version)) {
    throw await explained(goneMeanwhile(version), release, { moves: false });
  }
  const destroyed = options.destroyOld ? await (await prepareDestroyOld(release, { acceptDrift: false })).run() : undefined;
  return { version: version.tag, outcome, destroyed };
}

/** The percentages on the way to 100 that the canary has not gone beyond yet. */
export function stepsAhead(state: State, steps: readonly number[]): number[] {
  const roles = rolesOf(state);
  const now = roles.phase === 'primary+canary' ? weightOf(state, roles.canary.targetGroup) : 0;
  return steps.filter((percent) => percent >= now && percent < 100);
}

async function climb(release: Updating, state: State, { steps, hold, acceptDrift }: UpdateOptions): Promise<void> {
  for (const percent of stepsAhead(state, steps)) {
    await (await prepareRoute(release, { percent, acceptDrift, noScale: false, scaleDown: false })).run();
    await watch(release, percent, hold);
  }
  await (await preparePromote(release, { acceptDrift, noScale: false })).run();
}

/** Stays at a step; leaves it early when the canary loses the health its share needs, or somebody else takes the pair or changes weights. */
async function watch(release: Updating, percent: number, hold: number): Promise<void> {
  const state = await observe(release.aws, release.place);
  const roles = rolesOf(state);
  if (roles.phase !== 'primary+canary') return;
  const { targetGroup } = roles.canary;
  const pair = { primary: roles.primary.targetGroup, canary: targetGroup };
  const set = { pair, percent, newVersionPercent: percent, rules: state.rules };
  const tasks = fullCount(state, roles.primary);
  const { clock, signal, pollInterval } = release.wait();
  const since = new Date();
  const end = clock.now() + hold;
  while (clock.now() < end) {
    const left = formatDuration(Math.round((end - clock.now()) / 1_000) * 1_000);
    release.progress({ type: 'pause', text: `Holding at ${percent}%, watching the health of ${tagOf(roles.canary)} (${left} left)` });
    await clock.sleep(Math.min(pollInterval, end - clock.now()), signal);
    await release.log.ensureNewest();
    // Only what may have changed is read again: the account's load balancer calls are few.
    const targets = new Map([[targetGroup, await release.aws.loadBalancing.targetHealth(targetGroup)]]);
    const reason = whyNotWeight({ ...state, targets }, targetGroup, percent, tasks);
    if (reason) throw new CanaryError({ code: 'canary-unhealthy', message: `The canary lost its health: ${reason}.` });
    await requireUnchanged(set, { ...release, wait: release.wait() });
  }
  if (hold > 0) await tellFlow(set, since, release);
}

/** Whether an error speaks against the canary itself. */
function blames(error: unknown): error is CanaryError {
  return error instanceof CanaryError && !isLocked(error) && BAD_CANARY.includes(error.code);
}

function goneMeanwhile({ tag }: Version): CanaryError {
  return new CanaryError({
    code: 'locked',
    message: `Another run has taken ${tag} out of use while it started.`,
    exitCode: ExitCode.locked,
  });
}
