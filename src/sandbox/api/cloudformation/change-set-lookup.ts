/** Finding change sets by what calls name them by. */
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StoredChangeSet, StoredStack } from '../../world/cloudformation-state.ts';
import { getStack } from './lookup.ts';
import { invalid } from './section.ts';

export interface Named {
  readonly ChangeSetName?: string | undefined;
  readonly StackName?: string | undefined;
}

export interface Found {
  readonly stack: StoredStack;
  readonly changeSet: StoredChangeSet;
}

/** Oldest first. */
export function changeSetsOf(stack: StoredStack): StoredChangeSet[] {
  stack.changeSets ??= [];
  return stack.changeSets;
}

/** Whether a change set goes by its name still: one that was executed is found by its ARN alone, and its name is free. */
export function isListed({ executionStatus }: StoredChangeSet): boolean {
  return !executionStatus.startsWith('EXECUTE_');
}

/** @throws AwsError ValidationError for a stack that is not there, and for a bare name without its stack. */
export function findChangeSet(region: Region, { ChangeSetName: name = '', StackName }: Named): Found | undefined {
  if (name.startsWith('arn:')) {
    const stacks = Object.values(region.state.cloudformation.stacks);
    const found = stacks.flatMap((stack) => changeSetsOf(stack).map((changeSet) => ({ stack, changeSet })));
    return found.find(({ changeSet }) => changeSet.id === name);
  }
  if (StackName === undefined) throw invalid('StackName must be specified if ChangeSetName is not specified as an ARN.');
  const stack = getStack(region, StackName, `Stack [${StackName}] does not exist`);
  const changeSet = changeSetsOf(stack).find((each) => each.name === name && isListed(each));
  return changeSet && { stack, changeSet };
}

/** @throws AwsError ChangeSetNotFound, and as `findChangeSet` does. */
export function getChangeSet(region: Region, named: Named): Found {
  const found = findChangeSet(region, named);
  if (found) return found;
  throw new AwsError('ChangeSetNotFoundException', `ChangeSet [${named.ChangeSetName}] does not exist`);
}

/** The stack becomes another one than its change sets compare with: what could be executed can't be any more. */
export function makeObsolete(stack: StoredStack): void {
  for (const changeSet of changeSetsOf(stack)) {
    if (isListed(changeSet)) changeSet.executionStatus = 'OBSOLETE';
  }
}
