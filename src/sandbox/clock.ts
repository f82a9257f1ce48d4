/** AWS's time in the sandbox: wall-clock timestamps, and durations that pass `speed` times faster. */

export interface Clock {
  /** Wall-clock time, for timestamps in answers. */
  now(): Date;
  /** Monotonic AWS time in ms: it runs `speed` times faster than the wall clock. Compare ages of things with it. */
  awsNow(): number;
  /** Runs `action` once `awsMs` of AWS time have passed. Returns a function that cancels it. The timer keeps no process alive. */
  after(awsMs: number, action: () => void): () => void;
  /** Real milliseconds for a duration of `awsMs`. */
  real(awsMs: number): number;
}

/** A clock whose AWS durations are divided by `speed` (> 0). */
export function realClock(speed: number): Clock {
  return {
    now: () => new Date(),
    awsNow: () => performance.now() * speed,
    after(awsMs, action) {
      const timer = setTimeout(action, awsMs / speed);
      timer.unref();
      return () => clearTimeout(timer);
    },
    real: (awsMs) => awsMs / speed,
  };
}
