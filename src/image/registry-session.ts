/** Requests to one registry: signed in, within time, tried again when a failure may pass. */
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { CanaryError } from '../errors.ts';
import type { Clock } from '../time.ts';

export interface RegistryAccess {
  /** Where the registry answers, with its scheme. */
  readonly endpoint: string;
  /** Value of the Authorization header. Sent to that endpoint only, and never shown. */
  readonly authorization: string;
}

export interface RequestOptions {
  readonly body?: Buffer | Readable;
  /** Of a stream, in bytes. */
  readonly size?: number;
  /** Media type of the body. */
  readonly type?: string;
  readonly accept?: string;
}

const ATTEMPTS = 4;
/** Before the second attempt, in ms; twice as long before each further one. */
const FIRST_PAUSE = 250;
/** For one request, in ms. A layer can be large and a line slow. */
const REQUEST_TIMEOUT = 10 * 60 * 1000;

const registryErrors = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue('not JSON');
    return z.NEVER;
  }
}).pipe(z.object({ errors: z.array(z.object({ code: z.string(), message: z.string().optional() })) }));

/** A failure that may pass: a broken connection, a busy registry. */
class TransientError extends Error {
  override readonly name = 'TransientError';
}

export class RegistrySession {
  readonly #access: RegistryAccess;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;

  constructor(access: RegistryAccess, clock: Clock, signal?: AbortSignal) {
    this.#access = access;
    this.#clock = clock;
    this.#signal = signal;
  }

  /**
   * @param url absolute, or a path at the registry
   * @throws TransientError when there is no answer; the signal's reason when it aborts
   */
  async request(method: string, url: string, { body, size, type, accept }: RequestOptions = {}): Promise<Response> {
    const target = new URL(url, this.#access.endpoint);
    const headers = new Headers();
    // An upload may be sent on to storage elsewhere, which is not to learn the registry's password.
    if (target.origin === new URL(this.#access.endpoint).origin) headers.set('authorization', this.#access.authorization);
    if (type !== undefined) headers.set('content-type', type);
    if (size !== undefined) headers.set('content-length', String(size));
    if (accept !== undefined) headers.set('accept', accept);
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT);
    try {
      return await fetch(target, { method, headers, body, duplex: 'half', signal: this.#signal ? AbortSignal.any([this.#signal, timeout]) : timeout });
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw new TransientError(`${target.origin} does not answer: ${reason(error)}`, { cause: error });
    }
  }

  /** The error for an answer that is not what was asked for, in the registry's own words. */
  async refusal(doing: string, answer: Response): Promise<Error> {
    const words = registryWords(await answer.text().catch(() => ''));
    const message = `${new URL(answer.url).origin} answered ${answer.status} while ${doing}${words === '' ? '' : `: ${words}`}`;
    return answer.status === 429 || answer.status >= 500 ? new TransientError(message) : pushFailed(message);
  }

  /** Does it again, with growing pauses, as long as the failure may pass. */
  async retrying<T>(doing: string, action: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        if (attempt === ATTEMPTS) throw pushFailed(`Gave up ${doing} after ${ATTEMPTS} attempts: ${error.message}`, error);
        await this.#clock.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + Math.random()), this.#signal);
      }
    }
  }
}

function pushFailed(message: string, cause?: unknown): CanaryError {
  return new CanaryError({ code: 'push-failed', message, cause });
}

/** `{"errors":[{"code":"…","message":"…"}]}` as `CODE message`; empty for anything else. */
function registryWords(body: string): string {
  const { data } = registryErrors.safeParse(body);
  return (data?.errors ?? []).map(({ code, message = '' }) => `${code} ${message}`.trim()).join('; ');
}

/** Fetch says only "fetch failed"; what happened is its cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || String(Reflect.get(error.cause, 'code')) : error.message;
}
