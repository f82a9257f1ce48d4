/** How the service scheduler judges a task: by its targets' health, or by its age where it has none. */
import type { Region } from '../../parts.ts';
import type { RegisteredTarget, ServiceRecord, TaskRecord } from '../ecs-state.ts';
import { isRunning } from './queries.ts';
import { HEALTHY_WITHOUT_CHECKS } from './timings.ts';

export type TaskHealth = 'starting' | 'healthy' | 'unhealthy';

/** @param age how long the task has had its present status, in ms of AWS time. */
export function taskHealth(region: Region, { service }: ServiceRecord, record: TaskRecord, age: number): TaskHealth {
  if (!isRunning(record)) {
    return 'starting';
  }
  if (service.loadBalancers.length === 0) {
    return age >= HEALTHY_WITHOUT_CHECKS ? 'healthy' : 'starting';
  }
  if (unhealthyTarget(region, record)) {
    const inGracePeriod = age < (service.healthCheckGracePeriodSeconds ?? 0) * 1000;
    return inGracePeriod ? 'starting' : 'unhealthy';
  }
  const isRegistered = record.targets.length === service.loadBalancers.length;
  return isRegistered && record.targets.every((target) => stateOf(region, target)?.state === 'healthy') ? 'healthy' : 'starting';
}

/** A target of the task that fails its health checks, and why. */
export function unhealthyTarget(region: Region, record: TaskRecord): { target: RegisteredTarget; reason: string } | undefined {
  for (const target of record.targets) {
    const health = stateOf(region, target);
    if (health?.state === 'unhealthy') {
      return { target, reason: health.description ?? 'Health checks failed' };
    }
  }
  return undefined;
}

function stateOf(region: Region, { targetGroupArn, ip, port }: RegisteredTarget) {
  return region.targets.health(targetGroupArn, { ip, port });
}
