/** A service as ECS answers it: what is stored, with its tasks counted. */
import type { Service } from '@aws-sdk/client-ecs';
import type { Region } from '../../parts.ts';
import type { ServiceRecord } from '../../world/ecs-state.ts';
import { isPending, isRunning, tasksOf } from '../../world/ecs/queries.ts';

export function describeService(region: Region, { service }: ServiceRecord, withTags: boolean): Service {
  const tasks = tasksOf(region, service.serviceArn);
  return {
    ...service,
    runningCount: tasks.filter(isRunning).length,
    pendingCount: tasks.filter(isPending).length,
    deployments: service.deployments.map((deployment) => {
      const own = tasks.filter(({ task }) => task.startedBy === deployment.id);
      return { ...deployment, runningCount: own.filter(isRunning).length, pendingCount: own.filter(isPending).length };
    }),
    tags: withTags ? service.tags : undefined,
  };
}
