/** Finds out over AWS time what a change set would change. */
import type { Region } from '../../parts.ts';
import type { StoredChangeSet, StoredStack } from '../../world/cloudformation-state.ts';
import { drawBlueprint } from './blueprint.ts';
import { checkTypes, type Drawn, findChanges, isSame } from './changes.ts';
import { messageOf } from './site.ts';

/** AWS ms until it begins, and until it has an answer. */
const PENDING_FOR = 1_000;
const LOOKS_FOR = 3_000;

/** Takes up what was interrupted, too. Resolves when the change set is complete, or has failed. */
export async function reviewChanges(
  region: Region, stack: StoredStack, changeSet: StoredChangeSet, pass: (awsMs: number) => Promise<void>,
): Promise<void> {
  if (changeSet.status === 'CREATE_PENDING') {
    await pass(PENDING_FOR);
    changeSet.status = 'CREATE_IN_PROGRESS';
    region.changed();
  }
  if (changeSet.status !== 'CREATE_IN_PROGRESS') return;
  await pass(LOOKS_FOR);
  try {
    complete(region, stack, changeSet);
  } catch (error) {
    fail(changeSet, messageOf(error));
  }
  region.changed();
}

function complete(region: Region, stack: StoredStack, changeSet: StoredChangeSet): void {
  const draw = (definition: StoredStack['definition']): Drawn => ({ definition, blueprint: drawBlueprint(definition, stack, region) });
  const after = draw(changeSet.definition);
  const before = changeSet.type === 'CREATE' ? undefined : draw(stack.definition);
  if (before && isSame(before, after)) return fail(changeSet, noChanges(before, after));
  if (before) checkTypes(before, after);
  changeSet.changes = findChanges(before, after, stack.resources);
  changeSet.status = 'CREATE_COMPLETE';
  // Meanwhile an update may have begun.
  if (changeSet.executionStatus === 'UNAVAILABLE') changeSet.executionStatus = 'AVAILABLE';
}

/** AWS has two sentences: one for the same template and parameters once more, one for others that come to the same. */
function noChanges({ definition: before }: Drawn, { definition: after }: Drawn): string {
  const isRepeated = before.template === after.template;
  return isRepeated
    ? "The submitted information didn't contain changes. Submit different information to create a change set."
    : 'No updates are to be performed.';
}

function fail(changeSet: StoredChangeSet, reason: string): void {
  Object.assign(changeSet, { status: 'FAILED', statusReason: reason, executionStatus: 'UNAVAILABLE' });
}
