/** Has CloudFormation find out what would change, and clears away what is not carried out. */
import { type ChangeSet, type ChangeSetKey, isOvertaken, type ResourceChange, type StackRequest } from '../aws/cloudformation.ts';
import { CanaryError } from '../errors.ts';
import { poll, type Wait } from '../time.ts';
import { newLook, newOperation } from './operation-name.ts';
import { type InfraSession, UNTOUCHED } from './session.ts';
import { inWords, type StackChange } from './stack-changes.ts';
import { awaitStack } from './stack-operation.ts';

export interface Asked {
  readonly request: StackRequest;
  /** For a stack that is not there, or one that is. */
  readonly type: 'CREATE' | 'UPDATE';
  /** The change set's name. */
  readonly operation: string;
}

export interface Found {
  readonly key: ChangeSetKey;
  /** What the resources are in for; undefined where nothing at all is to be done. Outputs alone are no resources. */
  readonly changes: readonly ResourceChange[] | undefined;
  /** Deletes the change set, with the stack that only stands for it. */
  readonly discard: () => Promise<void>;
}

/**
 * Makes a change set and waits for it.
 * @throws CanaryError `change-set-failed` with CloudFormation's reason; `timeout`; what `isOvertaken` knows. None is left then.
 */
export async function findChanges({ request, type, operation }: Asked, session: Pick<InfraSession, 'aws'>, wait: Wait): Promise<Found> {
  const { stacks } = session.aws;
  const key = await stacks.createChangeSet(request, type, operation);
  const discard = () => (type === 'CREATE' ? discardFirst(key, session, wait) : discardChangeSet(key, session, wait));
  try {
    const { status, reason = '', changes } = await untilDecided(key, request.name, session, wait);
    if (status === 'CREATE_COMPLETE') return { key, changes, discard };
    if (NOTHING.test(reason)) return { key, changes: undefined, discard };
    throw new CanaryError({
      code: 'change-set-failed',
      message: `CloudFormation can not tell what would change in stack ${request.name}: ${reason || `its change set is ${status}`}`,
      usersAre: UNTOUCHED,
      next: 'ecs-canary build-infra',
    });
  } catch (error) {
    await discard().catch(() => undefined);
    throw error;
  }
}

/** What would change, by a change set that is only looked at; undefined where nothing is to be done. Throws as `findChanges`. */
export async function lookAt({ request, type }: Omit<Asked, 'operation'>, session: Pick<InfraSession, 'aws'>, wait: Wait): Promise<StackChange[] | undefined> {
  const { changes, discard } = await findChanges({ request, type, operation: newLook() }, session, wait);
  await discard();
  return changes && inWords(changes);
}

/** Deletes a change set of which nothing is known but that it is not wanted. */
export async function discardChangeSet(key: ChangeSetKey, { aws }: Pick<InfraSession, 'aws'>, wait: Wait): Promise<void> {
  await poll('a change set to be deleted', aftermath(wait), async () => {
    try {
      await aws.stacks.deleteChangeSet(key);
      return true;
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      // One that is still being made can't be deleted, and one that is executed is gone by itself.
      const found = await aws.stacks.changeSet(key).catch(unlessGone);
      return found && isUndecided(found) ? undefined : true;
    }
  });
}

/** Deletes a stack that only stands for its change sets. */
export async function discardReviewed(stackId: string, { aws }: Pick<InfraSession, 'aws'>, wait: Wait): Promise<void> {
  await aws.stacks.delete(stackId, newOperation());
  await awaitStack(stackId, { aws, progress: () => undefined }, aftermath(wait));
}

/** @throws what `isOvertaken` knows where it is gone. */
function untilDecided(key: ChangeSetKey, stack: string, { aws }: Pick<InfraSession, 'aws'>, wait: Wait): Promise<ChangeSet> {
  const seenBy = wait.clock.now() + LONGEST;
  let isSeen = false;
  return poll(`the change set of stack ${stack}`, wait, async () => {
    // What was just made may not be read back yet.
    const mayBeMissing = !isSeen && wait.clock.now() < seenBy;
    const found = await (mayBeMissing ? aws.stacks.changeSet(key).catch(unlessGone) : aws.stacks.changeSet(key));
    isSeen ||= found !== undefined;
    return found && !isUndecided(found) ? found : undefined;
  });
}

function unlessGone(error: unknown): undefined {
  if (!isOvertaken(error)) throw error;
  return undefined;
}

/** A stack that became more than a change set meanwhile, or holds somebody else's, stays. */
async function discardFirst(key: ChangeSetKey, session: Pick<InfraSession, 'aws'>, wait: Wait): Promise<void> {
  const { stacks } = session.aws;
  const others = (await stacks.changeSets(key.stack)).filter(({ id }) => id !== key.id);
  const stack = await stacks.describe(key.stack);
  if (others.length > 0 || stack?.status !== 'REVIEW_IN_PROGRESS') return discardChangeSet(key, session, wait);
  await discardReviewed(key.stack, session, wait);
}

function isUndecided({ status }: ChangeSet): boolean {
  return status.endsWith('_PENDING') || status.endsWith('_IN_PROGRESS');
}

/** There is no other sign of it than these two sentences. */
const NOTHING = /didn't contain changes|No updates are to be performed/;

/** ms. CloudFormation needs some seconds for a change set, and for reading it back. */
const LONGEST = 30_000;

/** Clearing away goes on after Ctrl-C, and after a wait that took all its time. */
function aftermath({ clock, pollInterval }: Wait): Wait {
  return { clock, pollInterval, deadline: clock.now() + LONGEST, signal: new AbortController().signal };
}
