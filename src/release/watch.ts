/** Watching a canary while it has traffic: its health, its tasks, and what its load balancer reports of it. */
import { CanaryError } from '../errors.ts';
import type { Bounds } from '../settings/bounds.ts';
import { formatDuration } from '../settings/duration.ts';
import { pauseAfter } from '../time.ts';
import { watchBounds } from './bounds-watch.ts';
import { failureReport } from './failure-report.ts';
import { type Colour, type State, loadBalancerOf, serviceName, tagOf, weightOf } from './model.ts';
import { fullCount } from './moves.ts';
import { observe } from './observe.ts';
import type { Release, RunningRelease } from './operations.ts';
import { type Roles, rolesOf } from './roles.ts';
import { requireUnchanged, tellFlow } from './settle.ts';
import { STOPPED_TASKS, crashesOf, whyNotKeep } from './verdict.ts';

/** The watch, as whatever waits uses it. */
export interface Look {
  /**
   * One look, of many.
   * @param percent the canary's weight by now; by default what it was at the last look.
   * @throws CanaryError that says why the canary is bad: `canary-unhealthy`, `crash-loop`, `too-many-5xx`, `too-slow`.
   */
  look(percent?: number): Promise<void>;
}

export interface Watch extends Look {
  /**
   * Stays at a step; with bounds at least until metrics tell whether the canary keeps to them.
   * @param ms to stay at least.
   * @throws CanaryError as `look` does; `bounds-unchecked` (exit 4) when no metrics told in time; `locked` or `drift` when somebody
   *   else takes the pair or changes weights.
   */
  hold(percent: number, ms: number): Promise<void>;
}

type WithCanary = Extract<Roles, { phase: 'primary+canary' }>;

/** In poll intervals. Health is read at every look; tasks and metrics change more slowly, and all runs of an account share AWS's quotas. */
const TASKS_EVERY = 5;
const METRICS_EVERY = 10;

/** ms. Twenty services that hold at once stay within the ten calls a second that a load balancer's API takes. */
const LONGEST_PAUSE = 5_000;

/** ms. The first whole minute may take one to begin and one to pass, and arrives up to three later; a look has to find it then. */
const METRICS_COME = 6 * 60_000;

/** @throws CanaryError `metrics-unreadable` when there are bounds that could not be checked. */
export async function watchCanary(release: RunningRelease, state: State, roles: WithCanary, bounds: Bounds): Promise<Watch> {
  const { canary } = roles;
  const { colour, targetGroup } = canary;
  const version = tagOf(canary);
  const [rule] = state.rules;
  const kept = await watchBounds({ version, loadBalancer: rule ? loadBalancerOf(rule) : '', targetGroup, bounds }, release);
  let [known, tasks] = [state, fullCount(state, roles.primary)];
  let percent = weightOf(state, targetGroup);
  let [tasksSeen, metricsSeen] = [-Infinity, release.wait().clock.now()];

  function at(now: number): void {
    if (now === percent) return;
    percent = now;
    kept.begin();
  }

  async function look(now = percent): Promise<void> {
    at(now);
    // Only what may have changed is read again: the account's load balancer calls are few.
    const targets = new Map([[targetGroup, await release.aws.loadBalancing.targetHealth(targetGroup)]]);
    const sick = whyNotKeep({ targets, gaps: known.gaps }, targetGroup, percent, tasks);
    if (sick) throw new CanaryError({ code: 'canary-unhealthy', message: `The canary lost its health: ${sick}.` });
    const { clock, pollInterval } = release.wait();
    if (clock.now() - tasksSeen >= TASKS_EVERY * pollInterval) {
      await requireNoLoop();
      tasksSeen = clock.now();
    }
    if (clock.now() - metricsSeen >= METRICS_EVERY * pollInterval) {
      await kept.look();
      metricsSeen = clock.now();
    }
  }

  async function requireNoLoop(): Promise<void> {
    const stopped = await release.aws.containers.tasks(state.place.cluster, serviceName(state.place, colour), 'STOPPED');
    const { length } = crashesOf(stopped, canary.service?.deployment?.id);
    if (length >= STOPPED_TASKS) throw new CanaryError({ code: 'crash-loop', message: `The canary's tasks keep stopping: ${length} so far.` });
  }

  async function hold(now: number, ms: number): Promise<void> {
    known = await observe(release.aws, release.place);
    release.wait().signal.throwIfAborted();
    const fresh = rolesOf(known);
    if (fresh.phase !== 'primary+canary') return;
    tasks = fullCount(known, fresh.primary);
    at(now);
    const set = { pair: { primary: fresh.primary.targetGroup, canary: targetGroup }, percent, newVersionPercent: percent, rules: known.rules };
    const { clock, signal, pollInterval } = release.wait();
    const since = new Date();
    const begun = clock.now();
    const [end, last] = [begun + ms, begun + Math.max(ms, METRICS_COME)];
    while (clock.now() < (kept.isOpen() ? last : end)) {
      const left = end - clock.now();
      tell(left);
      const pause = pauseAfter(clock.now() - begun, pollInterval, LONGEST_PAUSE);
      await clock.sleep(left > 0 ? Math.min(pause, left) : pause, signal);
      await look();
      await release.log.ensureNewest();
      await requireUnchanged(set, { ...release, wait: release.wait() });
    }
    kept.conclude(percent);
    if (ms > 0) await tellFlow(set, since, release);
  }

  function tell(left: number): void {
    const rest = formatDuration(Math.round(left / 1_000) * 1_000);
    if (left > 0) release.progress({ type: 'pause', text: `Holding at ${percent}%, watching the health of ${version} (${rest} left)` });
    else release.progress({ type: 'waiting', text: `Staying at ${percent}% until metrics tell whether ${version} keeps to its bounds` });
  }

  return { look, hold };
}

/** What there is to know about a canary that was found bad: its stopped tasks, its service's events, its log. */
export async function reportOn(headline: string, colour: Colour, { aws, place }: Release): Promise<string> {
  const name = serviceName(place, colour);
  const [[service], stopped, running] = await Promise.all([
    aws.containers.describeServices(place.cluster, [name]),
    aws.containers.tasks(place.cluster, name, 'STOPPED'),
    aws.containers.tasks(place.cluster, name, 'RUNNING'),
  ]);
  if (!service) return headline;
  const own = { stopped: crashesOf(stopped, service.deployment?.id), running };
  return failureReport(headline, own, service, colour, { aws, place });
}
