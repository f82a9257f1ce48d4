/** Service-linked roles, which a fresh account does not have: asked for, or made with a service's first resource, and then it takes a while. */
import { AwsError } from '../errors.ts';
import type { Region } from '../parts.ts';
import type { LinkedService } from './iam-state.ts';

/** The roles by the services that act with them. */
export const LINKED_ROLES: Readonly<Record<LinkedService, string>> = {
  'ecs.amazonaws.com': 'AWSServiceRoleForECS',
  'elasticloadbalancing.amazonaws.com': 'AWSServiceRoleForElasticLoadBalancing',
};

/** How long a role that was just made is refused, in AWS ms. IAM says seconds; people have met with about these. */
const NEW_ROLE = 15_000;

/** Nobody has used the services in this account yet. */
export function forgetLinkedRoles({ state }: Region): void {
  const { linkedRoles } = state.iam;
  if (Object.keys(state.ecs.clusters).length === 0) linkedRoles['ecs.amazonaws.com'] ??= 'missing';
  if (Object.keys(state.elbv2.loadBalancers).length === 0) linkedRoles['elasticloadbalancing.amazonaws.com'] ??= 'missing';
}

export function lacksRole({ state }: Region, service: LinkedService): boolean {
  return state.iam.linkedRoles[service] === 'missing';
}

/** Has the role made where there is none. */
export function makeLinkedRole(region: Region, service: LinkedService): void {
  if (!lacksRole(region, service)) return;
  region.state.iam.linkedRoles[service] = { usableFrom: new Date(region.clock.now().getTime() + region.clock.real(NEW_ROLE)) };
  region.changed();
}

/** Throws AwsError InvalidParameterException while ECS can't act with its role. */
export function requireEcsRole({ state, clock }: Region): void {
  const role = state.iam.linkedRoles['ecs.amazonaws.com'];
  if (role === undefined || (role !== 'missing' && role.usableFrom <= clock.now())) return;
  throw new AwsError(
    'InvalidParameterException',
    'Unable to assume the service linked role. Please verify that the ECS service linked role exists.',
  );
}
