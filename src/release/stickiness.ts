/** Clients that stay with a target group because of a cookie: switching that off and on, waiting it out, telling of it. */
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { formatDuration } from '../settings/duration.ts';
import type { Run } from './apply.ts';
import { lostWeightAt } from './cookies.ts';
import { type State, pairAt, weightOf } from './model.ts';
import { freshRules } from './observe.ts';
import { arnsOf, failedUnlessLocked } from './rule-writes.ts';
import type { SetStickiness, Step, WaitCookies } from './step.ts';

/**
 * Switches group stickiness off in the step's rules, or puts it back. What AWS refuses is told and stays: the weights are
 * what counts, and they stand already.
 * @throws CanaryError `locked` when another run has the pair.
 */
export async function setStickiness({ pair, seconds, entry }: SetStickiness, { aws, log, progress }: Run): Promise<void> {
  const failed = new Map<string, number | undefined>();
  for (const [arn, wanted] of seconds) {
    await log.ensureNewest().catch(failedUnlessLocked);
    try {
      const [rule] = await freshRules(aws, [arn], pair);
      if (rule && rule.stickiness !== wanted) await aws.loadBalancing.setStickiness(rule, wanted);
    } catch (error) {
      failed.set(arn, wanted);
      const what = wanted === undefined ? 'switched off' : 'put back';
      progress({ type: 'warning', text: `Stickiness could not be ${what} in ${arn}: ${messageOf(error)}` });
    }
  }
  if (!entry) return;
  const left = Object.fromEntries([...failed].flatMap(([arn, wanted]) => (wanted === undefined ? [] : [[arn, wanted]])));
  await log.append({ ...entry, stickiness: { ...entry.stickiness, ...left } });
}

/**
 * Sleeps until no cookie sends a client to the version any more. Each answer renews a cookie, so that a client that keeps
 * asking stays: the load balancer's own count has the last word, where there is one.
 * @throws CanaryError `sticky-clients`: exit 124 at once when that is later than the run's deadline, exit 1 when clients
 *   were seen to stay.
 */
export async function waitCookies(step: WaitCookies, run: Run): Promise<void> {
  const since = step.since === undefined ? Date.now() : Date.parse(step.since);
  await outlast(step, since, run);
  const { aws, progress } = run;
  const { targetGroup, loadBalancer, version } = step;
  const now = Date.now();
  const from = new Date(Math.max(since, now - REPORTED_MS));
  const counts = await aws.metrics.requestCounts(loadBalancer, [targetGroup], from, new Date(now)).catch((error: unknown) => {
    progress({ type: 'warning', text: `It could not be seen whether clients still reach ${version}: ${messageOf(error)}` });
    return new Map<string, number>();
  });
  const requests = counts.get(targetGroup) ?? 0;
  if (requests === 0) return;
  throw new CanaryError({
    code: STICKY,
    message:
      `${requests} requests of clients with a stickiness cookie reached ${version} in the last minutes; ` +
      'they would be answered 503 once its tasks are gone.',
    next: 'the same command in some minutes; where clients keep asking, switch stickiness off in the listener rules first',
  });
}

/** ms in which at least one whole minute is reported: metrics come up to 3 minutes late. */
const REPORTED_MS = 5 * 60_000;

/** @param since wall time in ms at which the group lost its weight. */
async function outlast({ version, seconds }: WaitCookies, since: number, run: Run): Promise<void> {
  const { clock, signal, deadline, pollInterval } = run.wait;
  const end = since + seconds * 1_000;
  const left = end - Date.now();
  if (left <= 0) return;
  if (clock.now() + left > deadline) {
    throw new CanaryError({
      code: STICKY,
      message:
        `Clients with a stickiness cookie may be sent to ${version} until ${new Date(end).toISOString()}, ` +
        'and would be answered 503 once its tasks are gone.',
      exitCode: ExitCode.timeout,
      next: `the same command after that time, or with --timeout ${Math.ceil(left / 60_000) + 1}m   (waits for it)`,
    });
  }
  run.progress({ type: 'waiting', text: `Waiting ${formatDuration(left)} for the last stickiness cookies of ${version} to run out` });
  for (const until = clock.now() + left; clock.now() < until; ) {
    await clock.sleep(Math.min(pollInterval, until - clock.now()), signal);
    await run.log.ensureNewest();
  }
}

/** Clients that a way back did not bring along. */
export interface LeftBehind {
  /** Wall time in ms until which the last cookie may count, as far as its client does not use it. */
  readonly until: number;
  readonly rules: readonly string[];
}

/**
 * Sticky rules whose cookies may still hold clients on the group, once the steps were taken.
 * @param state as it was before.
 */
export async function leftBehind(
  state: State,
  steps: readonly Step[],
  targetGroup: string,
  { aws }: Pick<Run, 'aws'>,
): Promise<LeftBehind | undefined> {
  const sticky = state.rules.filter(({ stickiness }) => stickiness !== undefined);
  const moved = steps.some((step) => step.do === 'set-weights') && weightOf(state, targetGroup) > 0;
  const since = moved ? Date.now() : Date.parse(lostWeightAt(state, targetGroup) ?? '');
  if (sticky.length === 0 || Number.isNaN(since)) return undefined;
  const fresh = await freshRules(aws, arnsOf(sticky), pairAt(state.place)).catch(() => sticky);
  const still = fresh.filter(({ stickiness }) => stickiness !== undefined);
  const until = since + 1_000 * Math.max(0, ...still.map(({ stickiness = 0 }) => stickiness));
  return until > Date.now() ? { until, rules: arnsOf(still) } : undefined;
}

/** @param stuckOn what these clients stay on. @param all what everybody else is on. */
export function stickyClients({ until, rules }: LeftBehind, stuckOn: string, all: string): CanaryError {
  return new CanaryError({
    code: STICKY,
    message:
      `Stickiness keeps clients that have a cookie on ${stuckOn} until ${new Date(until).toISOString()}, ` +
      'and longer where they keep asking: each answer renews it.\n' +
      `It is on in:\n${rules.map((arn) => `  ${arn}`).join('\n')}`,
    exitCode: ExitCode.paused,
    usersAre: `on ${all}, except for those clients.`,
    next: 'ecs-canary rollback --break-stickiness   (they come along at once)',
  });
}

/** Code of the error that tells of clients left behind. */
export const STICKY = 'sticky-clients';
