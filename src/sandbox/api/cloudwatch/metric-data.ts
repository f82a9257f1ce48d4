/** GetMetricData: one statistic each of many metrics, in pages. */
import type { GetMetricDataInput, GetMetricDataOutput, MetricDataQuery, MetricStat } from '@aws-sdk/client-cloudwatch';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { cappedPageSize } from '../../page-size.ts';
import { isPeriod, metricNameOf, queryMetric, WHICH_PERIODS } from './query.ts';
import { findStatistic } from './statistics.ts';

const MOST_QUERIES = 500;
const MOST_DATAPOINTS = 100_800;
const ID = /^[a-z][a-zA-Z0-9_]*$/;

/** `MaxDatapoints` counts over all queries. Every page names every query; those that are through are `Complete`. */
export function GetMetricData(input: GetMetricDataInput, region: Region): GetMetricDataOutput {
  const { MetricDataQueries = [], StartTime = new Date(0), EndTime = new Date(0), ScanBy, NextToken } = input;
  const { MaxDatapoints = MOST_DATAPOINTS } = input;
  checkInput(MetricDataQueries, StartTime, EndTime, MaxDatapoints);
  const { offset, asOf } = NextToken === undefined ? { offset: 0, asOf: region.clock.now() } : readToken(NextToken);
  const end = offset + cappedPageSize(region, MaxDatapoints);
  let place = 0;
  const results = MetricDataQueries.filter(({ ReturnData = true }) => ReturnData).map(({ Id, Label, MetricStat }) => {
    const data = dataOf(region, MetricStat, { from: StartTime, to: EndTime, asOf });
    const ordered = ScanBy === 'TimestampAscending' ? data : data.toReversed();
    const page = ordered.slice(Math.max(0, offset - place), Math.max(0, end - place));
    place += data.length;
    return {
      Id,
      Label: Label ?? MetricStat?.Metric?.MetricName,
      Timestamps: page.map(({ timestamp }) => timestamp),
      Values: page.map(({ value }) => value),
      StatusCode: place > end ? ('PartialData' as const) : ('Complete' as const),
    };
  });
  return { MetricDataResults: results, Messages: [], NextToken: place > end ? writeToken(end, asOf) : undefined };
}

function dataOf(region: Region, stat: MetricStat | undefined, range: { from: Date; to: Date; asOf: Date }) {
  const statistic = findStatistic(stat?.Stat ?? '');
  if (!stat?.Metric || !statistic) return [];
  const data = queryMetric(region, { metric: metricNameOf(stat.Metric), period: stat.Period ?? 0, unit: stat.Unit, ...range });
  return data.map(({ timestamp, values }) => ({ timestamp, value: statistic(values) }));
}

function checkInput(queries: readonly MetricDataQuery[], from: Date, to: Date, most: number): void {
  const problems = [
    ...problemsOfAll(queries),
    ...queries.flatMap((query, index) => [...problemsOf(query, `MetricDataQueries.member.${index + 1}`)]),
    ...(from > to ? ['The parameter StartTime must be less than the parameter EndTime.'] : []),
    ...(from.getTime() === to.getTime() ? ['The parameter StartTime must not equal parameter EndTime.'] : []),
    ...(most < 1 || most > MOST_DATAPOINTS ? [`The parameter MaxDatapoints must be between 1 and ${MOST_DATAPOINTS}.`] : []),
  ];
  if (problems.length > 0) throw new AwsError('ValidationException', problems.join('\n'));
}

function* problemsOfAll(queries: readonly MetricDataQuery[]): Generator<string> {
  const ids = new Set(queries.map(({ Id }) => Id));
  if (queries.length === 0) yield 'The parameter MetricDataQueries is required.';
  if (queries.length > MOST_QUERIES) yield `The collection MetricDataQueries must not have a size greater than ${MOST_QUERIES}.`;
  if (ids.size < queries.length) yield 'The values for parameter id in MetricDataQueries are not unique.';
  if (ids.size > 0 && queries.every(({ ReturnData }) => ReturnData === false)) yield 'At least one query must return data.';
}

function* problemsOf({ Id = '', MetricStat: stat, Expression }: MetricDataQuery, place: string): Generator<string> {
  const id = `The value ${Id} for parameter ${place}.Id`;
  if (!ID.test(Id)) yield `${id} is not matching the expected pattern ${ID.source}.`;
  if (Expression !== undefined) yield `The parameter ${place}.Expression is not supported: the sandbox has no metric math.`;
  else if (!stat) yield `The parameter ${place} must have either MetricStat or Expression.`;
  if (!stat) return;
  const { Stat = '', Period = 0 } = stat;
  if (!findStatistic(Stat)) yield `The value ${Stat} for parameter ${place}.MetricStat.Stat is not a valid statistic.`;
  if (!isPeriod(Period)) yield `The parameter ${place}.MetricStat.Period ${WHICH_PERIODS}.`;
}

/** A token remembers when the first page was asked for: what arrives meanwhile must not shift the pages. */
function writeToken(offset: number, asOf: Date): string {
  return Buffer.from(`${offset}@${asOf.getTime()}`).toString('base64url');
}

function readToken(token: string): { offset: number; asOf: Date } {
  const [, offset, asOf] = /^(\d+)@(\d+)$/.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (offset === undefined) throw new AwsError('InvalidNextToken', 'The NextToken provided is invalid.');
  return { offset: Number(offset), asOf: new Date(Number(asOf)) };
}
