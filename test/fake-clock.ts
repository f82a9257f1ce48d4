/** A clock on which waiting takes no time. */
import type { Clock } from '../src/time.ts';

/** @param meanwhile what happens in the world during each sleep. */
export function fakeClock(meanwhile: (now: number) => void | Promise<void> = () => undefined): Clock {
  let now = 0;
  return {
    now: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      now += ms;
      await meanwhile(now);
      signal?.throwIfAborted();
    },
  };
}
