/** A service's deployments: how they begin, complete, fail, and are rolled back by the circuit breaker. */
import type { DeploymentCircuitBreaker } from '@aws-sdk/client-ecs';
import { digitId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import type { ServiceRecord, StoredDeployment } from '../ecs-state.ts';
import { announce } from './events.ts';

export const FARGATE_PLATFORM = '1.4.0';

/** Makes what the service is configured to run its primary deployment. Its desired count follows with the scheduler's next look. */
export function beginDeployment(region: Region, record: ServiceRecord, reason?: string): StoredDeployment {
  const { service } = record;
  const now = region.clock.now();
  const id = `ecs-svc/${digitId(19)}`;
  const deployment: StoredDeployment = {
    id,
    status: 'PRIMARY',
    taskDefinition: service.taskDefinition,
    desiredCount: 0,
    failedTasks: 0,
    createdAt: now,
    updatedAt: now,
    launchType: service.launchType,
    capacityProviderStrategy: structuredClone(service.capacityProviderStrategy),
    platformVersion: service.platformVersion === 'LATEST' ? FARGATE_PLATFORM : service.platformVersion,
    platformFamily: service.platformFamily,
    networkConfiguration: structuredClone(service.networkConfiguration),
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: reason ?? `ECS deployment ${id} in progress.`,
  };
  for (const earlier of service.deployments) {
    earlier.status = 'ACTIVE';
  }
  service.deployments.unshift(deployment);
  record.steady = false;
  region.changed();
  return deployment;
}

/** The deployment reached what it is for. */
export function completeDeployment(region: Region, record: ServiceRecord, deployment: StoredDeployment): void {
  deployment.rolloutState = 'COMPLETED';
  deployment.rolloutStateReason = `ECS deployment ${deployment.id} completed.`;
  deployment.updatedAt = region.clock.now();
  record.lastCompleted = structuredClone(deployment);
  announce(region, record, `(deployment ${deployment.id}) deployment completed.`);
}

/** How many failed tasks the circuit breaker tolerates; undefined when it is off. */
export function failureThreshold({ service }: ServiceRecord): number | undefined {
  const breaker = service.deploymentConfiguration?.deploymentCircuitBreaker;
  return breaker?.enable ? thresholdOf(breaker, service.desiredCount) : undefined;
}

function thresholdOf({ thresholdConfiguration }: DeploymentCircuitBreaker, desiredCount: number): number {
  const value = thresholdConfiguration?.value ?? 50;
  const share = Math.ceil((desiredCount * value) / 100);
  switch (thresholdConfiguration?.type ?? 'BOUNDED_PERCENT') {
    case 'COUNT':
      return value;
    case 'UNBOUNDED_PERCENT':
      return Math.max(1, share);
    case 'BOUNDED_PERCENT':
      return Math.min(200, Math.max(3, share));
    default:
      return 3;
  }
}

/** The circuit breaker trips: the deployment launches nothing more, and the last completed one comes back where that is asked for. */
export function failDeployment(region: Region, record: ServiceRecord, deployment: StoredDeployment): void {
  const { service, lastCompleted } = record;
  deployment.rolloutState = 'FAILED';
  deployment.rolloutStateReason = 'ECS deployment circuit breaker: tasks failed to start.';
  deployment.updatedAt = region.clock.now();
  announce(region, record, `(deployment ${deployment.id}) deployment failed: tasks failed to start.`);
  if (service.deploymentConfiguration?.deploymentCircuitBreaker?.rollback && lastCompleted) {
    service.taskDefinition = lastCompleted.taskDefinition;
    service.networkConfiguration = structuredClone(lastCompleted.networkConfiguration);
    announce(region, record, `rolling back to deployment ${lastCompleted.id}.`);
    beginDeployment(region, record, `ECS deployment circuit breaker: rolling back to deploymentId ${lastCompleted.id}.`);
  }
}
