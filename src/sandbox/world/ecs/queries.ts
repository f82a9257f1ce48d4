/** Finds things in the state of ECS and counts them. */
import type { Service } from '@aws-sdk/client-ecs';
import type { Region } from '../../parts.ts';
import type { ServiceRecord, StoredTaskDefinition, TaskRecord } from '../ecs-state.ts';

/** All tasks of a service that can still be described, oldest first. */
export function tasksOf(region: Region, serviceArn: string): TaskRecord[] {
  return Object.values(region.state.ecs.tasks).filter((record) => record.serviceArn === serviceArn);
}

/** ECS wants it to run. */
export function isWanted({ task }: TaskRecord): boolean {
  return task.desiredStatus === 'RUNNING';
}

export function isRunning({ task }: TaskRecord): boolean {
  return task.lastStatus === 'RUNNING';
}

/** On its way to running. */
export function isPending(record: TaskRecord): boolean {
  return isWanted(record) && ['PROVISIONING', 'PENDING', 'ACTIVATING'].includes(record.task.lastStatus);
}

/** By launch type or capacity provider; nothing else is emulated. */
export function isOnFargate({ launchType, capacityProviderStrategy = [] }: Pick<Service, 'launchType' | 'capacityProviderStrategy'>): boolean {
  return launchType === 'FARGATE' || capacityProviderStrategy.some(({ capacityProvider }) => capacityProvider?.startsWith('FARGATE'));
}

/** The last part of an ARN: a task's id, a service's name. */
export function idOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** The definition behind an ARN that something refers to. Throws an Error when there is none: such a definition is never removed. */
export function definitionOf(region: Region, taskDefinitionArn: string): StoredTaskDefinition {
  const [family = '', revision] = idOf(taskDefinitionArn).split(':');
  const record = region.state.ecs.taskDefinitions[family]?.find(({ definition }) => String(definition.revision) === revision);
  if (!record) {
    throw new Error(`no task definition ${taskDefinitionArn}`);
  }
  return record.definition;
}

/** The service a task was launched for, as long as ECS knows it. */
export function serviceOf(region: Region, record: TaskRecord): ServiceRecord | undefined {
  return region.state.ecs.services[record.serviceArn];
}
