/** GetMetricStatistics: several statistics of one metric. */
import type { GetMetricStatisticsInput, GetMetricStatisticsOutput } from '@aws-sdk/client-cloudwatch';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { isPeriod, metricNameOf, queryMetric, WHICH_PERIODS } from './query.ts';
import { type Distribution, findStatistic, type Statistic } from './statistics.ts';

const MOST_DATAPOINTS = 1_440;

export function GetMetricStatistics(input: GetMetricStatisticsInput, region: Region): GetMetricStatisticsOutput {
  const { MetricName, StartTime = new Date(0), EndTime = new Date(0), Period = 0, Statistics = [], ExtendedStatistics = [], Unit } = input;
  checkRange(StartTime, EndTime, Period);
  if ((Statistics.length > 0) === (ExtendedStatistics.length > 0)) {
    throw new AwsError('InvalidParameterCombinationException', 'Must specify either Statistics or ExtendedStatistics');
  }
  const plain = statisticsOf(Statistics, 'Statistics');
  const extended = statisticsOf(ExtendedStatistics, 'ExtendedStatistics');
  const metric = metricNameOf(input);
  const unit = region.metrics.find(metric)?.unit;
  const data = queryMetric(region, { metric, from: StartTime, to: EndTime, period: Period, unit: Unit, asOf: region.clock.now() });
  return {
    Label: MetricName,
    Datapoints: data.map(({ timestamp, values }) => ({
      Timestamp: timestamp,
      Unit: unit,
      ...compute(plain, values),
      ...(extended.size > 0 && { ExtendedStatistics: compute(extended, values) }),
    })),
  };
}

function statisticsOf(names: readonly string[], parameter: string): ReadonlyMap<string, Statistic> {
  return new Map(
    names.map((name, index) => {
      const statistic = findStatistic(name);
      if (!statistic) throw invalid(`The value ${name} for parameter ${parameter}.member.${index + 1} is not a valid statistic.`);
      return [name, statistic] as const;
    }),
  );
}

function compute(statistics: ReadonlyMap<string, Statistic>, values: Distribution): Record<string, number> {
  return Object.fromEntries([...statistics].map(([name, statistic]) => [name, statistic(values)]));
}

function checkRange(from: Date, to: Date, period: number): void {
  if (!isPeriod(period)) throw invalid(`The parameter Period ${WHICH_PERIODS}.`);
  if (from >= to) throw invalid('The parameter StartTime must be less than the parameter EndTime.');
  const requested = Math.floor((to.getTime() - from.getTime()) / 1_000 / period);
  if (requested > MOST_DATAPOINTS) {
    throw new AwsError(
      'InvalidParameterCombinationException',
      `You have requested up to ${requested.toLocaleString('en')} datapoints, which exceeds the limit of 1,440. ` +
        'You may reduce the datapoints requested by increasing Period, or decreasing the time range.',
    );
  }
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterValueException', message);
}
