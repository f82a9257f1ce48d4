/** ECS: tasks. */
import type {
  DescribeTasksRequest, DescribeTasksResponse, ListTasksRequest, ListTasksResponse, StopTaskRequest, StopTaskResponse,
} from '@aws-sdk/client-ecs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { idOf } from '../../world/ecs/queries.ts';
import { stopTask } from '../../world/ecs/stop-task.ts';
import type { Operations } from '../service.ts';
import { invalidParameter } from './errors.ts';
import { arnInCluster, findService, findTask, requireCluster } from './lookup.ts';
import { pageOf } from './pages.ts';

export const taskOperations = {
  ListTasks(input: ListTasksRequest, region: Region): ListTasksResponse {
    const cluster = requireCluster(region, input.cluster);
    const service = input.serviceName === undefined ? undefined : findService(region, cluster, input.serviceName);
    if (input.serviceName !== undefined && !service) {
      throw new AwsError('ServiceNotFoundException', 'Service not found.');
    }
    const wanted = Object.values(region.state.ecs.tasks).filter(({ task, serviceArn }) => (
      task.clusterArn === cluster.clusterArn
      && task.desiredStatus === (input.desiredStatus ?? 'RUNNING')
      && (!service || serviceArn === service.service.serviceArn)
      && (input.family === undefined || idOf(task.taskDefinitionArn).split(':')[0] === input.family)
      && (input.startedBy === undefined || task.startedBy === input.startedBy)
      && (input.launchType === undefined || task.launchType === input.launchType)
      && input.containerInstance === undefined
    ));
    const { items, nextToken } = pageOf(region, wanted.map(({ task }) => task.taskArn), (arn) => arn, input);
    return { taskArns: items, nextToken };
  },

  DescribeTasks({ cluster: reference, tasks = [], include = [] }: DescribeTasksRequest, region: Region): DescribeTasksResponse {
    const cluster = requireCluster(region, reference);
    if (tasks.length === 0) {
      throw invalidParameter('Tasks cannot be empty.');
    }
    if (tasks.length > 100) {
      throw invalidParameter('Tasks cannot be more than 100.');
    }
    const found = tasks.map((name) => ({ name, record: findTask(region, cluster, name) }));
    return {
      tasks: found.flatMap(({ record }) => (record ? [{ ...record.task, tags: include.includes('TAGS') ? record.task.tags : [] }] : [])),
      failures: found.filter(({ record }) => !record)
        .map(({ name }) => ({ arn: arnInCluster(region, 'task', cluster, name), reason: 'MISSING' })),
    };
  },

  StopTask({ cluster, task: name = '', reason = 'Task stopped by user' }: StopTaskRequest, region: Region): StopTaskResponse {
    const record = findTask(region, requireCluster(region, cluster), name);
    if (!record) {
      throw invalidParameter('The referenced task was not found.');
    }
    stopTask(region, record, 'UserInitiated', reason);
    region.scheduler.wake();
    return { task: record.task };
  },
} satisfies Operations;
