/** CloudWatch's memory of one region: what was measured, by metric and minute. It is kept for some hours, and not over a restart. */
import type { Clock } from '../clock.ts';

export type Dimensions = Readonly<Record<string, string>>;

/** What one metric is told from another by. */
export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Dimensions;
}

export interface Metric extends MetricName {
  readonly unit: 'Count' | 'Seconds';
}

/** One minute of a metric. */
export interface MetricPoint {
  /** When the minute began. */
  readonly timestamp: Date;
  /** Before this moment nobody gets to see it. */
  readonly arrives: Date;
  /** How often each value was measured. */
  readonly values: ReadonlyMap<number, number>;
}

export interface Metrics {
  /** Counts in the minute that is now. */
  record(metric: Metric, value: number): void;
  /** The metrics with points that have arrived at `asOf`. */
  list(asOf: Date): Metric[];
  /** The metric itself; undefined when nothing of it is known. */
  find(name: MetricName): Metric | undefined;
  /** Its points that have arrived at `asOf`, oldest first: `from` is within, `to` is not. */
  points(name: MetricName, range: { readonly from: Date; readonly to: Date; readonly asOf: Date }): MetricPoint[];
}

/** All in minutes of AWS time: how long points are kept, and how late they arrive after their minute's end. */
const KEPT = 180;
const EARLIEST = 1;
const LATEST = 3;

/** To so many digits values are kept, so that a minute with any number of requests stays small. */
const DIGITS = 3;

/**
 * Minutes pass `speed` times faster than the wall clock's, but their timestamps are wall-clock time: whoever asks for what was
 * measured since a moment gets just that at any speed, and at speed 1 the minutes are the wall clock's own.
 */
export function makeMetrics(clock: Pick<Clock, 'now' | 'real'>): Metrics {
  const all = new Map<string, Series>();
  const minuteMs = clock.real(60_000);
  let newest = 0;

  function pointNow({ minutes }: Series): Point {
    const minute = Math.floor(clock.now().getTime() / minuteMs);
    if (minute > newest) {
      newest = minute;
      forgetBefore(minute - KEPT);
    }
    const known = minutes.get(minute);
    if (known) return known;
    const point = {
      // Never before the minute's true start: a query from this moment on has to find it.
      timestamp: new Date(Math.ceil(minute * minuteMs)),
      arrives: new Date(Math.ceil((minute + 1 + lateness(minute)) * minuteMs)),
      values: new Map<number, number>(),
    };
    minutes.set(minute, point);
    return point;
  }

  function forgetBefore(oldest: number): void {
    for (const [key, { minutes }] of all) {
      for (const minute of minutes.keys()) if (minute < oldest) minutes.delete(minute);
      if (minutes.size === 0) all.delete(key);
    }
  }

  return {
    record(metric, value) {
      const key = keyOf(metric);
      const series = all.get(key) ?? { metric, minutes: new Map<number, Point>() };
      const { values } = pointNow(series);
      all.set(key, series);
      const kept = Number(value.toPrecision(DIGITS));
      values.set(kept, (values.get(kept) ?? 0) + 1);
    },

    list: (asOf) =>
      [...all.values()].flatMap(({ metric, minutes }) => ([...minutes.values()].some(({ arrives }) => arrives <= asOf) ? [metric] : [])),

    find: (name) => all.get(keyOf(name))?.metric,

    points(name, { from, to, asOf }) {
      const points = [...(all.get(keyOf(name))?.minutes.values() ?? [])];
      return points
        .filter(({ timestamp, arrives }) => timestamp >= from && timestamp < to && arrives <= asOf)
        .toSorted((left, right) => Number(left.timestamp) - Number(right.timestamp));
    },
  };
}

interface Series {
  readonly metric: Metric;
  /** Points by minute, counted from the epoch. */
  readonly minutes: Map<number, Point>;
}

interface Point extends MetricPoint {
  readonly values: Map<number, number>;
}

/** The order of dimensions means nothing. */
function keyOf({ namespace, name, dimensions }: MetricName): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).toSorted(([left], [right]) => (left < right ? -1 : 1))]);
}

/** Spread by the minute's number, so that all metrics of a minute arrive together, but not all minutes in their order. */
function lateness(minute: number): number {
  return EARLIEST + ((minute * 0.618_034) % 1) * (LATEST - EARLIEST);
}
