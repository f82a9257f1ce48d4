/** ECS: task definitions. */
import type {
  DeleteTaskDefinitionsRequest, DeleteTaskDefinitionsResponse, DeregisterTaskDefinitionRequest, DeregisterTaskDefinitionResponse,
  DescribeTaskDefinitionRequest, DescribeTaskDefinitionResponse, Failure, ListTaskDefinitionFamiliesRequest,
  ListTaskDefinitionFamiliesResponse, ListTaskDefinitionsRequest, ListTaskDefinitionsResponse, RegisterTaskDefinitionRequest,
  RegisterTaskDefinitionResponse, TaskDefinition,
} from '@aws-sdk/client-ecs';
import type { Region } from '../../parts.ts';
import type { StoredTaskDefinition, TaskDefinitionRecord } from '../../world/ecs-state.ts';
import { ownValue } from '../../own-value.ts';
import type { Operations } from '../service.ts';
import { callerArn } from '../sts.ts';
import { clientError, invalidParameter } from './errors.ts';
import { findDefinition } from './lookup.ts';
import { pageOf } from './pages.ts';
import {
  checkDefinition, compatibilitiesOf, completeContainer, cpuUnits, memoryMiB, requiredAttributes,
} from './task-definition-rules.ts';

const MISSING = 'The specified task definition does not exist. Specify a valid account, family, revision and try again.';

export const taskDefinitionOperations = {
  RegisterTaskDefinition(input: RegisterTaskDefinitionRequest, region: Region): RegisterTaskDefinitionResponse {
    checkDefinition(input);
    const { tags = [], family = '', containerDefinitions = [], ...rest } = input;
    const { taskDefinitions } = region.state.ecs;
    const revisions = ownValue(taskDefinitions, family) ?? [];
    const revision = (revisions.at(-1)?.definition.revision ?? 0) + 1;
    const definition: StoredTaskDefinition = {
      volumes: [],
      placementConstraints: [],
      ...rest,
      taskDefinitionArn: region.arn('ecs', `task-definition/${family}:${revision}`),
      family,
      revision,
      status: 'ACTIVE',
      containerDefinitions: containerDefinitions.map((container) => completeContainer(container, input.networkMode)),
      cpu: cpuUnits(input.cpu),
      memory: memoryMiB(input.memory),
      requiresAttributes: requiredAttributes(input),
      compatibilities: compatibilitiesOf(input),
      registeredAt: region.clock.now(),
      registeredBy: callerArn(region.config),
    };
    taskDefinitions[family] = [...revisions, { definition, tags }];
    region.changed();
    return { taskDefinition: definition, tags };
  },

  DescribeTaskDefinition({ taskDefinition = '', include }: DescribeTaskDefinitionRequest, region: Region): DescribeTaskDefinitionResponse {
    const record = findDefinition(region, taskDefinition);
    if (!record) {
      throw clientError('Unable to describe task definition.');
    }
    return { taskDefinition: record.definition, tags: include?.includes('TAGS') ? record.tags : undefined };
  },

  ListTaskDefinitions(input: ListTaskDefinitionsRequest, region: Region): ListTaskDefinitionsResponse {
    const wanted = Object.entries(region.state.ecs.taskDefinitions)
      .filter(([family]) => input.familyPrefix === undefined || family === input.familyPrefix)
      .flatMap(([, records]) => records.map(({ definition }) => definition))
      .filter(({ status }) => status === (input.status ?? 'ACTIVE'));
    const { items, nextToken } = pageOf(region, wanted, placeInList, { ...input, descending: input.sort === 'DESC' });
    return { taskDefinitionArns: items.map(({ taskDefinitionArn }) => taskDefinitionArn), nextToken };
  },

  ListTaskDefinitionFamilies(input: ListTaskDefinitionFamiliesRequest, region: Region): ListTaskDefinitionFamiliesResponse {
    const families = Object.entries(region.state.ecs.taskDefinitions)
      .filter(([family]) => family.startsWith(input.familyPrefix ?? ''))
      .filter(([, records]) => {
        const isActive = records.some(({ definition }) => definition.status === 'ACTIVE');
        return input.status === undefined || input.status === 'ALL' || (input.status === 'ACTIVE') === isActive;
      });
    const { items, nextToken } = pageOf(region, families.map(([family]) => family), (family) => family, input);
    return { families: items, nextToken };
  },

  DeregisterTaskDefinition({ taskDefinition = '' }: DeregisterTaskDefinitionRequest, region: Region): DeregisterTaskDefinitionResponse {
    const { definition } = requireRevision(region, taskDefinition);
    if (definition.status === 'ACTIVE') {
      definition.status = 'INACTIVE';
      definition.deregisteredAt = region.clock.now();
      region.changed();
    }
    return { taskDefinition: definition };
  },

  /** They stay DELETE_IN_PROGRESS: services and tasks may refer to them still. */
  DeleteTaskDefinitions({ taskDefinitions = [] }: DeleteTaskDefinitionsRequest, region: Region): DeleteTaskDefinitionsResponse {
    if (taskDefinitions.length > 10) {
      throw invalidParameter('taskDefinitions cannot be more than 10.');
    }
    const deleted: TaskDefinition[] = [];
    const failures: Failure[] = [];
    for (const reference of taskDefinitions) {
      const definition = findDefinition(region, reference)?.definition;
      if (!definition) {
        failures.push({ arn: reference, reason: MISSING });
      } else if (definition.status === 'ACTIVE') {
        failures.push({
          arn: definition.taskDefinitionArn,
          reason: 'The specified task definition is still in ACTIVE status. Please deregister the target and try again.',
        });
      } else {
        definition.status = 'DELETE_IN_PROGRESS';
        definition.deleteRequestedAt = region.clock.now();
        deleted.push(definition);
      }
    }
    region.changed();
    return { taskDefinitions: deleted, failures };
  },
} satisfies Operations;

/** By family, then by revision as a number. */
function placeInList({ family, revision }: StoredTaskDefinition): string {
  return `${family}:${String(revision).padStart(9, '0')}`;
}

function requireRevision(region: Region, reference: string): TaskDefinitionRecord {
  if (!/:\d+$/.test(reference)) {
    throw clientError('Revision can not be blank.');
  }
  const record = findDefinition(region, reference);
  if (!record) {
    throw clientError(MISSING);
  }
  return record;
}
