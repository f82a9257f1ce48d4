/** ECS: services. */
import { isDeepStrictEqual } from 'node:util';
import type {
  CreateServiceRequest, CreateServiceResponse, DeleteServiceRequest, DeleteServiceResponse, DescribeServicesRequest,
  DescribeServicesResponse, ListServicesRequest, ListServicesResponse, UpdateServiceRequest, UpdateServiceResponse,
} from '@aws-sdk/client-ecs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { ServiceRecord, StoredCluster, StoredService } from '../../world/ecs-state.ts';
import { beginDeployment } from '../../world/ecs/deployments.ts';
import { definitionOf, isOnFargate } from '../../world/ecs/queries.ts';
import { LINKED_ROLES, requireEcsRole } from '../../world/linked-roles.ts';
import type { Operations } from '../service.ts';
import { callerArn } from '../sts.ts';
import { invalidParameter } from './errors.ts';
import { arnInCluster, findService, requireCluster, requireService, requireUsableDefinition } from './lookup.ts';
import { pageOf } from './pages.ts';
import { checkService, completeLoadBalancers } from './service-rules.ts';
import { describeService } from './service-view.ts';

export const serviceOperations = {
  async CreateService(input: CreateServiceRequest, region: Region): Promise<CreateServiceResponse> {
    const cluster = requireCluster(region, input.cluster);
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(input.serviceName ?? '')) {
      throw invalidParameter('Service name contains invalid characters.');
    }
    const service = newService(region, cluster, input);
    await checkService(region, { ...service, definition: definitionOf(region, service.taskDefinition) });
    requireEcsRole(region);
    const existing = findService(region, cluster, service.serviceName);
    if (existing?.service.status === 'DRAINING') {
      throw invalidParameter('Unable to Start a service that is still Draining.');
    }
    if (existing?.service.status === 'ACTIVE') {
      return { service: describeService(region, requireSame(existing, service), true) };
    }
    const record: ServiceRecord = { service, steady: false };
    region.state.ecs.services[service.serviceArn] = record;
    if (isSteeredByEcs(service)) {
      beginDeployment(region, record);
    }
    region.changed();
    region.scheduler.wake();
    return { service: describeService(region, record, true) };
  },

  async UpdateService(input: UpdateServiceRequest, region: Region): Promise<UpdateServiceResponse> {
    const record = requireService(region, input.cluster, input.service ?? '');
    const { service } = record;
    if (service.status !== 'ACTIVE') {
      throw new AwsError('ServiceNotActiveException', 'Service was not ACTIVE.');
    }
    refuseForeignDeployment(service, input);
    const changes = changesOf(region, service, input);
    const wished = { ...service, ...changes };
    await checkService(region, { ...wished, definition: definitionOf(region, wished.taskDefinition) });
    const needsDeployment = input.forceNewDeployment === true || !isDeepStrictEqual(deployed(wished), deployed(service));
    Object.assign(service, changes);
    record.steady = false;
    if (needsDeployment && isSteeredByEcs(service)) {
      beginDeployment(region, record);
    }
    const [primary] = service.deployments;
    if (primary && !needsDeployment) {
      primary.desiredCount = service.desiredCount;
    }
    region.changed();
    region.scheduler.wake();
    return { service: describeService(region, record, true) };
  },

  DescribeServices({ cluster: reference, services = [], include }: DescribeServicesRequest, region: Region): DescribeServicesResponse {
    const cluster = requireCluster(region, reference);
    if (services.length === 0) {
      throw invalidParameter('Services cannot be empty.');
    }
    if (services.length > 10) {
      throw invalidParameter('Services cannot be more than 10.');
    }
    const found = services.map((name) => ({ name, record: findService(region, cluster, name) }));
    return {
      services: found.flatMap(({ record }) => (record ? [describeService(region, record, include?.includes('TAGS') ?? false)] : [])),
      failures: found.filter(({ record }) => !record)
        .map(({ name }) => ({ arn: arnInCluster(region, 'service', cluster, name), reason: 'MISSING' })),
    };
  },

  /** Draining and inactive services are not listed. */
  ListServices(input: ListServicesRequest, region: Region): ListServicesResponse {
    const cluster = requireCluster(region, input.cluster);
    const active = Object.values(region.state.ecs.services).map(({ service }) => service)
      .filter(({ clusterArn, status }) => clusterArn === cluster.clusterArn && status === 'ACTIVE')
      .filter(({ launchType }) => input.launchType === undefined || launchType === input.launchType)
      .filter(({ schedulingStrategy }) => input.schedulingStrategy === undefined || schedulingStrategy === input.schedulingStrategy);
    const { items, nextToken } = pageOf(region, active.map(({ serviceArn }) => serviceArn), (arn) => arn, input);
    return { serviceArns: items, nextToken };
  },

  DeleteService(input: DeleteServiceRequest, region: Region): DeleteServiceResponse {
    const record = requireService(region, input.cluster, input.service ?? '');
    const { service } = record;
    if (service.status === 'INACTIVE') {
      throw new AwsError('ServiceNotFoundException', 'Service not found.');
    }
    if (service.desiredCount > 0 && !input.force) {
      throw invalidParameter('The service cannot be stopped while the primary deployment is scaled above 0.');
    }
    service.status = 'DRAINING';
    service.desiredCount = 0;
    record.steady = false;
    region.changed();
    region.scheduler.wake();
    return { service: describeService(region, record, false) };
  },
} satisfies Operations;

