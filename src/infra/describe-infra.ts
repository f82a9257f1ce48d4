/** What build-infra made: what the core of a release stands on, and where users reach it. */
import type { Aws } from '../aws/aws.ts';
import type { Stack } from '../aws/cloudformation.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { COLOURS, type Place } from '../release/model.ts';
import { PROJECT_TAG } from './session.ts';
import type { Settings } from '../settings/settings.ts';
import { baseName, serviceStackName } from './stack-requests.ts';

export interface Endpoints {
  /** URLs; undefined where no service is reached that way. */
  readonly publicEndpoint: string | undefined;
  readonly internalEndpoint: string | undefined;
  /** Address of the bastion, where there is one. */
  readonly bastionEndpoint: string | undefined;
}

/** @throws CanaryError `no-infra` when the base or the service's part is not made, or not made to the end. */
export async function describePlace(aws: Pick<Aws, 'stacks'>, settings: Settings, service: string): Promise<Place> {
  const [base, part] = await Promise.all([
    readStack(aws, baseName(settings), settings, service),
    readStack(aws, serviceStackName(settings, service), settings, service),
  ]);
  return {
    project: settings.project,
    service,
    cluster: base('ClusterName'),
    subnets: base('SubnetIds').split(','),
    securityGroups: [base('TaskSecurityGroupId')],
    targetGroups: { blue: part('BlueTargetGroupArn'), green: part('GreenTargetGroupArn') },
    repositoryName: part('RepositoryName'),
    repositoryUri: part('RepositoryUri'),
    executionRoleArn: part('ExecutionRoleArn'),
    taskRoleArn: part('TaskRoleArn'),
    logGroup: part('LogGroupName'),
  };
}

/**
 * What the way back needs of it, where its stacks cannot be read: the target groups that the service's ECS services register
 * in, by their public names. Nothing can be started from it.
 * @returns undefined unless both of them are there, and the project's own.
 */
export async function describePlaceByServices(aws: Pick<Aws, 'containers'>, settings: Settings, service: string): Promise<Place | undefined> {
  const { project } = settings;
  const names = COLOURS.map((colour) => `${service}-${colour}`);
  const found = await aws.containers.describeServices(project, names);
  const ours = found.filter(({ tags, targetGroupArns }) => tags[PROJECT_TAG] === project && targetGroupArns.length === 1);
  const [blue, green] = names.map((name) => ours.find((one) => one.name === name)?.targetGroupArns[0]);
  if (blue === undefined || green === undefined) return undefined;
  const unknown = { subnets: [], securityGroups: [], repositoryName: '', repositoryUri: '', executionRoleArn: '', taskRoleArn: '', logGroup: '' };
  return { ...unknown, project, service, cluster: project, targetGroups: { blue, green } };
}

/** Where the project's load balancers and its bastion answer, as they are now. */
export function endpointsOf(base: Stack | undefined): Endpoints {
  const { outputs = {}, parameters = {} } = base ?? {};
  return {
    publicEndpoint: urlOf(outputs['PublicEndpointHost'], parameters['ListenerPort']),
    internalEndpoint: urlOf(outputs['InternalEndpointHost'], parameters['InternalListenerPort']),
    bastionEndpoint: outputs['BastionEndpoint'],
  };
}

/** Reads the stack's outputs: the function returned gives one by its name. */
async function readStack(aws: Pick<Aws, 'stacks'>, name: string, settings: Settings, service: string): Promise<(output: string) => string> {
  const stack = await aws.stacks.describe(name);
  return (output) => {
    const value = stack?.outputs[output];
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
}

function urlOf(host: string | undefined, port: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  return port === undefined || port === '80' ? `http://${host}` : `http://${host}:${port}`;
}
