/** What load balancers report to CloudWatch. */
import type { Dimension, MetricDataQuery, MetricDataResult } from '@aws-sdk/client-cloudwatch';
import { CanaryError } from '../errors.ts';
import { allPages, type Caller, clientOptions, explaining, once } from './connect.ts';

export interface Metrics {
  /**
   * Requests that the load balancer gave to each target group in the whole minutes that began between the two moments and are
   * reported already; the newest of them may still grow. Metrics come 1 to 3 minutes late, and never where they are zero: a
   * group without any is left out.
   */
  requestCounts(loadBalancerArn: string, targetGroupArns: readonly string[], since: Date, until: Date): Promise<Map<string, number>>;
  /**
   * The whole minutes of one target group, oldest first, that began between the two moments, in which it got requests, as far
   * as they are reported.
   * @param statistic of its response times, in CloudWatch's words: `Average`, `p99`.
   */
  minutes(loadBalancerArn: string, targetGroupArn: string, statistic: string, since: Date, until: Date): Promise<Minute[]>;
}

/** How a target group answered the requests of one minute. */
export interface Minute {
  readonly requests: number;
  /** Answers with a 5xx of its targets, and connections that its targets did not take: those the load balancer answers with 502. */
  readonly errors: number;
  /** ms; undefined where no target answered. */
  readonly latency: number | undefined;
}

/** Seconds: load balancers report minute by minute. */
const PERIOD = 60;
/** ms. CloudWatch looks at whole seconds, and refuses a range that is empty then. */
const SHORTEST_RANGE = 1_000;

export function metrics(caller: Caller): Metrics {
  const connect = once(async () => {
    const sdk = await import('./sdk/cloudwatch.ts');
    // Metrics inform, or are asked for again soon: a network that does not lead to CloudWatch must not hold up a release for long.
    return { sdk, client: explaining('cloudwatch', new sdk.CloudWatchClient(await clientOptions(caller, { hurried: true }))) };
  });

  async function read(queries: readonly MetricDataQuery[], since: Date, until: Date): Promise<MetricDataResult[]> {
    if (until.getTime() - since.getTime() < SHORTEST_RANGE) return [];
    const { sdk, client } = await connect();
    return allPages(async (NextToken) => {
      const answer = await client.send(
        new sdk.GetMetricDataCommand({ MetricDataQueries: [...queries], StartTime: since, EndTime: until, NextToken }),
      );
      const results = answer.MetricDataResults ?? [];
      const failed = results.find(({ StatusCode }) => StatusCode === 'InternalError' || StatusCode === 'Forbidden');
      // One metric without its values would read as one without errors.
      if (failed) throw new CanaryError({ code: 'aws-error', message: `CloudWatch answered ${failed.StatusCode} about ${failed.Label ?? failed.Id}.` });
      return [results, answer.NextToken];
    });
  }

  return {
    async requestCounts(loadBalancerArn, targetGroupArns, since, until) {
      const query = (arn: string, index: number) => queryOf(`group${index}`, 'RequestCount', 'Sum', dimensions(loadBalancerArn, arn));
      const results = await read(targetGroupArns.map(query), since, until);
      const counts = targetGroupArns.map((arn, index) => {
        const points = pointsOf(results, `group${index}`, since);
        return [arn, [...points.values()].reduce((sum, value) => sum + value, 0)] as const;
      });
      return new Map(counts.filter(([, count]) => count > 0));
    },

    async minutes(loadBalancerArn, targetGroupArn, statistic, since, until) {
      const of = dimensions(loadBalancerArn, targetGroupArn);
      const queries = [
        queryOf('requests', 'RequestCount', 'Sum', of),
        queryOf('answered', 'HTTPCode_Target_5XX_Count', 'Sum', of),
        queryOf('refused', 'TargetConnectionErrorCount', 'Sum', of),
        queryOf('time', 'TargetResponseTime', statistic, of),
      ];
      const results = await read(queries, since, until);
      const [requests, answered, refused, time] = queries.map(({ Id }) => pointsOf(results, Id, since));
      return [...(requests ?? [])]
        .toSorted(([left], [right]) => left - right)
        .map(([at, count]) => {
          const seconds = time?.get(at);
          // A connection that is tried twice must not count for more requests than there were.
          const errors = Math.min(count, (answered?.get(at) ?? 0) + (refused?.get(at) ?? 0));
          return { requests: count, errors, latency: seconds === undefined ? undefined : seconds * 1_000 };
        });
    },
  };
}

function queryOf(Id: string, MetricName: string, Stat: string, Dimensions: Dimension[]) {
  return { Id, MetricStat: { Metric: { Namespace: 'AWS/ApplicationELB', MetricName, Dimensions }, Period: PERIOD, Stat } };
}

function dimensions(loadBalancerArn: string, targetGroupArn: string): Dimension[] {
  return [
    { Name: 'LoadBalancer', Value: resourceOf(loadBalancerArn).replace('loadbalancer/', '') },
    { Name: 'TargetGroup', Value: resourceOf(targetGroupArn) },
  ];
}

/** The part of an ARN after its last colon: what dimensions are called by. */
function resourceOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1);
}

/**
 * Values above 0 of a query by their minute, in ms since 1970. CloudWatch rounds the start down: the minute in which `since`
 * falls is among the results, and is not counted.
 */
function pointsOf(results: readonly MetricDataResult[], id: string, since: Date): Map<number, number> {
  const points = results.filter(({ Id }) => Id === id).flatMap(({ Timestamps = [], Values = [] }) =>
    Timestamps.map((at, index) => [at.getTime(), Values[index] ?? 0] as const),
  );
  return new Map(points.filter(([at, value]) => at >= since.getTime() && value > 0));
}
