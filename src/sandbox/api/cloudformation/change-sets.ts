/** Change sets: what an update would do, found out before it is done, and doing it. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  ChangeSetSummary, CreateChangeSetInput, CreateChangeSetOutput, DeleteChangeSetInput, DescribeChangeSetInput, DescribeChangeSetOutput,
  ExecuteChangeSetInput, ListChangeSetsInput, ListChangeSetsOutput,
} from '@aws-sdk/client-cloudformation';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StackDefinition, StoredChangeSet, StoredStack } from '../../world/cloudformation-state.ts';
import { drawBlueprint } from './blueprint.ts';
import { changeSetsOf, findChangeSet, getChangeSet, isListed } from './change-set-lookup.ts';
import { findStack, getStack, page } from './lookup.ts';
import { bodyOf, begin, checkName, checkUpdatable, define } from './requests.ts';
import { invalid } from './section.ts';
import { setStackStatus } from './site.ts';
import { shownParameters } from './parameters.ts';

export const changeSetOperations = {
  async CreateChangeSet(input: CreateChangeSetInput, region: Region): Promise<CreateChangeSetOutput> {
    const { ChangeSetName: name = '', ChangeSetType: type = 'UPDATE', ClientToken: token, Description: description, OnStackFailure } = input;
    checkName(name, 'changeSetName');
    if (type === 'IMPORT') throw invalid('The sandbox has no change sets of type IMPORT.');
    if (OnStackFailure === 'DELETE' && type !== 'CREATE') throw invalid('OnStackFailure DELETE is only valid when ChangeSetType is CREATE.');
    checkType(input, type, region);
    const definition = await requestedDefinition(input, region);
    // After the last wait for anything: between these checks and the entry nobody else gets in.
    const known = checkType(input, type, region);
    const twin = known && changeSetsOf(known).find((changeSet) => changeSet.name === name && isListed(changeSet));
    if (known && twin) return repeated(known, twin, definition, token);
    const stack = known ?? newStack(input, region);
    drawBlueprint(definition, stack, region);
    if (!known) {
      region.state.cloudformation.stacks[stack.id] = stack;
      setStackStatus(region, stack, 'REVIEW_IN_PROGRESS', 'User Initiated');
    }
    const changeSet: StoredChangeSet = {
      id: region.arn('cloudformation', `changeSet/${name}/${randomUUID()}`),
      name,
      type,
      description,
      createdAt: region.clock.now(),
      definition,
      onFailure: OnStackFailure,
      status: 'CREATE_PENDING',
      executionStatus: 'UNAVAILABLE',
      token,
      changes: [],
    };
    changeSetsOf(stack).push(changeSet);
    region.changed();
    region.stacks.review(stack, changeSet);
    return { Id: changeSet.id, StackId: stack.id };
  },

  DescribeChangeSet(input: DescribeChangeSetInput, region: Region): DescribeChangeSetOutput {
    const { stack, changeSet } = getChangeSet(region, input);
    const { definition } = changeSet;
    const { items, ...next } = page(region, changeSet.changes, input.NextToken);
    return {
      ...summarize(stack, changeSet),
      Parameters: shownParameters(definition),
      NotificationARNs: [],
      RollbackConfiguration: {},
      Capabilities: definition.capabilities,
      Tags: definition.tags,
      OnStackFailure: changeSet.onFailure,
      Changes: items,
      ...next,
    };
  },

  ListChangeSets({ StackName: name, NextToken }: ListChangeSetsInput, region: Region): ListChangeSetsOutput {
    const stack = getStack(region, name, `Stack [${name}] does not exist`);
    const { items, ...next } = page(region, changeSetsOf(stack).filter(isListed), NextToken);
    return { Summaries: items.map((changeSet) => summarize(stack, changeSet)), ...next };
  },

  ExecuteChangeSet(input: ExecuteChangeSetInput, region: Region): object {
    const { stack, changeSet } = getChangeSet(region, input);
    const { ClientRequestToken: token, DisableRollback } = input;
    const { id, status, executionStatus, definition } = changeSet;
    const isExecuted = executionStatus.startsWith('EXECUTE_');
    if (isExecuted && token !== undefined && token === stack.token) return {};
    if (status !== 'CREATE_COMPLETE') throw wrongStatus(`ChangeSet [${id}] cannot be executed in its current status of [${status}]`);
    if (executionStatus !== 'AVAILABLE') {
      throw wrongStatus(`ChangeSet [${id}] cannot be executed in its current execution status of [${executionStatus}]`);
    }
    if (DisableRollback !== undefined && changeSet.onFailure !== undefined) {
      throw invalid('DisableRollback cannot be specified for a change set that has OnStackFailure.');
    }
    const isFirst = stack.status === 'REVIEW_IN_PROGRESS';
    if (!isFirst) checkUpdatable(stack);
    changeSet.executionStatus = 'EXECUTE_IN_PROGRESS';
    // The others compare with what the stack is no more.
    stack.changeSets = changeSetsOf(stack).filter((other) => other === changeSet || !isListed(other));
    if (!isFirst) stack.previous = stack.definition;
    stack.definition = definition;
    stack.onFailure = DisableRollback ? 'DO_NOTHING' : (changeSet.onFailure ?? 'ROLLBACK');
    stack.token = token;
    begin(region, stack, isFirst ? 'CREATE_IN_PROGRESS' : 'UPDATE_IN_PROGRESS');
    return {};
  },

  DeleteChangeSet(input: DeleteChangeSetInput, region: Region): object {
    const found = findChangeSet(region, input);
    if (!found) return {};
    const { stack, changeSet } = found;
    const { id, status, executionStatus } = changeSet;
    if (status === 'CREATE_PENDING' || status === 'CREATE_IN_PROGRESS') {
      throw wrongStatus(`ChangeSet [${id}] cannot be deleted in its current status of [${status}]`);
    }
    if (executionStatus.startsWith('EXECUTE_')) {
      throw wrongStatus(`ChangeSet [${id}] cannot be deleted in its current execution status of [${executionStatus}]`);
    }
    // A stack that was only reviewed stays, with nothing left to review.
    stack.changeSets = changeSetsOf(stack).filter((other) => other !== changeSet);
    region.changed();
    return {};
  },
};

/** The stack that the change set is for; undefined where there is none yet. Throws AwsError where the type does not fit it. */
function checkType({ StackName = '', ChangeSetName }: CreateChangeSetInput, type: StoredChangeSet['type'], region: Region): StoredStack | undefined {
  const stack = findStack(region, StackName);
  if (type === 'CREATE') {
    if (!stack) checkName(StackName, 'stackName');
    if (!stack || stack.status === 'REVIEW_IN_PROGRESS') return stack;
    throw invalid(`Stack [${StackName}] already exists and cannot be created again with the changeSet [${ChangeSetName}].`);
  }
  if (!stack || stack.status === 'DELETE_COMPLETE') throw invalid(`Stack [${StackName}] does not exist`);
  checkUpdatable(stack);
  return stack;
}

