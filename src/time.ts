/** Time as the program uses it: every wait takes its clock, its deadline and its signal from outside. */
import { setTimeout as delay } from 'node:timers/promises';
import { CanaryError, ExitCode } from './errors.ts';

export interface Clock {
  /** Milliseconds; only differences mean something. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

export interface Wait {
  clock: Clock;
  signal: AbortSignal;
  /** On the clock's scale, in ms. */
  deadline: number;
  /** Mean time between two looks, in ms. */
  pollInterval: number;
}

/**
 * Looks again and again until `look` returns something other than undefined. Polls are spread by up to a fifth around the
 * interval, because all runs of an account share AWS's request quotas.
 *
 * @param what completes "Timed out waiting for …".
 * @throws CanaryError `timeout` (exit 124) at the deadline; whatever `look` throws; the signal's reason when it aborts.
 */
export async function poll<T>(what: string, wait: Wait, look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    wait.signal.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    const left = wait.deadline - wait.clock.now();
    if (left <= 0) {
      throw new CanaryError({ code: 'timeout', message: `Timed out waiting for ${what}.`, exitCode: ExitCode.timeout });
    }
    await wait.clock.sleep(Math.min(left, wait.pollInterval * (0.8 + 0.4 * Math.random())), wait.signal);
  }
}
