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
  /** Mean time between the first looks, in ms. */
  pollInterval: number;
}

/** Share of the time that a wait has taken so far: what was not there after a minute need not be seen within two seconds. */
const PATIENCE = 1 / 15;
/** ms. Looks are also signs of life to other runs, which count on one every 15 seconds. */
const LONGEST_PAUSE = 10_000;

/**
 * ms until the next look of a wait: the poll interval at first, more the longer it lasts, and spread by up to a fifth, because
 * all runs of an account share AWS's request quotas.
 * @param waited ms since the wait began.
 * @param longest ms, for a wait that something may go wrong in.
 */
export function pauseAfter(waited: number, pollInterval: number, longest = LONGEST_PAUSE): number {
  return Math.max(pollInterval, Math.min(waited * PATIENCE, longest)) * (0.8 + 0.4 * Math.random());
}

/**
 * Looks again and again until `look` returns something other than undefined, with the pauses of `pauseAfter`.
 *
 * @param what completes "Timed out waiting for …".
 * @throws CanaryError `timeout` (exit 124) at the deadline; whatever `look` throws; the signal's reason when it aborts.
 */
export async function poll<T>(what: string, wait: Wait, look: () => Promise<T | undefined>): Promise<T> {
  const began = wait.clock.now();
  for (;;) {
    wait.signal.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    const left = wait.deadline - wait.clock.now();
    if (left <= 0) {
      throw new CanaryError({ code: 'timeout', message: `Timed out waiting for ${what}.`, exitCode: ExitCode.timeout });
    }
    await wait.clock.sleep(Math.min(left, pauseAfter(wait.clock.now() - began, wait.pollInterval)), wait.signal);
  }
}
