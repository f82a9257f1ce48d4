/** What the sandbox's Elastic Load Balancing holds, in the SDK's own shapes, and who uses which target group. */
import type { Action, Listener, LoadBalancer, Rule, Tag, TargetGroup } from '@aws-sdk/client-elastic-load-balancing-v2';

/** `T` as it is stored: the members `K` are always there. */
type Stored<T, K extends keyof T> = T & { [P in K]-?: NonNullable<T[P]> };

export interface Elbv2State {
  /** Each of these by ARN. */
  loadBalancers: Record<string, StoredLoadBalancer>;
  listeners: Record<string, StoredListener>;
  targetGroups: Record<string, StoredTargetGroup>;
  tags: Record<string, Tag[]>;
}

export interface StoredLoadBalancer {
  /** Without `State`, which follows from its age. */
  description: Stored<Omit<LoadBalancer, 'State'>, 'LoadBalancerArn' | 'LoadBalancerName' | 'CreatedTime' | 'AvailabilityZones'>;
  attributes: Record<string, string>;
}

export interface StoredListener {
  /** Without `DefaultActions`: those are the default rule's actions. */
  description: Stored<Omit<Listener, 'DefaultActions'>, 'ListenerArn' | 'LoadBalancerArn' | 'Port' | 'Protocol'>;
  attributes: Record<string, string>;
  /** ARNs of those beside its default one. */
  certificates?: string[];
  /** By priority; the default rule is the last one. Rules and their conditions are replaced, never changed in place. */
  rules: StoredRule[];
}

export type StoredRule = Stored<Rule, 'RuleArn' | 'Priority' | 'Conditions' | 'Actions' | 'IsDefault'>;

export interface StoredTargetGroup {
  /** Without `LoadBalancerArns`, which follow from the rules. */
  description: Stored<
    Omit<TargetGroup, 'LoadBalancerArns'>,
    | 'TargetGroupArn' | 'TargetGroupName' | 'Protocol' | 'Port' | 'TargetType'
    | 'HealthCheckProtocol' | 'HealthCheckPort' | 'HealthCheckPath' | 'HealthCheckIntervalSeconds' | 'HealthCheckTimeoutSeconds'
    | 'HealthyThresholdCount' | 'UnhealthyThresholdCount' | 'Matcher'
  >;
  attributes: Record<string, string>;
  /** Registered targets. One that drains is not among them any more. */
  targets: StoredTarget[];
}

export interface StoredTarget {
  /** The VPC address (or the instance id). */
  id: string;
  port: number;
  availabilityZone: string;
}

/** Where load balancers are, and the zone of their names: what an alias record names. */
export const LOAD_BALANCER_ADDRESS = '127.0.0.1';
export const LOAD_BALANCER_ZONE = 'Z35SXDOTRQ7X7K';

export function emptyElbv2(): Elbv2State {
  return { loadBalancers: {}, listeners: {}, targetGroups: {}, tags: {} };
}

/** ARNs of the target groups that the actions forward to, whatever their weights. */
export function forwardedTargetGroups(actions: readonly Action[]): string[] {
  return actions.flatMap((action) =>
    action.Type === 'forward' ? (action.ForwardConfig?.TargetGroups ?? []).flatMap((group) => group.TargetGroupArn ?? []) : [],
  );
}

/** Registered targets of all these target groups. */
export function targetCount(state: Elbv2State, targetGroupArns: Iterable<string>): number {
  return Array.from(targetGroupArns, (arn) => state.targetGroups[arn]?.targets.length ?? 0).reduce((sum, count) => sum + count, 0);
}

/** The load balancers with a rule that forwards to the target group, each once. */
export function loadBalancersOf(state: Elbv2State, targetGroupArn: string): string[] {
  const arns = Object.values(state.listeners)
    .filter(({ rules }) => rules.some((rule) => forwardedTargetGroups(rule.Actions).includes(targetGroupArn)))
    .map(({ description }) => description.LoadBalancerArn);
  return [...new Set(arns)];
}
