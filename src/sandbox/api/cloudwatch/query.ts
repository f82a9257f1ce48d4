/** What both ways of reading a metric have in common: its name, its periods, its times. */
import type { Dimension } from '@aws-sdk/client-cloudwatch';
import type { Region } from '../../parts.ts';
import type { MetricName } from '../../world/metrics.ts';
import { type Distribution, merge } from './statistics.ts';

export interface MetricQuery {
  readonly metric: MetricName;
  readonly from: Date;
  readonly to: Date;
  /** Seconds. */
  readonly period: number;
  /** Only data of this unit, where it is given. */
  readonly unit: string | undefined;
  /** What had not arrived at this moment is not seen. */
  readonly asOf: Date;
}

export interface Datum {
  /** When the period began. */
  readonly timestamp: Date;
  readonly values: Distribution;
}

/** Below a minute there are only these periods, in seconds; above, the multiples of a minute. */
const SHORT_PERIODS = [1, 5, 10, 20, 30];
const MINUTE_SECONDS = 60;
export const WHICH_PERIODS = `must be a value in the set [ ${SHORT_PERIODS.join(', ')} ] or a multiple of ${MINUTE_SECONDS}`;

export function isPeriod(period: number): boolean {
  return SHORT_PERIODS.includes(period) || (period > 0 && period % MINUTE_SECONDS === 0);
}

/** The name as a request gives it. */
export function metricNameOf(request: { Namespace?: string; MetricName?: string; Dimensions?: Dimension[] }): MetricName {
  const dimensions = Object.fromEntries((request.Dimensions ?? []).map(({ Name = '', Value = '' }) => [Name, Value]));
  return { namespace: request.Namespace ?? '', name: request.MetricName ?? '', dimensions };
}

/**
 * The metric's data by period, oldest first; periods without data are left out. Times round down to the minute, and the first
 * period begins there. A period lasts `speed` times less than it says, as every AWS duration does.
 */
export function queryMetric({ metrics, clock }: Region, { metric, from, to, period, unit, asOf }: MetricQuery): Datum[] {
  if (unit !== undefined && metrics.find(metric)?.unit !== unit) return [];
  const minuteMs = clock.real(MINUTE_SECONDS * 1_000);
  const periodMs = clock.real(Math.max(period, MINUTE_SECONDS) * 1_000);
  const start = Math.floor(from.getTime() / minuteMs) * minuteMs;
  const periods = new Map<number, Distribution[]>();
  for (const { timestamp, values } of metrics.points(metric, { from: new Date(start), to, asOf })) {
    const index = Math.floor((timestamp.getTime() - start) / periodMs);
    periods.set(index, [...(periods.get(index) ?? []), values]);
  }
  return [...periods].map(([index, values]) => ({ timestamp: new Date(Math.ceil(start + index * periodMs)), values: merge(values) }));
}
