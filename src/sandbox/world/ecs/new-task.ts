/** A task at its launch: its place, its address, its containers, all still to come up. */
import { randomUUID } from 'node:crypto';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import type { ServiceRecord, StoredDeployment, StoredTask, SubnetRecord, TaskRecord } from '../ecs-state.ts';
import { definitionOf, idOf, isWanted, tasksOf } from './queries.ts';

/** How many addresses a subnet's range has (/20), and the first that is not reserved. */
const RANGE = 4096;
const FIRST_HOST = 4;

/** Launches a task of a deployment: adds it to the state, PROVISIONING, in the subnet with the fewest tasks of the service. */
export function launchTask(region: Region, record: ServiceRecord, deployment: StoredDeployment): TaskRecord {
  const { service } = record;
  const definition = definitionOf(region, deployment.taskDefinition);
  const cluster = idOf(service.clusterArn);
  const id = hexId(32);
  const taskArn = region.arn('ecs', `task/${cluster}/${id}`);
  const subnetId = leastUsedSubnet(region, service.serviceArn, deployment.networkConfiguration?.awsvpcConfiguration?.subnets ?? []);
  const subnet = subnetRecord(region, subnetId);
  const task: StoredTask = {
    attachments: [{
      id: randomUUID(),
      type: 'ElasticNetworkInterface',
      status: 'PRECREATED',
      details: [{ name: 'subnetId', value: subnetId }],
    }],
    attributes: [{ name: 'ecs.cpu-architecture', value: (definition.runtimePlatform?.cpuArchitecture ?? 'X86_64').toLowerCase() }],
    availabilityZone: `${region.name}${subnet.zone}`,
    clusterArn: service.clusterArn,
    containers: definition.containerDefinitions.map(({ name = '', image = '', cpu, memory, memoryReservation }) => ({
      containerArn: region.arn('ecs', `container/${cluster}/${id}/${randomUUID()}`),
      taskArn,
      name,
      image,
      lastStatus: 'PENDING',
      networkInterfaces: [],
      healthStatus: 'UNKNOWN',
      cpu: String(cpu ?? 0),
      memory: memory === undefined ? undefined : String(memory),
      memoryReservation: memoryReservation === undefined ? undefined : String(memoryReservation),
    })),
    cpu: definition.cpu,
    createdAt: region.clock.now(),
    desiredStatus: 'RUNNING',
    enableExecuteCommand: service.enableExecuteCommand ?? false,
    group: `service:${service.serviceName}`,
    healthStatus: 'UNKNOWN',
    lastStatus: 'PROVISIONING',
    launchType: deployment.launchType ?? 'FARGATE',
    capacityProviderName: deployment.capacityProviderStrategy?.[0]?.capacityProvider,
    memory: definition.memory,
    overrides: {
      containerOverrides: definition.containerDefinitions.map(({ name }) => ({ name })),
      inferenceAcceleratorOverrides: [],
    },
    platformVersion: deployment.platformVersion,
    platformFamily: deployment.platformFamily,
    startedBy: deployment.id,
    tags: propagatedTags(region, record, deployment),
    taskArn,
    taskDefinitionArn: deployment.taskDefinition,
    version: 1,
    ephemeralStorage: definition.ephemeralStorage ?? { sizeInGiB: 20 },
  };
  const launched: TaskRecord = {
    task,
    serviceArn: service.serviceArn,
    address: nextAddress(region, subnet),
    targets: [],
    wasHealthy: false,
    failureCounted: false,
  };
  region.state.ecs.tasks[taskArn] = launched;
  region.changed();
  return launched;
}

function leastUsedSubnet(region: Region, serviceArn: string, subnets: readonly string[]): string {
  const used = tasksOf(region, serviceArn).filter(isWanted)
    .map(({ task }) => task.attachments[0]?.details?.find(({ name }) => name === 'subnetId')?.value);
  const uses = (subnet: string) => used.filter((other) => other === subnet).length;
  subnets.forEach((subnetId, place) => {
    region.state.ecs.subnets[subnetId] ??= {
      zone: 'abcdef'.charAt(place % 6),
      index: Object.keys(region.state.ecs.subnets).length,
      lastHost: FIRST_HOST - 1,
    };
  });
  return subnets.toSorted((one, other) => uses(one) - uses(other))[0] ?? '';
}

function subnetRecord(region: Region, subnetId: string): SubnetRecord {
  const subnet = region.state.ecs.subnets[subnetId];
  if (!subnet) {
    throw new Error(`a task needs a subnet, there is none called '${subnetId}'`);
  }
  return subnet;
}

function nextAddress(region: Region, subnet: SubnetRecord): string {
  const taken = new Set(Object.values(region.state.ecs.tasks).map(({ address }) => address));
  for (let tried = 0; tried < RANGE; tried += 1) {
    subnet.lastHost = subnet.lastHost + 1 < RANGE - 1 ? subnet.lastHost + 1 : FIRST_HOST;
    const host = subnet.index * RANGE + subnet.lastHost;
    const address = `10.${host >> 16}.${(host >> 8) & 0xff}.${host & 0xff}`;
    if (!taken.has(address)) {
      return address;
    }
  }
  throw new Error('no address is left in the subnet');
}

function propagatedTags(region: Region, { service }: ServiceRecord, deployment: StoredDeployment) {
  if (service.propagateTags === 'SERVICE') {
    return structuredClone(service.tags);
  }
  if (service.propagateTags === 'TASK_DEFINITION') {
    const { family, revision } = definitionOf(region, deployment.taskDefinition);
    const record = region.state.ecs.taskDefinitions[family]?.find(({ definition }) => definition.revision === revision);
    return structuredClone(record?.tags ?? []);
  }
  return [];
}
