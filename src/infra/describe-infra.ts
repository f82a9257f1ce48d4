/** What build-infra made: what the core of a release stands on, and where users reach it. */
import type { Aws } from '../aws/aws.ts';
import type { Stack } from '../aws/cloudformation.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { COLOURS, type Place, serviceName } from '../release/model.ts';
import { zoneOf } from './internal-https.ts';
import { PROJECT_TAG } from './session.ts';
import type { Settings } from '../settings/settings.ts';
import { baseName, serviceStackName } from './stack-requests.ts';

export interface Endpoints {
  /** URLs; undefined where no service is reached that way. */
  readonly publicEndpoint: string | undefined;
  /** Those of the internal load balancer, that of HTTPS last. */
  readonly internalEndpoints: readonly string[];
  /** Address of the bastion, where there is one. */
  readonly bastionEndpoint: string | undefined;
}

/**
 * What there was before and is used instead comes from the settings, everything else from the stacks. Which network tasks are in
 * follows from what was built: `NAT` counts once build-infra has made private subnets.
 * @throws CanaryError `no-infra` when the base or the service's part is not made, or not made to the end.
 */
export async function describePlace(aws: Pick<Aws, 'stacks'>, settings: Settings, service: string): Promise<Place> {
  const [base, part] = await Promise.all([
    readStack(aws, baseName(settings), settings, service),
    readStack(aws, serviceStackName(settings, service), settings, service),
  ]);
  const { cluster, subnetIds } = settings.existing;
  const { targetGroups, securityGroupIds } = settings.services.find(({ name }) => name === service) ?? {};
  const privateSubnets = settings.nat === 'none' ? undefined : base.find('PrivateSubnetIds')?.split(',');
  return {
    project: settings.project,
    service,
    cluster: cluster ?? base.get('ClusterName'),
    subnets: subnetIds ?? privateSubnets ?? base.get('SubnetIds').split(','),
    // A service that was built by an earlier version of this program has no group of its own yet.
    securityGroups: securityGroupIds ?? [part.find('TaskSecurityGroupId') ?? base.get('TaskSecurityGroupId')],
    assignPublicIp: subnetIds ? settings.nat === 'none' : privateSubnets === undefined,
    targetGroups: targetGroups ?? { blue: part.get('BlueTargetGroupArn'), green: part.get('GreenTargetGroupArn') },
    repositoryName: part.get('RepositoryName'),
    repositoryUri: part.get('RepositoryUri'),
    executionRoleArn: part.get('ExecutionRoleArn'),
    taskRoleArn: part.get('TaskRoleArn'),
    logGroup: part.get('LogGroupName'),
    neighbourhood: neighbourhoodIn(base, settings),
  };
}

/** Where a service finds the others of its project, and whom it has to trust there. */
function neighbourhoodIn(base: Outputs, settings: Settings): Place['neighbourhood'] {
  if (base.find('InternalZoneId') === undefined) return undefined;
  const ports = { http: base.parameters['InternalListenerPort'], grpc: base.parameters['InternalHttpsListenerPort'] };
  const internal = settings.services.filter(({ expose }) => expose === 'internal');
  return {
    addresses: Object.fromEntries(internal.map(({ name, protocol }) => [name, `${name}.${zoneOf(settings)}:${ports[protocol]}`])),
    authority: base.find('CertificateAuthority'),
  };
}

/**
 * What the way back needs of it, where its stacks cannot be read: the target groups that the service's ECS services register
 * in, by their public names. Nothing can be started from it.
 * @returns undefined unless both of them are there, and the project's own.
 */
export async function describePlaceByServices(aws: Pick<Aws, 'containers'>, settings: Settings, service: string): Promise<Place | undefined> {
  const { project } = settings;
  const names = COLOURS.map((colour) => serviceName({ service }, colour));
  const cluster = settings.existing.cluster ?? project;
  const found = await aws.containers.describeServices(cluster, names);
  const ours = found.filter(({ tags, targetGroupArns }) => tags[PROJECT_TAG] === project && targetGroupArns.length === 1);
  const [blue, green] = names.map((name) => ours.find((one) => one.name === name)?.targetGroupArns[0]);
  if (blue === undefined || green === undefined) return undefined;
  const unknown = { subnets: [], securityGroups: [], assignPublicIp: false, repositoryName: '', repositoryUri: '', executionRoleArn: '', taskRoleArn: '', logGroup: '' };
  return { ...unknown, project, service, cluster, targetGroups: { blue, green } };
}

/** Where the project's load balancers and its bastion answer, as they are now. */
export function endpointsOf(base: Stack | undefined): Endpoints {
  const { outputs = {}, parameters = {} } = base ?? {};
  return {
    publicEndpoint:
      outputs['PublicHttpsListenerArn'] === undefined
        ? urlOf('http', outputs['PublicEndpointHost'], parameters['ListenerPort'])
        : urlOf('https', outputs['PublicEndpointHost'], parameters['HttpsListenerPort']),
    internalEndpoints: [
      outputs['InternalListenerArn'] && urlOf('http', outputs['InternalEndpointHost'], parameters['InternalListenerPort']),
      outputs['InternalHttpsListenerArn'] && urlOf('https', outputs['InternalEndpointHost'], parameters['InternalHttpsListenerPort']),
    ].filter((url) => url !== undefined),
    bastionEndpoint: outputs['BastionEndpoint'],
  };
}

/** The outputs of a stack by their names. */
interface Outputs {
  readonly parameters: Stack['parameters'];
  /** undefined for one that the stack does not have. */
  find(output: string): string | undefined;
  /** @throws CanaryError `no-infra` for one that the stack does not have. */
  get(output: string): string;
}

async function readStack(aws: Pick<Aws, 'stacks'>, name: string, settings: Settings, service: string): Promise<Outputs> {
  const stack = await aws.stacks.describe(name);
  const find = (output: string) => stack?.outputs[output];
  const get = (output: string) => {
    const value = find(output);
    if (value !== undefined) return value;
    throw new CanaryError({
      code: 'no-infra',
      message: stack
        ? `Stack ${name} is ${stack.status} and has no output ${output}.`
        : `There is no stack ${name} in account ${settings.account}, region ${settings.region}.`,
      usersAre: UNCHANGED,
      next: stack
        ? 'ecs-canary build-infra'
        : `see that region, SERVICE_NAME (${service}) and PROJECT_NAME are the ones meant; where nothing was made yet: ecs-canary build-infra`,
    });
  };
  return { find, get, parameters: stack?.parameters ?? {} };
}

const USUAL_PORTS = { http: '80', https: '443' };

function urlOf(scheme: 'http' | 'https', host: string | undefined, port: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  return port === undefined || port === USUAL_PORTS[scheme] ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}
