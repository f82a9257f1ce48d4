/** What the stacks of a project are to be, from its settings. */
import type { Stack, StackRequest } from '../aws/cloudformation.ts';
import { CanaryError, UNCHANGED, usageError } from '../errors.ts';
import { LONGEST_PARAMETER } from '../settings/parameters.ts';
import { type ListenerPorts, portProblems } from '../settings/ports.ts';
import { resourcesOf } from '../settings/secrets.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { hasInternalHttps, type ListenerCertificate, NO_CERTIFICATE } from './internal-https.ts';
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
 * @param certificate of the internal HTTPS listener, where there is one.
 * @throws CanaryError `infra-moved` when it would move to another VPC or cluster; `usage` when two listeners would have one port,
 *   or the certificate's chain is longer than a parameter may be.
 */
export function baseRequest(
  settings: Settings, existing: Stack | undefined, secretsInUse: SecretsInUse = new Map(), certificate: ListenerCertificate = NO_CERTIFICATE,
): StackRequest {
  const { existing: given, nat, services, bastion } = settings;
  if (existing) {
    refuseMove(existing, 'ExistingVpcId', 'VPC_ID', given.vpcId);
    refuseMove(existing, 'ExistingCluster', 'CLUSTER', given.cluster);
  }
  const { outputs = {}, parameters = {} }: Partial<Stack> = existing ?? {};
  const needs = (listener: string, ofIt: (service: ServiceSettings) => boolean) =>
    (!given.listenerArns && services.some(ofIt)) || outputs[listener] !== undefined;
  const isPublic = needs('PublicListenerArn', ({ expose }) => expose === 'public');
  const isInternalHttp = needs('InternalListenerArn', ({ expose, protocol }) => expose === 'internal' && protocol === 'http');
  const isInternalHttps = hasInternalHttps(settings, existing);
  const https = httpsOf(settings, parameters);
  refuseSamePorts(settings, {
    http: isPublic ? settings.listenerPort : undefined,
    https: isPublic && https.CertificateArn ? Number(https.HttpsListenerPort) : undefined,
    internal: isInternalHttp ? settings.internalListenerPort : undefined,
    internalHttps: isInternalHttps ? settings.internalHttpsListenerPort : undefined,
  });
  refuseLongChain(certificate);
  refuseTakenPorts(settings, existing, { isInternalHttp, isInternalHttps });
  const reads = (kind: 'secrets' | 'parameters') => services.some((service) => secretsOf(service, secretsInUse.get(service.name))[kind].length > 0);
  return {
    name: baseName(settings),
    template: templates.base,
    parameters: {
      ProjectName: settings.project,
      PublicServices: String(isPublic),
      InternalServices: String(isInternalHttp || isInternalHttps),
      InternalHttpServices: String(isInternalHttp),
      InternalHttpsServices: String(isInternalHttps),
      ListenerPort: String(settings.listenerPort),
      ...https,
      InternalListenerPort: String(settings.internalListenerPort),
      InternalHttpsListenerPort: String(settings.internalHttpsListenerPort),
      InternalCertificateArn: certificate.arn,
      CertificateAuthority: certificate.authority,
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

/** Without a certificate in the settings a listener that was made stays as it is, its port included: rules stand on it. */
function httpsOf({ certificateArn, httpsListenerPort }: Settings, { CertificateArn, HttpsListenerPort }: Stack['parameters']) {
  if (certificateArn === undefined && CertificateArn && HttpsListenerPort) return { CertificateArn, HttpsListenerPort };
  return { CertificateArn: certificateArn ?? '', HttpsListenerPort: String(httpsListenerPort) };
}

/** Beside what the settings can be told by themselves: load balancers and listeners that stay although no setting asks for them. */
function refuseSamePorts(settings: Settings, ports: Pick<ListenerPorts, 'http' | 'https' | 'internal' | 'internalHttps'>): void {
  const isKept = ports.https !== undefined && settings.certificateArn === undefined;
  const problems = portProblems({ ...ports, inGivenVpc: settings.existing.vpcId !== undefined, httpsStack: isKept ? baseName(settings) : undefined });
  if (problems.length > 0) throw usageError(problems.join('\n'), 'correct the settings, then: ecs-canary build-infra');
}

/** CloudFormation makes a new listener before it moves an old one out of its way; and clients of that one would meet another that does not know them. */
function refuseTakenPorts(settings: Settings, existing: Stack | undefined, wanted: { readonly isInternalHttp: boolean; readonly isInternalHttps: boolean }): void {
  const { outputs = {}, parameters = {} }: Partial<Stack> = existing ?? {};
  const { internalListenerPort: http, internalHttpsListenerPort: https } = settings;
  const [live, liveSecure] = [outputs['InternalListenerArn'], outputs['InternalHttpsListenerArn']];
  const next = 'correct the settings, then: ecs-canary build-infra';
  const stack = baseName(settings);
  if (wanted.isInternalHttps && !liveSecure && live && parameters['InternalListenerPort'] === String(https)) {
    throw usageError(`INTERNAL_HTTPS_LISTENER_PORT is "${https}": the internal HTTP listener of stack ${stack} has that port, and stays on it until the other listener is there.`, next);
  }
  const kept = parameters['InternalHttpsListenerPort'];
  if (wanted.isInternalHttp && !live && liveSecure && (kept === String(http) || kept !== String(https))) {
    throw usageError(
      `The internal HTTPS listener of stack ${stack} stays on ${kept}, which running tasks have in their addresses: ` +
        `set INTERNAL_HTTPS_LISTENER_PORT=${kept}, and another INTERNAL_LISTENER_PORT.`,
      next,
    );
  }
}

/** Of one that somebody has imported in place of ours. */
function refuseLongChain({ arn, authority }: ListenerCertificate): void {
  const length = Buffer.byteLength(authority);
  if (length <= LONGEST_PARAMETER) return;
  throw usageError(
    `The chain of certificate ${arn} is too long: it comes to ${length} bytes, and CloudFormation takes ${LONGEST_PARAMETER} at most.`,
    'import the certificate again with nothing but the authority as its chain (aws acm import-certificate), then: ecs-canary build-infra',
  );
}

type SecretsInUse = ReadonlyMap<string, readonly string[]>;

/** The private hosted zone, and what a name in it stands for. */
export interface Zone {
  readonly id: string;
  /** DNS name of the internal load balancer. */
  readonly host: string;
  /** Hosted zone of that one. */
  readonly target: string;
}

interface Around {
  /** Security group of the load balancers; undefined where they are not ours. */
  readonly loadBalancerGroup?: string | undefined;
  /** Where its name goes; undefined where services have none. */
  readonly zone?: Zone | undefined;
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
  settings: Settings, service: ServiceSettings, vpcId: string, { loadBalancerGroup, zone, existing, secretsInUse }: Around = {},
): StackRequest {
  const { healthCheck, targetGroups, securityGroupIds } = service;
  const { secrets, parameters } = secretsOf(service, secretsInUse);
  if (existing) {
    refuseMove(existing, 'ExistingBlueTargetGroupArn', 'BLUE_TARGET_GROUP_ARN', targetGroups?.blue);
    refuseMove(existing, 'ExistingGreenTargetGroupArn', 'GREEN_TARGET_GROUP_ARN', targetGroups?.green);
    // One that is made is for one protocol.
    if (!targetGroups) refuseMove(existing, 'Protocol', 'PROTOCOL', service.protocol, 'http');
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
      Protocol: service.protocol,
      InternalZoneId: zone?.id ?? '',
      InternalEndpointHost: zone?.host ?? '',
      InternalZoneTarget: zone?.target ?? '',
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

/**
 * Nothing that has traffic can be exchanged for another one in place.
 * @param before of a stack that was made when there was no such parameter.
 */
function refuseMove({ name, parameters }: Stack, parameter: string, setting: string, wanted: string | undefined, before?: string): void {
  const is = parameters[parameter] || before;
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
