/** What stacks are, which resources they have, and what happened to them. */
import type {
  DescribeStackEventsInput, DescribeStackResourceInput, DescribeStackResourceOutput,
  DescribeStackResourcesInput, DescribeStackResourcesOutput, DescribeStacksInput, DescribeStacksOutput,
  ListStackResourcesInput, ListStackResourcesOutput, ListStacksInput, ListStacksOutput, Stack,
} from '@aws-sdk/client-cloudformation';
import type { Region } from '../../parts.ts';
import type { StoredEvent, StoredResource, StoredStack } from '../../world/cloudformation-state.ts';
import { isListed } from './change-set-lookup.ts';
import { getStack, page } from './lookup.ts';
import { shownParameters } from './parameters.ts';
import { invalid } from './section.ts';
import { readTemplate } from './template.ts';

export const readOperations = {
  DescribeStacks({ StackName: name, NextToken }: DescribeStacksInput, region: Region): DescribeStacksOutput {
    if (name !== undefined) {
      return { Stacks: [describe(getStack(region, name, `Stack with id ${name} does not exist`))] };
    }
    const alive = newestFirst(region).filter(({ status }) => status !== 'DELETE_COMPLETE');
    const { items, ...next } = page(region, alive, NextToken);
    return { Stacks: items.map(describe), ...next };
  },

  ListStacks({ StackStatusFilter: wanted = [], NextToken }: ListStacksInput, region: Region): ListStacksOutput {
    const found = newestFirst(region).filter(({ status }) => wanted.length === 0 || wanted.includes(status));
    const { items, ...next } = page(region, found, NextToken);
    return {
      StackSummaries: items.map((stack) => ({
        StackId: stack.id,
        StackName: stack.name,
        TemplateDescription: descriptionOf(stack),
        CreationTime: stack.createdAt,
        LastUpdatedTime: stack.updatedAt,
        DeletionTime: stack.deletedAt,
        StackStatus: stack.status,
        StackStatusReason: stack.statusReason,
        DriftInformation: NOT_CHECKED,
      })),
      ...next,
    };
  },

  DescribeStackEvents(input: DescribeStackEventsInput, region: Region): { StackEvents: StoredEvent[] } {
    const { StackName: name, NextToken } = input;
    const { events } = getStack(region, name, `Stack [${name}] does not exist`);
    const { items, ...next } = page(region, events.toReversed(), NextToken);
    return { StackEvents: items, ...next };
  },

  DescribeStackResource(input: DescribeStackResourceInput, region: Region): DescribeStackResourceOutput {
    const { StackName: name, LogicalResourceId } = input;
    const stack = getStack(region, name, `Stack '${name}' does not exist`);
    const resource = stack.resources[LogicalResourceId ?? ''];
    if (!resource) throw invalid(`Resource ${LogicalResourceId} does not exist for stack ${stack.name}`);
    return {
      StackResourceDetail: {
        ...identify(stack),
        ...summarize(resource),
        Metadata: '{}',
        DriftInformation: RESOURCE_NOT_CHECKED,
      },
    };
  },

  DescribeStackResources(input: DescribeStackResourcesInput, region: Region): DescribeStackResourcesOutput {
    const { StackName: name, PhysicalResourceId: physicalId, LogicalResourceId: logicalId } = input;
    const stack = name === undefined ? stackWith(region, physicalId) : getStack(region, name, `Stack with id ${name} does not exist`);
    const resources = Object.values(stack.resources).filter((resource) => logicalId === undefined || resource.logicalId === logicalId);
    return {
      StackResources: resources.map((resource) => {
        const { LastUpdatedTimestamp, ...summary } = summarize(resource);
        return { ...identify(stack), ...summary, Timestamp: LastUpdatedTimestamp, DriftInformation: RESOURCE_NOT_CHECKED };
      }),
    };
  },

  ListStackResources({ StackName: name, NextToken }: ListStackResourcesInput, region: Region): ListStackResourcesOutput {
    const stack = getStack(region, name, `Stack with id ${name} does not exist`);
    const { items, ...next } = page(region, Object.values(stack.resources), NextToken);
    return {
      StackResourceSummaries: items.map((resource) => ({ ...summarize(resource), DriftInformation: RESOURCE_NOT_CHECKED })),
      ...next,
    };
  },
};

const NOT_CHECKED = { StackDriftStatus: 'NOT_CHECKED' } as const;
const RESOURCE_NOT_CHECKED = { StackResourceDriftStatus: 'NOT_CHECKED' } as const;

function newestFirst(region: Region): StoredStack[] {
  return Object.values(region.state.cloudformation.stacks).toReversed();
}

function stackWith(region: Region, physicalId: string | undefined): StoredStack {
  const holds = ({ resources }: StoredStack) => Object.values(resources).some((resource) => resource.physicalId === physicalId);
  const stack = newestFirst(region).find(holds);
  if (physicalId === undefined || !stack) throw invalid(`Stack for ${physicalId ?? ''} does not exist`);
  return stack;
}

function identify({ id, name }: StoredStack): { StackId: string; StackName: string } {
  return { StackId: id, StackName: name };
}

function summarize(resource: StoredResource) {
  return {
    LogicalResourceId: resource.logicalId,
    PhysicalResourceId: resource.physicalId,
    ResourceType: resource.type,
    LastUpdatedTimestamp: resource.changedAt,
    ResourceStatus: resource.status,
    ResourceStatusReason: resource.statusReason,
  };
}

function descriptionOf({ definition: { template } }: StoredStack): string | undefined {
  return template === '' ? undefined : readTemplate(template).description;
}

function describe(stack: StoredStack): Stack {
  const { definition } = stack;
  return {
    ...identify(stack),
    ChangeSetId: stack.changeSets?.findLast((changeSet) => !isListed(changeSet))?.id,
    Description: descriptionOf(stack),
    Parameters: shownParameters(definition),
    CreationTime: stack.createdAt,
    LastUpdatedTime: stack.updatedAt,
    DeletionTime: stack.deletedAt,
    RollbackConfiguration: {},
    StackStatus: stack.status,
    StackStatusReason: stack.statusReason,
    DisableRollback: stack.onFailure === 'DO_NOTHING',
    NotificationARNs: [],
    Capabilities: definition.capabilities,
    Outputs: stack.outputs,
    Tags: definition.tags,
    EnableTerminationProtection: stack.status === 'DELETE_COMPLETE' ? undefined : (stack.isProtected ?? false),
    DriftInformation: NOT_CHECKED,
  };
}
