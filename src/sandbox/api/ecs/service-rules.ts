/** What CreateService and UpdateService refuse. */
import type { CapacityProviderStrategyItem, DeploymentConfiguration, LaunchType, LoadBalancer, NetworkConfiguration } from '@aws-sdk/client-ecs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StoredLoadBalancer, StoredTaskDefinition } from '../../world/ecs-state.ts';
import { isOnFargate } from '../../world/ecs/queries.ts';
import { invalidParameter } from './errors.ts';

/** What a service is to be, as far as the rules look at it. */
export interface ServiceWishes {
  readonly definition: StoredTaskDefinition;
  readonly launchType?: LaunchType | undefined;
  readonly capacityProviderStrategy?: CapacityProviderStrategyItem[] | undefined;
  readonly networkConfiguration?: NetworkConfiguration | undefined;
  readonly loadBalancers: readonly StoredLoadBalancer[];
  readonly deploymentConfiguration?: DeploymentConfiguration | undefined;
  readonly healthCheckGracePeriodSeconds?: number | undefined;
}

/** Throws AwsError InvalidParameterException. */
export async function checkService(region: Region, wishes: ServiceWishes): Promise<void> {
  const { definition } = wishes;
  if (wishes.launchType && wishes.capacityProviderStrategy?.length) {
    throw invalidParameter('Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.');
  }
  if (isOnFargate(wishes) && !definition.compatibilities?.includes('FARGATE')) {
    throw invalidParameter('Task definition does not support launch_type FARGATE.');
  }
  checkNetwork(definition, wishes.networkConfiguration);
  checkDeploymentConfiguration(wishes.deploymentConfiguration);
  if (wishes.healthCheckGracePeriodSeconds && wishes.loadBalancers.length === 0) {
    throw invalidParameter('Health check grace period is only valid for services configured to use load balancers');
  }
  for (const loadBalancer of wishes.loadBalancers) {
    checkContainerPort(definition, loadBalancer);
    await checkTargetGroup(region, definition, loadBalancer.targetGroupArn);
  }
}

/** Load balancers as a request gives them. Throws AwsError InvalidParameterException where one is incomplete. */
export function completeLoadBalancers(loadBalancers: readonly LoadBalancer[] = []): StoredLoadBalancer[] {
  return loadBalancers.map((loadBalancer) => {
    const { targetGroupArn, containerName, containerPort } = loadBalancer;
    if (!targetGroupArn) {
      throw invalidParameter('A target group must be specified: classic load balancers do not serve awsvpc tasks.');
    }
    if (!containerName || containerPort === undefined) {
      throw invalidParameter('Container name and container port must be specified for load balancers.');
    }
    return { ...loadBalancer, targetGroupArn, containerName, containerPort };
  });
}

function checkNetwork({ networkMode }: StoredTaskDefinition, configuration: NetworkConfiguration | undefined): void {
  const awsvpc = configuration?.awsvpcConfiguration;
  if (networkMode !== 'awsvpc') {
    if (awsvpc) {
      throw invalidParameter('Network Configuration is not valid for the given networkMode of this task definition.');
    }
    return;
  }
  if (!awsvpc) {
    throw invalidParameter('Network Configuration must be provided when networkMode \'awsvpc\' is specified.');
  }
  const { subnets = [] } = awsvpc;
  if (subnets.length === 0) {
    throw invalidParameter('subnets can not be empty.');
  }
  if (subnets.length > 16) {
    throw invalidParameter('subnets can have at most 16 items.');
  }
  const malformed = subnets.find((subnet) => !/^subnet-[0-9a-z]+$/.test(subnet));
  if (malformed !== undefined) {
    throw invalidParameter(
      `Error retrieving subnet information for [${malformed}]: Invalid id: "${malformed}" (expecting "subnet-...") `
      + '(ErrorCode: InvalidSubnetID.Malformed)',
    );
  }
}

function checkDeploymentConfiguration({ maximumPercent = 200, minimumHealthyPercent = 100 }: DeploymentConfiguration = {}): void {
  if (minimumHealthyPercent < 0 || minimumHealthyPercent > 100) {
    throw invalidParameter('minimumHealthyPercent must be between 0 and 100');
  }
  if (maximumPercent < 100 || maximumPercent > 200) {
    throw invalidParameter('maximumPercent must be between 100 and 200');
  }
  if (maximumPercent === 100 && minimumHealthyPercent === 100) {
    throw invalidParameter('Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.');
  }
}

function checkContainerPort({ containerDefinitions }: StoredTaskDefinition, { containerName, containerPort }: StoredLoadBalancer): void {
  const container = containerDefinitions.find(({ name }) => name === containerName);
  if (!container) {
    throw invalidParameter(`The container ${containerName} does not exist in the task definition.`);
  }
  if (!container.portMappings?.some((mapping) => mapping.containerPort === containerPort)) {
    throw invalidParameter(`The container ${containerName} did not have a container port ${containerPort} defined.`);
  }
}

async function checkTargetGroup(region: Region, { networkMode }: StoredTaskDefinition, targetGroupArn: string): Promise<void> {
  const group = await describeTargetGroup(region, targetGroupArn);
  if (!group) {
    throw invalidParameter(`The specified target group does not exist. Target group: ${targetGroupArn}.`);
  }
  if (networkMode === 'awsvpc' && group.TargetType !== 'ip') {
    throw invalidParameter(
      `The provided target group ${targetGroupArn} has target type ${group.TargetType}, which is incompatible with the awsvpc `
      + 'network mode specified in the task definition.',
    );
  }
  if (!group.LoadBalancerArns?.length) {
    throw invalidParameter(`The target group with targetGroupArn ${targetGroupArn} does not have an associated load balancer.`);
  }
}

async function describeTargetGroup(region: Region, targetGroupArn: string): Promise<TargetGroup | undefined> {
  try {
    const answer: { TargetGroups?: TargetGroup[] } = await region.call(
      'elasticloadbalancing', 'DescribeTargetGroups', { TargetGroupArns: [targetGroupArn] },
    );
    return answer.TargetGroups?.[0];
  } catch (error) {
    if (error instanceof AwsError) {
      return undefined;
    }
    throw error;
  }
}

interface TargetGroup {
  readonly TargetType?: string;
  readonly LoadBalancerArns?: readonly string[];
}
