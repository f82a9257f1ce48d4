/** Bounds that a canary must stay within, as people write them: `1%` of errors, `p99=500ms`. */

/** What a canary that has traffic must stay within. */
export interface Bounds {
  /** Percent of its requests that may end with a 5xx; undefined for no bound. */
  readonly max5xx: number | undefined;
  readonly maxLatency: LatencyBound | undefined;
}

export interface LatencyBound {
  /** `avg`, or a percentile. */
  readonly statistic: (typeof STATISTICS)[number];
  readonly ms: number;
}

/** Whether there is any. */
export function isBounded({ max5xx, maxLatency }: Bounds): boolean {
  return max5xx !== undefined || maxLatency !== undefined;
}

const STATISTICS = ['avg', 'p50', 'p90', 'p95', 'p99', 'p99.9'] as const;

/** Switches a bound off that the settings have. */
export const NONE = 'none';

export const MAX_5XX_LOOKS = 'a percentage from 0% to below 100%, such as 1% or 0.5%, or none';
export const MAX_LATENCY_LOOKS = `a statistic (${STATISTICS.join(', ')}) and a time, such as p99=500ms or avg=0.2s, or none`;

/** Percent; `none` for no bound, undefined when the text is no percentage. A bare number could be meant as a share of 1. */
export function parseMax5xx(text: string): number | typeof NONE | undefined {
  const trimmed = text.trim();
  if (trimmed === NONE) return NONE;
  const percent = Number(/^(\d{1,2}(?:\.\d{1,4})?)\s?%$/.exec(trimmed)?.[1] ?? Number.NaN);
  return Number.isNaN(percent) ? undefined : percent;
}

/** `none` for no bound, undefined when the text is not what `MAX_LATENCY_LOOKS` says. */
export function parseMaxLatency(text: string): LatencyBound | typeof NONE | undefined {
  const trimmed = text.trim();
  if (trimmed === NONE) return NONE;
  const [, name, amount, unit] = /^([a-z\d.]+)\s?=\s?(\d{1,6}(?:\.\d{1,6})?)(ms|s)$/.exec(trimmed) ?? [];
  const statistic = STATISTICS.find((known) => known === name);
  const ms = Number(amount) * (unit === 's' ? 1_000 : 1);
  return statistic && ms > 0 ? { statistic, ms } : undefined;
}

/** A bound as the program uses it. */
export function orNone<Value>(bound: Value | typeof NONE | undefined): Value | undefined {
  return bound === NONE ? undefined : bound;
}