async function requestedDefinition(input: CreateChangeSetInput, region: Region): Promise<StackDefinition> {
  const { StackName = '', UsePreviousTemplate, TemplateBody, Parameters = [], Tags, Capabilities = [] } = input;
  const before = findStack(region, StackName)?.definition;
  return define(
    {
      text: UsePreviousTemplate && before ? before.template : bodyOf(TemplateBody),
      given: Parameters,
      previous: before?.parameters ?? [],
      tags: Tags ?? before?.tags ?? [],
      capabilities: Capabilities,
    },
    region,
  );
}

function newStack({ StackName: name = '' }: CreateChangeSetInput, region: Region): StoredStack {
  return {
    id: region.arn('cloudformation', `stack/${name}/${randomUUID()}`),
    name,
    status: 'REVIEW_IN_PROGRESS',
    createdAt: region.clock.now(),
    definition: { template: '', parameters: [], tags: [], capabilities: [] },
    onFailure: 'ROLLBACK',
    retained: [],
    resources: {},
    replaced: [],
    outputs: [],
    events: [],
  };
}

/**
 * A request for a name that is taken: the same request once more is told the same again, by its token; any other is refused.
 * What AWS says to an equal request without a token is not documented: it is refused here.
 */
function repeated(stack: StoredStack, twin: StoredChangeSet, definition: StackDefinition, token: string | undefined): CreateChangeSetOutput {
  const { template, parameters, tags, capabilities } = twin.definition;
  const mismatches = [
    ['Template', definition.template === template],
    ['Parameters', isDeepStrictEqual(definition.parameters, parameters)],
    ['Tags', isDeepStrictEqual(definition.tags, tags)],
    ['Capabilities', isDeepStrictEqual(definition.capabilities, capabilities)],
    ['ClientToken', token !== undefined && token === twin.token],
  ] as const;
  const mismatch = mismatches.find(([, isEqual]) => !isEqual)?.[0];
  if (mismatch === undefined) return { Id: twin.id, StackId: stack.id };
  throw new AwsError('AlreadyExistsException', `ChangeSet ${twin.name} cannot be created due to a mismatch with existing attribute ${mismatch}`);
}

function summarize(stack: StoredStack, changeSet: StoredChangeSet): ChangeSetSummary {
  return {
    ChangeSetId: changeSet.id,
    ChangeSetName: changeSet.name,
    StackId: stack.id,
    StackName: stack.name,
    Description: changeSet.description,
    CreationTime: changeSet.createdAt,
    Status: changeSet.status,
    StatusReason: changeSet.statusReason,
    ExecutionStatus: changeSet.executionStatus,
    IncludeNestedStacks: false,
  };
}

function wrongStatus(message: string): AwsError {
  return new AwsError('InvalidChangeSetStatusException', message);
}
