/**
 * AWS's throttling of API calls: token buckets for each account and region, which calls empty and time fills.
 * Sources: "Request throttling for the Elastic Load Balancing API", "Request throttling for the Amazon ECS API", "AWS Systems
 * Manager endpoints and quotas", "Quotas" of the ACM guide, and those of the Route 53 guide. What the guides give no figures for is not throttled.
 */
import type { Clock } from '../clock.ts';
import type { ServiceName } from '../parts.ts';
import { isWrite } from '../request-log.ts';

export interface ApiCall {
  readonly service: string;
  readonly region: string;
  readonly operation: string;
}

/** Whether AWS takes a call now; if it does, the call has used up a token of each bucket it belongs to. */
export type Throttle = (call: ApiCall) => boolean;

interface Bucket {
  readonly service: ServiceName;
  /** Which calls take a token; all that the service has if it is not given. */
  readonly of?: readonly string[] | ((operation: string) => boolean);
  /** Tokens when it is full. */
  readonly burst: number;
  /** Tokens that come back in a second of AWS time. */
  readonly perSecond: number;
}

const CLUSTER_WRITES = ['CreateCluster', 'DeleteCluster', 'PutClusterCapacityProviders', 'UpdateCluster', 'UpdateClusterSettings'];

const buckets: readonly Bucket[] = [
  { service: 'elasticloadbalancing', burst: 40, perSecond: 10 },
  { service: 'elasticloadbalancing', of: isWrite, burst: 20, perSecond: 3 },
  { service: 'elasticloadbalancing', of: ['CreateLoadBalancer'], burst: 10, perSecond: 0.2 },

  { service: 'route53', burst: 5, perSecond: 5 },

  { service: 'ecs', of: CLUSTER_WRITES, burst: 20, perSecond: 1 },
  { service: 'ecs', of: ['DescribeClusters', 'ListClusters'], burst: 50, perSecond: 20 },
  { service: 'ecs', of: ['DeregisterTaskDefinition', 'RegisterTaskDefinition'], burst: 20, perSecond: 1 },
  { service: 'ecs', of: ['DescribeTaskDefinition', 'ListTaskDefinitions', 'ListTaskDefinitionFamilies'], burst: 50, perSecond: 20 },
  { service: 'ecs', of: ['DeleteTaskDefinitions'], burst: 5, perSecond: 1 },
  { service: 'ecs', of: ['TagResource', 'UntagResource'], burst: 20, perSecond: 10 },
  { service: 'ecs', of: ['ListTagsForResource'], burst: 50, perSecond: 20 },
  { service: 'ecs', of: ['ExecuteCommand', 'RunTask', 'StartTask', 'StopTask'], burst: 100, perSecond: 40 },
  { service: 'ecs', of: ['DescribeTasks', 'ListTasks', 'DescribeContainerInstances', 'ListContainerInstances'], burst: 100, perSecond: 20 },
  { service: 'ecs', of: ['CreateService', 'DeleteService', 'UpdateService'], burst: 50, perSecond: 5 },
  { service: 'ecs', of: ['DescribeServices', 'ListServices'], burst: 100, perSecond: 20 },

  // The quotas of SSM are rates; a burst is not documented.
  { service: 'ssm', of: ['PutParameter'], burst: 3, perSecond: 3 },
  { service: 'ssm', of: ['GetParameter', 'GetParameters', 'GetParametersByPath'], burst: 40, perSecond: 40 },

  // Nor is one of ACM's, where each call has a rate of its own.
  acm('ImportCertificate', 1),
  acm('ListCertificates', 8),
  ...['AddTagsToCertificate', 'RemoveTagsFromCertificate'].map((operation) => acm(operation, 5)),
  ...['DeleteCertificate', 'DescribeCertificate', 'ExportCertificate', 'GetCertificate', 'ListTagsForCertificate'].map((operation) => acm(operation, 10)),
];

function acm(operation: string, rate: number): Bucket {
  return { service: 'acm', of: [operation], burst: rate, perSecond: rate };
}

/** Full buckets, for all regions of one account. @param clock its AWS time fills them again. */
export function makeThrottle(clock: Clock): Throttle {
  const levels = new Map<string, { tokens: number; at: number }>();

  return (call) => {
    const due = buckets.flatMap((bucket, index) => (takesToken(bucket, call) ? [{ bucket, key: `${call.region} ${index}` }] : []));
    const now = clock.awsNow();
    const filled = due.map(({ bucket: { burst, perSecond }, key }) => {
      const { tokens, at } = levels.get(key) ?? { tokens: burst, at: now };
      return { key, tokens: Math.min(burst, tokens + (perSecond * (now - at)) / 1_000) };
    });
    // A call that is refused leaves all buckets as they are.
    const isTaken = filled.every(({ tokens }) => tokens >= 1);
    for (const { key, tokens } of filled) levels.set(key, { tokens: isTaken ? tokens - 1 : tokens, at: now });
    return isTaken;
  };
}

function takesToken({ service, of }: Bucket, call: ApiCall): boolean {
  if (service !== call.service) return false;
  if (of === undefined) return true;
  return typeof of === 'function' ? of(call.operation) : of.includes(call.operation);
}
