/** ECS: the operations the sandbox answers. */
import type { Operations } from '../service.ts';
import { clusterOperations } from './clusters.ts';
import { serviceOperations } from './services.ts';
import { tagOperations } from './tags.ts';
import { taskDefinitionOperations } from './task-definitions.ts';
import { taskOperations } from './tasks.ts';

export const operations: Operations = {
  ...clusterOperations,
  ...taskDefinitionOperations,
  ...serviceOperations,
  ...taskOperations,
  ...tagOperations,
};
