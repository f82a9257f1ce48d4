/** Finds what a request names by ARN, or refuses as AWS does. */
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import {
  forwardedTargetGroups,
  type StoredListener,
  type StoredLoadBalancer,
  type StoredRule,
  type StoredTargetGroup,
} from '../../world/elbv2-state.ts';

/** The `ValidationError` AWS answers where it has no code of its own for what is wrong. */
export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', message);
}

const ARN_PATHS = {
  'load balancer': 'loadbalancer/(app|net|gwy)/[^/]+/[^/]+',
  listener: 'listener/(app|net|gwy)/[^/]+/[^/]+/[^/]+',
  'listener rule': 'listener-rule/(app|net)/[^/]+/[^/]+/[^/]+/[^/]+',
  'target group': 'targetgroup/[^/]+/[^/]+',
} as const;

export type ResourceKind = keyof typeof ARN_PATHS;

/** Whether the ARN is of that kind, whether or not there is such a resource. */
export function isArnOf(kind: ResourceKind, arn: string): boolean {
  return new RegExp(`^arn:aws[^:]*:elasticloadbalancing:[^:]+:[^:]+:${ARN_PATHS[kind]}$`).test(arn);
}

/** Throws AwsError ValidationError when the ARN is not one of that kind. */
export function checkArn(kind: ResourceKind, arn: string | undefined): string {
  if (arn !== undefined && isArnOf(kind, arn)) return arn;
  throw validationError(`'${arn}' is not a valid ${kind} ARN`);
}

/** Throws AwsError ValidationError or LoadBalancerNotFound. */
export function findLoadBalancer(region: Region, arn: string | undefined): StoredLoadBalancer {
  const found = region.state.elbv2.loadBalancers[checkArn('load balancer', arn)];
  if (!found) throw new AwsError('LoadBalancerNotFound', `Load balancer '${arn}' not found`);
  return found;
}

/** Throws AwsError ValidationError or ListenerNotFound. */
export function findListener(region: Region, arn: string | undefined): StoredListener {
  const found = region.state.elbv2.listeners[checkArn('listener', arn)];
  if (!found) throw new AwsError('ListenerNotFound', `Listener '${arn}' not found`);
  return found;
}

/** Throws AwsError ValidationError or TargetGroupNotFound. */
export function findTargetGroup(region: Region, arn: string | undefined): StoredTargetGroup {
  const found = region.state.elbv2.targetGroups[checkArn('target group', arn)];
  if (!found) throw new AwsError('TargetGroupNotFound', `Target groups '${arn}' not found`);
  return found;
}

/** A rule and the listener it is on. Throws AwsError ValidationError or RuleNotFound. */
export function findRule(region: Region, arn: string | undefined): { listener: StoredListener; rule: StoredRule } {
  checkArn('listener rule', arn);
  for (const listener of Object.values(region.state.elbv2.listeners)) {
    const rule = listener.rules.find(({ RuleArn }) => RuleArn === arn);
    if (rule) return { listener, rule };
  }
  throw new AwsError('RuleNotFound', `Rule '${arn}' not found`);
}

export function tooManyTargets(kind: 'load balancer' | 'target group', arn: string): AwsError {
  return new AwsError('TooManyTargets', `The maximum number of targets of ${kind} '${arn}' has been reached`);
}

/** The target groups that rules of the load balancer forward to, `without` that rule's. */
export function targetGroupsOf(region: Region, loadBalancerArn: string, without?: StoredRule): Set<string> {
  const rules = listenersOf(region, loadBalancerArn).flatMap((listener) => listener.rules.filter((rule) => rule !== without));
  return new Set(rules.flatMap((rule) => forwardedTargetGroups(rule.Actions)));
}

/** The listeners of a load balancer. */
export function listenersOf(region: Region, loadBalancerArn: string): StoredListener[] {
  return Object.values(region.state.elbv2.listeners).filter(({ description }) => description.LoadBalancerArn === loadBalancerArn);
}