function newService(region: Region, cluster: StoredCluster, input: CreateServiceRequest): StoredService {
  const { serviceName = '' } = input;
  if (input.desiredCount === undefined && input.schedulingStrategy !== 'DAEMON') {
    throw invalidParameter('desiredCount can not be blank.');
  }
  const { definition } = requireUsableDefinition(region, input.taskDefinition);
  const strategy = input.capacityProviderStrategy ?? (input.launchType ? undefined : cluster.defaultCapacityProviderStrategy);
  const launchType = strategy?.length ? input.launchType : input.launchType ?? 'EC2';
  const onFargate = isOnFargate({ launchType, capacityProviderStrategy: strategy });
  return {
    serviceArn: region.arn('ecs', `service/${cluster.clusterName}/${serviceName}`),
    serviceName,
    clusterArn: cluster.clusterArn,
    loadBalancers: completeLoadBalancers(input.loadBalancers),
    serviceRegistries: input.serviceRegistries ?? [],
    status: 'ACTIVE',
    desiredCount: input.desiredCount ?? 0,
    launchType,
    capacityProviderStrategy: strategy?.length ? strategy : undefined,
    platformVersion: onFargate ? input.platformVersion ?? 'LATEST' : undefined,
    platformFamily: onFargate ? 'Linux' : undefined,
    taskDefinition: definition.taskDefinitionArn,
    deploymentConfiguration: {
      deploymentCircuitBreaker: { enable: false, rollback: false },
      maximumPercent: 200,
      minimumHealthyPercent: 100,
      strategy: 'ROLLING',
      ...input.deploymentConfiguration,
    },
    deployments: [],
    roleArn: `arn:aws:iam::${region.config.account}:role/aws-service-role/ecs.amazonaws.com/${LINKED_ROLES['ecs.amazonaws.com']}`,
    events: [],
    createdAt: region.clock.now(),
    placementConstraints: input.placementConstraints ?? [],
    placementStrategy: input.placementStrategy ?? [],
    networkConfiguration: input.networkConfiguration,
    healthCheckGracePeriodSeconds: input.healthCheckGracePeriodSeconds ?? 0,
    schedulingStrategy: input.schedulingStrategy ?? 'REPLICA',
    deploymentController: input.deploymentController ?? { type: 'ECS' },
    tags: input.tags ?? [],
    createdBy: callerArn(region.config),
    enableECSManagedTags: input.enableECSManagedTags ?? false,
    propagateTags: input.propagateTags ?? 'NONE',
    enableExecuteCommand: input.enableExecuteCommand ?? false,
    availabilityZoneRebalancing: input.availabilityZoneRebalancing ?? 'ENABLED',
  };
}

/** An identical CreateService is answered with what is there. Throws AwsError InvalidParameterException where they differ. */
function requireSame(existing: ServiceRecord, wished: StoredService): ServiceRecord {
  const { service } = existing;
  if (service.desiredCount !== wished.desiredCount || !isDeepStrictEqual(deployed(service), deployed(wished))) {
    throw invalidParameter('Creation of service was not idempotent.');
  }
  return existing;
}

/** The members of a service whose change makes a new deployment. */
function deployed(service: StoredService): Partial<StoredService> {
  const { taskDefinition, loadBalancers, networkConfiguration, platformVersion, launchType, capacityProviderStrategy, serviceRegistries } = service;
  return { taskDefinition, loadBalancers, networkConfiguration, platformVersion, launchType, capacityProviderStrategy, serviceRegistries };
}

/** The members of the service that an update replaces. */
function changesOf(region: Region, service: StoredService, input: UpdateServiceRequest): Partial<StoredService> {
  const {
    desiredCount, networkConfiguration, platformVersion, capacityProviderStrategy, healthCheckGracePeriodSeconds, placementConstraints,
    placementStrategy, enableECSManagedTags, enableExecuteCommand, propagateTags, serviceRegistries, availabilityZoneRebalancing,
  } = input;
  const changes: Partial<StoredService> = {
    desiredCount, networkConfiguration, platformVersion, capacityProviderStrategy, healthCheckGracePeriodSeconds, placementConstraints,
    placementStrategy, enableECSManagedTags, enableExecuteCommand, propagateTags, serviceRegistries, availabilityZoneRebalancing,
    taskDefinition: input.taskDefinition && requireUsableDefinition(region, input.taskDefinition).definition.taskDefinitionArn,
    loadBalancers: input.loadBalancers && completeLoadBalancers(input.loadBalancers),
    deploymentConfiguration: input.deploymentConfiguration && { ...service.deploymentConfiguration, ...input.deploymentConfiguration },
  };
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return capacityProviderStrategy?.length ? { ...given, launchType: undefined } : given;
}

function isSteeredByEcs({ deploymentController }: StoredService): boolean {
  return deploymentController?.type === 'ECS';
}

/** Throws AwsError InvalidParameterException for an update that only the service's own deployment controller may make. */
function refuseForeignDeployment({ deploymentController }: StoredService, input: UpdateServiceRequest): void {
  const refused = input.taskDefinition !== undefined ? 'Unable to update task definition'
    : input.networkConfiguration !== undefined ? 'Unable to update network parameters'
    : input.forceNewDeployment ? 'Cannot force a new deployment'
    : undefined;
  const controller = deploymentController?.type;
  if (refused !== undefined && controller === 'CODE_DEPLOY') {
    throw invalidParameter(`${refused} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.`);
  }
  if (refused !== undefined && controller === 'EXTERNAL') {
    throw invalidParameter(`${refused} on services with a EXTERNAL deployment controller.`);
  }
}
