/** What a change set would do to a stack's resources, in the words that are shown. Pure: no call, no clock. */
import type { ResourceChange } from '../aws/cloudformation.ts';

/** `replaced?`: only the update itself will tell. */
export type ChangeWord = 'added' | 'imported' | 'changed' | 'replaced' | 'replaced?' | 'removed';

export interface StackChange {
  readonly change: ChangeWord;
  /** Logical id. */
  readonly resource: string;
  /** Such as `AWS::ECS::Cluster`. */
  readonly type: string;
}

/** What comes into being first, what goes last; of one kind as CloudFormation lists them. */
export function inWords(changes: readonly ResourceChange[]): StackChange[] {
  const worded = changes.map((change): StackChange => ({ change: wordOf(change), resource: change.resource, type: change.kind }));
  return worded.toSorted((one, other) => ORDER.indexOf(one.change) - ORDER.indexOf(other.change));
}

/** Whether something that is there goes away, or may: traffic can depend on it. */
export function needsConsent({ change }: StackChange): boolean {
  return change === 'replaced' || change === 'replaced?' || change === 'removed';
}

const ORDER: readonly ChangeWord[] = ['added', 'imported', 'changed', 'replaced', 'replaced?', 'removed'];

function wordOf({ action, replacement }: ResourceChange): ChangeWord {
  if (action === 'Add') return 'added';
  if (action === 'Import') return 'imported';
  if (action === 'Remove') return 'removed';
  if (replacement === 'True') return 'replaced';
  // An action that nobody knows is taken for one that may.
  return replacement === 'False' ? 'changed' : 'replaced?';
}
