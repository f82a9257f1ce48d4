/** Statistics over measured values. */

/** How often each value was measured. */
export type Distribution = ReadonlyMap<number, number>;
export type Statistic = (values: Distribution) => number;

/** The statistic of that name, `Sum` or a percentile such as `p99.9`; undefined for one that AWS does not have, or that is not emulated. */
export function findStatistic(name: string): Statistic | undefined {
  const plain = PLAIN.get(name);
  if (plain) return plain;
  const rank = Number(/^p(\d{1,3}(?:\.\d{1,10})?)$/.exec(name)?.[1]);
  return rank <= 100 ? (values) => percentile(values, rank) : undefined;
}

/** All values of several distributions in one. */
export function merge(distributions: readonly Distribution[]): Distribution {
  const merged = new Map<number, number>();
  for (const [value, times] of distributions.flatMap((values) => [...values])) merged.set(value, (merged.get(value) ?? 0) + times);
  return merged;
}

const PLAIN: ReadonlyMap<string, Statistic> = new Map<string, Statistic>([
  ['SampleCount', sampleCount],
  ['Sum', sum],
  ['Average', (values) => sum(values) / sampleCount(values)],
  ['Minimum', (values) => Math.min(...values.keys())],
  ['Maximum', (values) => Math.max(...values.keys())],
]);

function sampleCount(values: Distribution): number {
  return [...values.values()].reduce((total, times) => total + times, 0);
}

function sum(values: Distribution): number {
  return [...values].reduce((total, [value, times]) => total + value * times, 0);
}

function percentile(values: Distribution, rank: number): number {
  const ordered = [...values].toSorted(([left], [right]) => left - right);
  let left = (sampleCount(values) * rank) / 100;
  for (const [value, times] of ordered) {
    left -= times;
    if (left <= 0) return value;
  }
  return Math.max(...values.keys());
}
