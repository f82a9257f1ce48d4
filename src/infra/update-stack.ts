/** Brings a stack that is there to what it is to be: found out first, agreed to, then carried out. */
import { isOvertaken, type StackRequest } from '../aws/cloudformation.ts';
import type { Wait } from '../time.ts';
import { findChanges } from './change-set.ts';
import type { Consent } from './consent.ts';
import { newOperation } from './operation-name.ts';
import type { InfraSession } from './session.ts';
import { inWords } from './stack-changes.ts';

interface Means {
  /** What the update takes away beside what CloudFormation tells of. */
  readonly exchange: string | undefined;
  readonly consent: Consent;
  /** Waits for the operation, and throws when it fails. */
  readonly follow: (operation: string) => Promise<void>;
}

/**
 * @returns `unchanged` where CloudFormation finds nothing to do; `overtaken` where somebody else changed the stack meanwhile.
 * @throws CanaryError what `consent` and `follow` throw; `change-set-failed`. No change set is left.
 */
export async function updateStack(
  request: StackRequest, session: InfraSession, wait: Wait, { exchange, consent, follow }: Means,
): Promise<'updated' | 'unchanged' | 'overtaken'> {
  const operation = newOperation();
  try {
    const { key, changes, discard } = await findChanges({ request, type: 'UPDATE', operation }, session, wait);
    if (!changes) {
      await discard();
      return 'unchanged';
    }
    try {
      await consent([{ stack: request.name, changes: inWords(changes), exchange }]);
      wait.signal.throwIfAborted();
      await session.aws.stacks.executeChangeSet(key, operation);
    } catch (error) {
      await discard().catch(() => undefined);
      throw error;
    }
  } catch (error) {
    if (isOvertaken(error)) return 'overtaken';
    throw error;
  }
  await follow(operation);
  return 'updated';
}
