/** Whether a canary keeps to its bounds, by the metrics that came since it got its weight. */
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import type { Bounds, LatencyBound } from '../settings/bounds.ts';
import type { Session } from './operations.ts';
import { type Verdict, verdictsOn } from './verdict.ts';

export interface BoundsWatch {
  /** The canary has another weight from now on: what came before counts no more. */
  begin(): void;
  /**
   * Asks CloudWatch. An answer that does not come is no verdict.
   * @throws CanaryError `too-many-5xx` or `too-slow` when the canary has left a bound.
   */
  look(): Promise<void>;
  /** Whether the metrics have not told enough yet about each of the bounds. */
  isOpen(): boolean;
  /**
   * Says what was found.
   * @param percent the weight that it was found at.
   * @throws CanaryError `bounds-unchecked` (exit 4) for a bound that nothing is known about: it must not look as if it was kept to.
   */
  conclude(percent: number): void;
}

interface Watched {
  readonly version: string;
  readonly loadBalancer: string;
  readonly targetGroup: string;
  readonly bounds: Bounds;
}

/**
 * Without bounds nothing is asked, and nothing is open.
 * @throws CanaryError `metrics-unreadable` when CloudWatch can't be read: better before the canary gets weight than after.
 */
export async function watchBounds(watched: Watched, { aws, author, progress }: Session): Promise<BoundsWatch> {
  const { version, loadBalancer, targetGroup, bounds } = watched;
  const statistic = bounds.maxLatency ? inCloudWatch(bounds.maxLatency.statistic) : 'Average';
  let since = new Date();
  let verdicts = verdictsOn([], bounds);
  let told = 0;
  let trouble: string | undefined;
  const minutesSince = (start: Date) => aws.metrics.minutes(loadBalancer, targetGroup, statistic, start, new Date());

  if (verdicts.length > 0) {
    await minutesSince(new Date(since.getTime() - MINUTE)).catch((error: unknown) => {
      throw new CanaryError({ code: 'metrics-unreadable', message: `Bounds can only be checked with metrics. ${messageOf(error)}`, cause: error });
    });
  }

  return {
    begin() {
      since = new Date();
      verdicts = verdictsOn([], bounds);
      told = 0;
    },

    async look() {
      if (verdicts.length === 0) return;
      try {
        verdicts = verdictsOn(await minutesSince(since), bounds);
        trouble = undefined;
      } catch (error) {
        trouble = messageOf(error);
        return;
      }
      const left = verdicts.find((verdict) => verdict.is === 'left');
      if (left) throw new CanaryError({ code: left.code, message: `The canary left its bounds: ${left.seen}.` });
      told = verdicts.some(isUnknown) ? 0 : told + 1;
    },

    isOpen: () => verdicts.length > 0 && told < TELLINGS,

    conclude(percent) {
      if (verdicts.length === 0) return;
      const unknown = verdicts.filter(isUnknown);
      if (unknown.length === 0) {
        progress({ type: 'flow', text: `${version} keeps to its bounds at ${percent}%: ${seenIn(verdicts)}.` });
        return;
      }
      throw new CanaryError({
        code: 'bounds-unchecked',
        message: `Whether ${version} keeps to its bounds at ${percent}% could not be told: ${(trouble ?? seenIn(unknown)).replace(/\.$/, '')}.`,
        exitCode: ExitCode.paused,
        next: `ecs-canary rollback, or ecs-canary ${author.command}   (with a longer --hold, or none as the bound)`,
      });
    },
  };
}

/** The newest minute may still grow: errors that come after the requests that they belong to are found at a second look. */
const TELLINGS = 2;

/** ms */
const MINUTE = 60_000;

function inCloudWatch(statistic: LatencyBound['statistic']): string {
  return statistic === 'avg' ? 'Average' : statistic;
}

function isUnknown({ is }: Verdict): boolean {
  return is === 'unknown';
}

function seenIn(verdicts: readonly Verdict[]): string {
  return verdicts.map(({ seen }) => seen).join('; ');
}
