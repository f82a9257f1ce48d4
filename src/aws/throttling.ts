/** Waiting where AWS throttles: a call is repeated for as long as the command may wait, and it is told once that it waits. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { RetryErrorInfo, RetryStrategyV2 } from '@smithy/types';
import { CanaryError, ExitCode } from '../errors.ts';
import { type Clock, systemClock } from '../time.ts';

/** How long calls wait for AWS, and who is told. */
export interface Patience {
  /** ms that a call is repeated for while AWS throttles it. */
  readonly timeout: number;
  /** Ends such a wait at once. What is called afterwards belongs to the way back, and is repeated for some seconds all the same. */
  readonly signal: AbortSignal;
  /** Whether to repeat sooner than others: for the way back. */
  readonly urgent: boolean;
  /** Told before each pause, with the call as IAM names it and the ms since it began. */
  readonly onPause: (action: string, waited: number) => void;
}

/** A call, with its repetitions. */
interface Call {
  readonly action: string;
  readonly began: number;
  /** Whether it began after the signal. */
  late: boolean;
  throttled: number;
  /** What to throw instead of what the SDK throws when it repeats the call no more. */
  ended?: unknown;
}

/** ms, doubled with each try up to the longest: of a wait that is not capped nobody can tell that it is one. */
interface Pauses {
  readonly first: number;
  readonly longest: number;
}
const PAUSES: Pauses = { first: 500, longest: 5_000 };
/** Users' traffic waits for these, and AWS takes a few more of them each second, which others may be quicker to use. */
const URGENT_PAUSES: Pauses = { first: 100, longest: 500 };
const URGENT_ACTIONS = ['elasticloadbalancing:ModifyRule', 'elasticloadbalancing:ModifyListener'];

/** ms that a late call is repeated for. */
const LATE = 15_000;
/** ms after which somebody may think that the program hangs. */
const NOTICEABLE = 2_000;
/** ms without throttling that end a spell. */
const SPELL = 60_000;

/** What the SDK takes for throttling, and is a quota that waiting does not change. */
const QUOTAS = ['LimitExceededException'];

const calls = new AsyncLocalStorage<Call>();

/** ms that calls are repeated for at most, and that nothing ends before, where the caller would rather look again. */
const limits = new AsyncLocalStorage<number>();

/**
 * Does work whose calls are not repeated for longer than so many ms while AWS throttles them; no signal ends them before.
 * For a write that must not come late, and for the way back, which a signal may have begun.
 */
export function briefly<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return limits.run(ms, work);
}

/** Whether AWS did nothing, because it throttled a call for too long. */
export function isThrottled(error: unknown): boolean {
  return error instanceof CanaryError && error.code === 'throttled';
}

/**
 * Makes one call, which the strategy below may repeat.
 * @param action the call as IAM names it.
 * @throws what `work` throws; `throttled` (exit 124) when AWS throttled the call for too long; the signal's reason when that
 *   ended the wait.
 */
export async function inCall<T>(action: string, work: () => Promise<T>): Promise<T> {
  const call: Call = { action, began: systemClock.now(), late: false, throttled: 0 };
  try {
    return await calls.run(call, work);
  } catch (error) {
    throw call.ended ?? error;
  }
}

/**
 * A strategy for SDK clients whose calls go through `inCall`.
 * @param bounded repeats what fails for other reasons. A throttled try is none of its attempts.
 */
export function patientRetries(bounded: RetryStrategyV2, patience: Patience): RetryStrategyV2 {
  return {
    acquireInitialRetryToken(scope) {
      const call = calls.getStore();
      if (call) call.late = patience.signal.aborted;
      return bounded.acquireInitialRetryToken(scope);
    },
    async refreshRetryTokenForRetry(token, failure) {
      const call = calls.getStore();
      if (!call || failure.errorType !== 'THROTTLING') return bounded.refreshRetryTokenForRetry(token, failure);
      if (isQuota(failure)) throw failure.error;
      await pause(call, patience);
      return token;
    },
    recordSuccess: (token) => bounded.recordSuccess(token),
  };
}

/**
 * Tells of throttling that somebody may take for a program that hangs, and once only for all that comes in one spell.
 * @param tell gets a call that waits, as IAM names it.
 */
export function oncePerSpell(tell: (action: string) => void, clock: Clock = systemClock): Patience['onPause'] {
  let last = -Infinity;
  let told = false;
  return (action, waited) => {
    const now = clock.now();
    if (now - last > SPELL) told = false;
    last = now;
    if (told || waited < NOTICEABLE) return;
    told = true;
    tell(action);
  };
}

function isQuota({ error }: RetryErrorInfo): boolean {
  return error !== undefined && QUOTAS.includes(error.name);
}

async function pause(call: Call, { timeout, signal, urgent, onPause }: Patience): Promise<void> {
  const waited = systemClock.now() - call.began;
  const limit = limits.getStore();
  const left = Math.min(timeout, limit ?? (call.late ? LATE : Infinity)) - waited;
  if (left <= 0) {
    call.ended = tooLong(call.action, waited);
    throw call.ended;
  }
  onPause(call.action, waited);
  const { first, longest } = urgent || URGENT_ACTIONS.includes(call.action) ? URGENT_PAUSES : PAUSES;
  // All runs of an account share its buckets: those that were throttled together must not come back together.
  const ms = Math.min(left, Math.random() * Math.min(first * 2 ** call.throttled, longest));
  call.throttled += 1;
  try {
    await systemClock.sleep(ms, call.late || limit !== undefined ? undefined : signal);
  } catch (reason) {
    call.ended = reason;
    throw reason;
  }
}

function tooLong(action: string, waited: number): CanaryError {
  return new CanaryError({
    code: 'throttled',
    message: `AWS throttled ${action} for ${Math.round(waited / 1_000)}s: too many calls are made in this account and region.`,
    exitCode: ExitCode.timeout,
  });
}
