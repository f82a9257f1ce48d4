/** ListMetrics: which metrics have data. */
import type { DimensionFilter, ListMetricsInput, ListMetricsOutput } from '@aws-sdk/client-cloudwatch';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { Metric } from '../../world/metrics.ts';
import { cappedPageSize } from '../../page-size.ts';
import { sortedPage } from '../sorted-page.ts';

const PAGE = 500;

/** No metric is remembered for longer than the three hours that `RecentlyActive` asks for, so it changes nothing. */
export function ListMetrics(input: ListMetricsInput, region: Region): ListMetricsOutput {
  const { Namespace, MetricName, Dimensions = [], NextToken: token } = input;
  const found = region.metrics.list(region.clock.now()).filter(
    ({ namespace, name, dimensions }) =>
      (Namespace === undefined || namespace === Namespace) &&
      (MetricName === undefined || name === MetricName) &&
      Dimensions.every((filter) => hasDimension(dimensions, filter)),
  );
  const sorted = found.toSorted((left, right) => (sortKey(left) < sortKey(right) ? -1 : 1));
  const invalid = () => new AwsError('InvalidParameterValueException', 'Request parameter NextToken is invalid');
  const { items, nextToken } = sortedPage(sorted, sortKey, { token, size: cappedPageSize(region, PAGE), invalid });
  return {
    Metrics: items.map(({ namespace, name, dimensions }) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    })),
    NextToken: nextToken,
  };
}

function hasDimension(dimensions: Metric['dimensions'], { Name = '', Value }: DimensionFilter): boolean {
  return Object.hasOwn(dimensions, Name) && (Value === undefined || dimensions[Name] === Value);
}

function sortKey({ namespace, name, dimensions }: Metric): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions)]);
}
