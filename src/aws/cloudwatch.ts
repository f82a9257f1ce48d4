/** What load balancers report to CloudWatch. */
import type { MetricDataResult } from '@aws-sdk/client-cloudwatch';
import { allPages, type Caller, clientOptions, explaining, once } from './connect.ts';

export interface Metrics {
  /**
   * Requests that the load balancer gave to each target group in the whole minutes that began between the two moments and are
   * reported already; the newest of them may still grow. Metrics come 1 to 3 minutes late, and never where they are zero: a
   * group without any is left out.
   */
  requestCounts(loadBalancerArn: string, targetGroupArns: readonly string[], since: Date, until: Date): Promise<Map<string, number>>;
}

/** Seconds: load balancers report minute by minute. */
const PERIOD = 60;
/** ms. CloudWatch looks at whole seconds, and refuses a range that is empty then. */
const SHORTEST_RANGE = 1_000;

export function metrics(caller: Caller): Metrics {
  const connect = once(async () => {
    const sdk = await import('./sdk/cloudwatch.ts');
    // Metrics only inform: a network that does not lead to CloudWatch must not hold up a release for long.
    return { sdk, client: explaining('cloudwatch', new sdk.CloudWatchClient(await clientOptions(caller, { hurried: true }))) };
  });
  return {
    async requestCounts(loadBalancerArn, targetGroupArns, since, until) {
      if (until.getTime() - since.getTime() < SHORTEST_RANGE) return new Map();
      const { sdk, client } = await connect();
      const queries = targetGroupArns.map((arn, index) => requestCount(idOf(index), loadBalancerArn, arn));
      const results = await allPages(async (NextToken) => {
        const answer = await client.send(
          new sdk.GetMetricDataCommand({ MetricDataQueries: queries, StartTime: since, EndTime: until, NextToken }),
        );
        return [answer.MetricDataResults ?? [], answer.NextToken];
      });
      const counts = targetGroupArns.map((arn, index) => [arn, countOf(results.filter(({ Id }) => Id === idOf(index)), since)] as const);
      return new Map(counts.filter(([, count]) => count > 0));
    },
  };
}

function idOf(index: number): string {
  return `group${index}`;
}

function requestCount(Id: string, loadBalancerArn: string, targetGroupArn: string) {
  const Dimensions = [
    { Name: 'LoadBalancer', Value: resourceOf(loadBalancerArn).replace('loadbalancer/', '') },
    { Name: 'TargetGroup', Value: resourceOf(targetGroupArn) },
  ];
  const Metric = { Namespace: 'AWS/ApplicationELB', MetricName: 'RequestCount', Dimensions };
  return { Id, MetricStat: { Metric, Period: PERIOD, Stat: 'Sum' } };
}

/** The part of an ARN after its last colon: what dimensions are called by. */
function resourceOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1);
}

/** CloudWatch rounds the start down: the minute in which `since` falls is among the results, and is not counted. */
function countOf(results: readonly MetricDataResult[], since: Date): number {
  const points = results.flatMap(({ Timestamps = [], Values = [] }) => Values.map((value, index) => ({ value, at: Timestamps[index] })));
  return points.reduce((sum, { value, at }) => (at && at >= since ? sum + value : sum), 0);
}
