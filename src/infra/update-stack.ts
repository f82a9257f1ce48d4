/** Brings a stack that is there to what it is to be: found out first, agreed to, then carried out. */
import { isOvertaken, type StackRequest } from '../aws/cloudformation.ts';
import type { Wait } from '../time.ts';
import { findChanges } from './change-set.ts';
import { newOperation } from './operation-name.ts';
import type { InfraSession } from './session.ts';
import { inWords, needsConsent, type StackChange } from './stack-changes.ts';

/**
 * Resolves when somebody wants these changes, which replace or remove something.
 * @throws CanaryError when nobody does: nothing of it is done.
 */
export type Consent = (stack: string, changes: readonly StackChange[]) => Promise<void>;

/**
 * @param follow waits for the operation, and throws when it fails.
 * @returns `unchanged` where CloudFormation finds nothing to do; `overtaken` where somebody else changed the stack meanwhile.
 * @throws CanaryError what `consent` and `follow` throw; `change-set-failed`. No change set is left.
 */
export async function updateStack(
  request: StackRequest, session: InfraSession, wait: Wait, { consent, follow }: { consent: Consent; follow: (operation: string) => Promise<void> },
): Promise<'updated' | 'unchanged' | 'overtaken'> {
  const operation = newOperation();
  try {
    const { id, changes, discard } = await findChanges({ request, type: 'UPDATE', operation }, session, wait);
    if (!changes) {
      await discard();
      return 'unchanged';
    }
    try {
      const worded = inWords(changes);
      if (worded.some(needsConsent)) await consent(request.name, worded);
      wait.signal.throwIfAborted();
      await session.aws.stacks.executeChangeSet(id, operation);
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
