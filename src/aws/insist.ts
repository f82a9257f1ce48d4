/** Trying again where AWS did not answer as hoped: for the way back, which must not end because one call did. */
import { CanaryError } from '../errors.ts';
import type { Wait } from '../time.ts';
import { unexpected } from './connect.ts';

/** The SDK repeats by itself what is worth it; this is for what it takes for final, such as a denial that was a moment's. */
const TRIES = 3;

/** @throws what the last try threw, or at once what says nothing about AWS. */
export async function insistently<T>({ clock, signal, pollInterval }: Wait, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === TRIES || !isTrouble(error) || isThrottled(error)) throw error;
      await clock.sleep(pollInterval, signal);
    }
  }
}

/** Whether AWS did not answer as it does when all is well: not reached, denied, throttled, or something that nobody expected. */
export function isTrouble(thrown: unknown): boolean {
  const error = unexpected(thrown);
  return error instanceof CanaryError && ['aws-error', 'access-denied', 'no-network', 'bad-answer', 'throttled'].includes(error.code);
}

/** Such a call was repeated for as long as makes sense. */
function isThrottled(error: unknown): boolean {
  return error instanceof CanaryError && error.code === 'throttled';
}
