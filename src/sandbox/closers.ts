/** Ends what was started, in reverse order. */

export type Closer = () => void | Promise<void>;

/**
 * Empties `closers`, the last one first. Each gets its turn even when others fail.
 * @throws AggregateError of what failed.
 */
export async function closeAll(closers: Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.splice(0).toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, `Not everything could be stopped: ${failures.map(String).join('; ')}`);
  }
}
