/** Resources that were there before, and are used instead of making them: which go together. */
import type { ServiceSettings } from './settings.ts';

export interface Existing {
  readonly vpcId: string | undefined;
  readonly subnetIds: readonly string[] | undefined;
  /** Name of an ECS cluster. */
  readonly cluster: string | undefined;
  /** Of one load balancer. */
  readonly listenerArns: readonly string[] | undefined;
}

interface Project {
  readonly existing: Existing;
  readonly nat: string;
  readonly certificateArn: string | undefined;
  /** Of the bastion, if one was asked for. */
  readonly keyPair: string | undefined;
  readonly services: readonly ServiceSettings[];
}

/** What is missing or contradicts: each problem says what to set. */
export function problemsOf({ existing, nat, certificateArn, keyPair, services }: Project): string[] {
  const { vpcId, subnetIds, listenerArns } = existing;
  const problems: string[] = [];
  if (vpcId && !subnetIds) problems.push('SUBNET_IDS is missing: with VPC_ID, name its subnets for the tasks, such as subnet-0a1b2c3d,subnet-4e5f6a7b.');
  if (!vpcId) {
    const given = [
      subnetIds && 'SUBNET_IDS',
      listenerArns && 'LISTENER_ARNS',
      services.some(({ targetGroups }) => targetGroups) && 'BLUE_TARGET_GROUP_ARN',
    ].find((name) => name);
    if (given) problems.push(`VPC_ID is missing: with ${given}, name the VPC that it belongs to, such as vpc-0a1b2c3d.`);
  }
  if (listenerArns) problems.push(...listenerProblems(listenerArns, certificateArn, services));
  else if (subnetIds) problems.push(...subnetProblems(subnetIds, nat, services));
  if (keyPair && subnetIds && nat !== 'none') {
    problems.push(`KEY_PAIR should not be set: NAT=${nat} says that the subnets in SUBNET_IDS are private, and a bastion there can't be reached.`);
  }
  return [...problems, ...sharedPairs(services)];
}

function listenerProblems(listenerArns: readonly string[], certificateArn: string | undefined, services: readonly ServiceSettings[]): string[] {
  const problems: string[] = [];
  if (new Set(listenerArns.map((arn) => arn.slice(0, arn.lastIndexOf('/')))).size > 1) {
    problems.push('LISTENER_ARNS names listeners of several load balancers: a target group belongs to one only.');
  }
  if (certificateArn) problems.push('CERTIFICATE_ARN should not be set with LISTENER_ARNS: those listeners have certificates of their own.');
  const without = services.filter(({ securityGroupIds }) => !securityGroupIds).map(({ name }) => name);
  if (without.length > 0) {
    problems.push(
      'SECURITY_GROUP_IDS is missing: with LISTENER_ARNS, name a security group that lets that load balancer reach ' +
        `the tasks of ${without.join(', ')}, such as sg-0a1b2c3d.`,
    );
  }
  return problems;
}

/** The load balancer is to be made in these subnets. */
function subnetProblems(subnetIds: readonly string[], nat: string, services: readonly ServiceSettings[]): string[] {
  if (subnetIds.length < 2) return ['SUBNET_IDS should name subnets in two zones at least: a load balancer needs them.'];
  if (nat === 'none' || services.every(({ expose }) => expose === 'internal')) return [];
  return [
    `LISTENER_ARNS is missing: NAT=${nat} says that the subnets in SUBNET_IDS are private, and a public load balancer can't be made there. ` +
      'Name a listener of one that is there, or set EXPOSE=internal.',
  ];
}

/** With one pair for two services the weights would mean nothing. */
function sharedPairs(services: readonly ServiceSettings[]): string[] {
  const arns = services.flatMap(({ targetGroups }) => (targetGroups ? [targetGroups.blue, targetGroups.green] : []));
  if (new Set(arns).size === arns.length) return [];
  return [
    services.length > 1
      ? 'BLUE_TARGET_GROUP_ARN and GREEN_TARGET_GROUP_ARN should be two target groups, and others for each service, as in CLIENT_BLUE_TARGET_GROUP_ARN.'
      : 'BLUE_TARGET_GROUP_ARN and GREEN_TARGET_GROUP_ARN should be two different target groups.',
  ];
}
