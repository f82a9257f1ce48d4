/** What the stacks of a project are to be, from its settings. */
import type { Stack, StackRequest } from '../aws/cloudformation.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { resourcesOf } from '../settings/secrets.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { PROJECT_TAG, SERVICE_TAG } from './session.ts';
import { templates } from './templates.ts';

/** Whether there is anything left for a base to make: everything in it may be there already, and used instead. */
export function needsBase({ existing: { vpcId, cluster, listenerArns }, bastion }: Settings): boolean {
  return !(vpcId && cluster && listenerArns) || bastion !== undefined;
}

/**
 * The project's base.
 * @param existing the stack as it is. What others may stand on stays as it is there: load balancers and HTTPS listeners with
 *   their rules, private subnets and security groups with their tasks.
 * @param secretsInUse by service name: secrets beside those of the settings that tasks have to reach.
 * @throws CanaryError `infra-moved` when it would move to another VPC or cluster.
 */
export function baseRequest(settings: Settings, existing: Stack | undefined, secretsInUse: SecretsInUse = new Map()): StackRequest {
  const { existing: given, nat, services, bastion } = settings;
  if (existing) {
    refuseMove(existing, 'ExistingVpcId', 'VPC_ID', given.vpcId);
    refuseMove(existing, 'ExistingCluster', 'CLUSTER', given.cluster);
  }
  const { outputs = {}, parameters = {} }: Partial<Stack> = existing ?? {};
  const needs = (expose: 'public' | 'internal', listener: string) =>
    (!given.listenerArns && services.some((service) => service.expose === expose)) || outputs[listener] !== undefined;
  const reads = (kind: 'secrets' | 'parameters') => services.some((service) => secretsOf(service, secretsInUse.get(service.name))[kind].length > 0);
  return {
    name: baseName(settings),
    template: templates.base,
    parameters: {
      ProjectName: settings.project,
      PublicServices: String(needs('public', 'PublicListenerArn')),
      InternalServices: String(needs('internal', 'InternalListenerArn')),
      ListenerPort: String(settings.listenerPort),
      CertificateArn: settings.certificateArn ?? parameters['CertificateArn'] ?? '',
      HttpsListenerPort: String(settings.httpsListenerPort),
      InternalListenerPort: String(settings.internalListenerPort),
      Nat: nat,
      PrivateSubnets: String(parameters['PrivateSubnets'] === 'true' || nat !== 'none' || (parameters['Nat'] ?? 'none') !== 'none'),
      SecretsManagerEndpoint: String(reads('secrets')),
      ParameterStoreEndpoint: String(reads('parameters')),
      SharedTaskSecurityGroup: String(outputs['TaskSecurityGroupId'] !== undefined),
      ExistingVpcId: given.vpcId ?? '',
      ...(given.subnetIds && { ExistingSubnetIds: given.subnetIds.join(',') }),
      ExistingCluster: given.cluster ?? '',
      KeyPair: bastion?.keyPair ?? '',
      BastionCidr: bastion?.cidr ?? '',
    },
    tags: { ...tagsOfOthers(existing), [PROJECT_TAG]: settings.project },
    protect: settings.terminationProtection,
  };
}

type SecretsInUse = ReadonlyMap<string, readonly string[]>;

interface Around {
  /** Security group of the load balancers; undefined where they are not ours. */
  readonly loadBalancerGroup?: string | undefined;
  /** The stack as it is. */
  readonly existing?: Stack | undefined;
  /** ARNs of secrets beside those of the settings that its tasks must be able to read. */
  readonly secretsInUse?: readonly string[] | undefined;
}

/**
 * One service's part.
 * @throws CanaryError `infra-moved` when its pair would be exchanged.
 */
export function serviceRequest(
  settings: Settings, service: ServiceSettings, vpcId: string, { loadBalancerGroup, existing, secretsInUse }: Around = {},
): StackRequest {
  const { healthCheck, targetGroups, securityGroupIds } = service;
  const { secrets, parameters } = secretsOf(service, secretsInUse);
  if (existing) {
    refuseMove(existing, 'ExistingBlueTargetGroupArn', 'BLUE_TARGET_GROUP_ARN', targetGroups?.blue);
    refuseMove(existing, 'ExistingGreenTargetGroupArn', 'GREEN_TARGET_GROUP_ARN', targetGroups?.green);
  }
  return {
    name: serviceStackName(settings, service.name),
    template: templates.service,
    parameters: {
      ProjectName: settings.project,
      ServiceName: service.name,
      VpcId: vpcId,
      LoadBalancerSecurityGroupId: ownGroup(existing) ?? (securityGroupIds ? '' : (loadBalancerGroup ?? '')),
      ExistingBlueTargetGroupArn: targetGroups?.blue ?? '',
      ExistingGreenTargetGroupArn: targetGroups?.green ?? '',
      SecretArns: secrets.join(','),
      SecretParameterArns: parameters.join(','),
      HealthCheckPath: healthCheck.path,
      HealthCheckInterval: String(healthCheck.interval),
      HealthCheckTimeout: String(healthCheck.timeout),
      HealthyThreshold: String(healthCheck.healthyThreshold),
      UnhealthyThreshold: String(healthCheck.unhealthyThreshold),
      DeregistrationDelay: String(service.deregistrationDelay),
    },
    tags: { ...tagsOfOthers(existing), [PROJECT_TAG]: settings.project, [SERVICE_TAG]: service.name },
    protect: undefined,
  };
}

function secretsOf({ secrets }: ServiceSettings, inUse: readonly string[] = []): ReturnType<typeof resourcesOf> {
  return resourcesOf({ ...secrets, ...Object.fromEntries(inUse.map((arn) => [arn, arn])) });
}

export function baseName(settings: Settings): string {
  return settings.project;
}

export function serviceStackName(settings: Settings, service: string): string {
  return `${settings.project}-${service}`;
}

/** Tags that somebody gave to the stack, for its costs or its owner: an update takes away what it is not told. AWS's own can't be told. */
function tagsOfOthers({ tags = {} }: Partial<Stack> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !key.startsWith('aws:')));
}

/** A security group that was made stays: its tasks may still be in it. */
function ownGroup({ parameters = {} }: Partial<Stack> = {}): string | undefined {
  return parameters['LoadBalancerSecurityGroupId'] || undefined;
}

/** Nothing that has traffic can be exchanged for another one in place. */
function refuseMove({ name, parameters }: Stack, parameter: string, setting: string, wanted: string | undefined): void {
  const is = parameters[parameter] || undefined;
  if (is === wanted) return;
  throw new CanaryError({
    code: 'infra-moved',
    message:
      `Stack ${name} was made ${is ? `with ${setting}=${is}` : `without ${setting}`}, and ${setting} is ${wanted ?? 'not set'} now: ` +
      'what runs there can not be moved.',
    usersAre: UNCHANGED,
    next: `${is ? `set ${setting}=${is}` : `remove ${setting}`}, or build it anew under another PROJECT_NAME, then: ecs-canary build-infra`,
  });
}
