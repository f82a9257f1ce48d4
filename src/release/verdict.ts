/**
 * What is known of a canary, and whether that speaks against it. Pure: no clock, no network. Values that AWS does not give
 * are neither good nor bad.
 */
import type { Minute } from '../aws/cloudwatch.ts';
import type { EcsTask } from '../aws/ecs.ts';
import type { Bounds, LatencyBound } from '../settings/bounds.ts';
import { type Health, whyNotWeight } from './safety.ts';

/** So many stopped tasks of one deployment are no accident. */
export const STOPPED_TASKS = 3;

/** Of fewer requests no rate and no percentile is made. */
export const ENOUGH_REQUESTS = 20;

/** An average of so many requests is not one request's doing. */
const ENOUGH_FOR_AVERAGE = 100;

/** Reasons of tasks that did not start for want of a machine, an address, or a free call. */
const AWS_OWN = /capacity is unavailable|network interface|rate exceeded|toomanyrequests|timeout waiting for/i;

/** Stopped by the version's own fault, and not because somebody deployed, changed the count, or took the machine away. */
export function isCrash({ stopCode = '', stoppedReason = '' }: EcsTask): boolean {
  if (stopCode === 'TaskFailedToStart' && AWS_OWN.test(stoppedReason)) return false;
  return ['EssentialContainerExited', 'TaskFailedToStart'].includes(stopCode) || /failed .*health check|health checks? failed/i.test(stoppedReason);
}

/** The stopped tasks that speak against a deployment. */
export function crashesOf(stopped: readonly EcsTask[], deploymentId: string | undefined): EcsTask[] {
  return stopped.filter((task) => task.deploymentId === deploymentId && isCrash(task));
}

/** Percent. Of many tasks there is always one that is being replaced: the whole traffic is kept with as many as this share needs. */
const WHOLE_IS_KEPT_AS = 90;

/**
 * Why a group has too few healthy targets for the weight that it has already.
 * @param percent of the traffic.
 * @param tasks that the whole traffic needs.
 */
export function whyNotKeep(health: Health, targetGroup: string, percent: number, tasks: number): string | undefined {
  return whyNotWeight(health, targetGroup, Math.min(percent, WHOLE_IS_KEPT_AS), tasks);
}

/** What the minutes say about one bound. */
export type Verdict =
  | { readonly is: 'within'; readonly seen: string }
  | { readonly is: 'left'; readonly code: 'too-many-5xx' | 'too-slow'; readonly seen: string }
  /** Nothing can be said yet, for want of requests. */
  | { readonly is: 'unknown'; readonly seen: string };

/**
 * One verdict for each bound that was given.
 * @param minutes whole ones that began after the canary got its weight, oldest first; those without requests left out.
 */
export function verdictsOn(minutes: readonly Minute[], { max5xx, maxLatency }: Bounds): Verdict[] {
  return [
    ...(max5xx === undefined ? [] : [errorsIn(minutes, max5xx)]),
    ...(maxLatency === undefined ? [] : [latencyIn(minutes, maxLatency)]),
  ];
}

/** Small minutes are added up with those before them. One error alone leaves no bound but 0 %, and keeps to none either. */
function errorsIn(minutes: readonly Minute[], max: number): Verdict {
  let newest: Verdict | undefined;
  for (let end = 1; end <= minutes.length; end += 1) {
    const { requests, errors } = lastOf(minutes.slice(0, end));
    if (requests < ENOUGH_REQUESTS) continue;
    const rate = (100 * errors) / requests;
    const seen = `${rounded(rate)}% of ${requests} requests ended with a 5xx`;
    if (rate > max && (errors > 1 || max === 0)) return { is: 'left', code: 'too-many-5xx', seen: `${seen}, and ${max}% may` };
    newest = rate > max ? { is: 'unknown', seen: `1 of ${requests} requests ended with a 5xx, which alone is no rate` } : { is: 'within', seen };
  }
  return newest ?? { is: 'unknown', seen: tooFew(minutes, `it takes ${ENOUGH_REQUESTS}`) };
}

/** The newest minutes that have enough requests together; all where they do not. */
function lastOf(minutes: readonly Minute[]): Pick<Minute, 'requests' | 'errors'> {
  let [requests, errors] = [0, 0];
  for (const minute of minutes.toReversed()) {
    if (requests >= ENOUGH_REQUESTS) break;
    requests += minute.requests;
    errors += minute.errors;
  }
  return { requests, errors };
}

/** Percentiles of several minutes can't be added up, so each minute stands alone. */
function latencyIn(minutes: readonly Minute[], { statistic, ms }: LatencyBound): Verdict {
  const enough = enoughFor(statistic);
  let newest: Verdict | undefined;
  for (const { requests, latency } of minutes) {
    if (requests < enough || latency === undefined) continue;
    const seen = `${statistic} was ${Math.round(latency)}ms in a minute of ${requests} requests`;
    if (latency > ms) return { is: 'left', code: 'too-slow', seen: `${seen}, and ${ms}ms is allowed` };
    newest = { is: 'within', seen };
  }
  const answered = minutes.filter(({ latency }) => latency !== undefined);
  if (minutes.length > 0 && answered.length === 0) return { is: 'unknown', seen: 'its targets answered none of its requests' };
  return newest ?? { is: 'unknown', seen: tooFew(answered, `${statistic} takes ${enough} in one minute`) };
}

/** Requests of one minute, so that a single one of them does not decide the statistic: 100 for p99, 1000 for p99.9. */
function enoughFor(statistic: LatencyBound['statistic']): number {
  return statistic === 'avg' ? ENOUGH_FOR_AVERAGE : Math.max(ENOUGH_REQUESTS, Math.round(100 / (100 - Number(statistic.slice(1)))));
}

function tooFew(minutes: readonly Minute[], takes: string): string {
  const requests = minutes.reduce((sum, minute) => sum + minute.requests, 0);
  if (requests === 0) return 'no metrics of its requests came';
  const [some, spread] = [requests === 1 ? '1 request' : `${requests} requests`, minutes.length === 1 ? '1 minute' : `${minutes.length} minutes`];
  return `${some} in ${spread} are too few: ${takes}`;
}

function rounded(percent: number): string {
  return String(Number(percent.toFixed(2)));
}
