/** Consent to updates that take something away. */
import { needsConsent, type StackChange } from './stack-changes.ts';

export interface StackUpdate {
  readonly stack: string;
  readonly changes: readonly StackChange[];
  /** What is taken away without a resource that goes, in a sentence; undefined for nothing. */
  readonly exchange?: string | undefined;
}

/**
 * Resolves when somebody wants these updates, each of which replaces, removes or exchanges something.
 * @throws CanaryError when nobody does: nothing of it is done.
 */
export type Consent = (updates: readonly StackUpdate[]) => Promise<void>;

/** Asks only where something is taken away, and about each thing once. */
export function askingOnce(ask: Consent): Consent {
  const agreed = new Set<string>();
  return async (updates) => {
    const asked = updates.filter((update) => lossesOf(update).some((loss) => !agreed.has(loss)));
    if (asked.length === 0) return;
    await ask(asked);
    for (const loss of asked.flatMap(lossesOf)) agreed.add(loss);
  };
}

function lossesOf({ stack, changes, exchange }: StackUpdate): string[] {
  return [...changes.filter(needsConsent).map(({ change, resource }) => `${stack} ${resource} ${change}`), ...(exchange === undefined ? [] : [exchange])];
}
