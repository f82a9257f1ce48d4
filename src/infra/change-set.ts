/** Has CloudFormation find out what would change, and clears away what is not carried out. */
import { type ChangeSet, isOvertaken, type ResourceChange, type StackRequest } from '../aws/cloudformation.ts';
import { isAws } from '../aws/connect.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { poll, type Wait } from '../time.ts';
import { newLook, newOperation } from './operation-name.ts';
import type { InfraSession } from './session.ts';
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
  readonly id: string;
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
  const made = await stacks.createChangeSet(request, type, operation);
  const discard = () => (type === 'CREATE' ? discardFirst(made, session, wait) : discardChangeSet(made.id, session, wait));
  try {
    const { status, reason = '', changes } = await poll(`the change set of stack ${request.name}`, wait, async () => {
      const found = await stacks.changeSet(made.id);
      return found && !UNDECIDED.has(found.status) ? found : undefined;
    });
    if (status === 'CREATE_COMPLETE') return { id: made.id, changes, discard };
    if (NOTHING.test(reason)) return { id: made.id, changes: undefined, discard };
    throw new CanaryError({
      code: 'change-set-failed',
      message: `CloudFormation can not tell what would change in stack ${request.name}: ${reason || `its change set is ${status}`}`,
      usersAre: UNCHANGED,
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
export async function discardChangeSet(id: string, { aws }: Pick<InfraSession, 'aws'>, wait: Wait): Promise<void> {
  await poll('a change set to be deleted', untilDecided(wait), async () => {
    try {
      await aws.stacks.deleteChangeSet(id);
      return true;
    } catch (error) {
      if (isAws(error, 'ChangeSetNotFoundException')) return true;
      if (!isOvertaken(error)) throw error;
      // One that is still being made can't be deleted, and one that is executed is gone by itself.
      const found = await aws.stacks.changeSet(id);
      return found && UNDECIDED.has(found.status) ? undefined : true;
    }
  });
}

/** A stack that became more than a change set meanwhile, or holds somebody else's, stays. */
async function discardFirst({ id, stackId }: Pick<ChangeSet, 'id' | 'stackId'>, session: Pick<InfraSession, 'aws'>, wait: Wait): Promise<void> {
  const { stacks } = session.aws;
  const others = (await stacks.changeSets(stackId)).filter((changeSet) => changeSet.id !== id);
  const stack = await stacks.describe(stackId);
  if (others.length > 0 || stack?.status !== 'REVIEW_IN_PROGRESS') return discardChangeSet(id, session, wait);
  await stacks.delete(stackId, newOperation());
  await awaitStack(stackId, { aws: session.aws, progress: () => undefined }, untilDecided(wait));
}

const UNDECIDED: ReadonlySet<string> = new Set(['CREATE_PENDING', 'CREATE_IN_PROGRESS']);
/** There is no other sign of it than these two sentences. */
const NOTHING = /didn't contain changes|No updates are to be performed/;

/** ms. CloudFormation needs some seconds for a change set. */
const LONGEST = 30_000;

/** Clearing away goes on after Ctrl-C, and after a wait that took all its time. */
function untilDecided({ clock, pollInterval }: Wait): Wait {
  return { clock, pollInterval, deadline: clock.now() + LONGEST, signal: new AbortController().signal };
}
