/** Writes that AWS throttles: tried again for as long as the run may wait, but never without a look at whose turn it is. */
import { briefly, isThrottled } from '../aws/throttling.ts';
import type { Wait } from '../time.ts';
import type { LogWriter } from './log.ts';

/** ms. A write must not come much later than the look before it: another run may have the pair by then. */
export const WRITE = 2_000;

export interface Turn {
  readonly log: Pick<LogWriter, 'ensureNewest'>;
  readonly wait: Wait;
}

/**
 * @param write makes at most one call that writes, after whatever has to be read right before it.
 * @throws CanaryError `locked` when another run has the pair; `throttled` at the deadline; the signal's reason when it aborts
 *   between two tries; whatever `write` throws.
 */
export async function writeInTurn<T>({ log, wait }: Turn, write: () => Promise<T>): Promise<T> {
  for (;;) {
    await log.ensureNewest();
    try {
      return await briefly(WRITE, write);
    } catch (error) {
      if (!isThrottled(error) || wait.clock.now() >= wait.deadline) throw error;
    }
    await wait.clock.sleep(wait.pollInterval, wait.signal);
  }
}
