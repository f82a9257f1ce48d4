/** The request experiment: so many requests one after the other, counted by the version that answered. */
import { messageOf } from '../errors.ts';
import { readable } from '../progress/printable.ts';

export interface ProbeResult {
  readonly total: number;
  readonly seconds: number;
  /** Requests by version, in the order of the versions' names. */
  readonly versions: Readonly<Record<string, number>>;
  /** Refused connections, statuses that mean no success, and answers that name no version. */
  readonly errors: number;
}

/** What is asked, over a connection that it keeps. */
export interface Respondent {
  /**
   * Sends one request and takes its answer, as text.
   * @throws Error in words for people: no answer, or a status that means no success; also when the signal aborts.
   */
  ask(signal: AbortSignal): Promise<string>;
  close(): void;
}

export interface ProbeOptions {
  readonly respondent: Respondent;
  readonly requests: number;
  /** Its first group is the version. */
  readonly pattern: RegExp;
  readonly signal: AbortSignal;
}

/** ms that one request may take before it counts as an error. */
export const REQUEST_TIMEOUT = 10_000;
/** Kinds of errors that are told one by one. */
const TOLD = 5;

/** Ends early, with what was counted so far, when the signal aborts. @returns the result, and how often what went wrong. */
export async function probe({ respondent, requests, pattern, signal }: ProbeOptions): Promise<{ result: ProbeResult; reasons: ReadonlyMap<string, number> }> {
  const counts = new Map<string, number>();
  const reasons = new Map<string, number>();
  const begin = performance.now();
  let total = 0;
  let errors = 0;
  try {
    for (; total < requests; total += 1) {
      const { version, reason = '' } = await versionOf(respondent, pattern, signal);
      if (signal.aborted) break;
      if (version !== undefined) counts.set(version, (counts.get(version) ?? 0) + 1);
      else {
        errors += 1;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
  } finally {
    respondent.close();
  }
  const versions = Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })));
  return { result: { total, seconds: (performance.now() - begin) / 1_000, versions, errors }, reasons };
}

async function versionOf(respondent: Respondent, pattern: RegExp, signal: AbortSignal): Promise<{ version?: string; reason?: string }> {
  try {
    const version = pattern.exec(await respondent.ask(signal))?.[1];
    return version === undefined ? { reason: 'no version in the answer' } : { version };
  } catch (error) {
    return { reason: messageOf(error).replaceAll(/\s+/g, ' ').trim() };
  }
}

/** The result as lines for people. */
export function formatProbe({ total, seconds, versions, errors }: ProbeResult, reasons: ReadonlyMap<string, number>): string[] {
  const percent = (count: number) => (total === 0 ? '0.0' : ((100 * count) / total).toFixed(1));
  const told = [...reasons].toSorted(([, a], [, b]) => b - a);
  const others = told.slice(TOLD).reduce((sum, [, count]) => sum + count, 0);
  return [
    '========== Results ==========',
    `Total:    ${total} requests in ${seconds.toFixed(3)}s`,
    ...Object.entries(versions).map(([version, count]) => `Version ${version}: ${count}  (${percent(count)}%)`),
    `Errors:    ${errors}`,
    ...told.slice(0, TOLD).map(([reason, count]) => `  ${count} × ${readable(reason)}`),
    ...(others > 0 ? [`  ${others} × something else`] : []),
  ];
}
