/** Requests to one registry: signed in, within time, tried again when a failure may pass. */
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { CanaryError, ExitCode } from '../errors.ts';
import { type Clock, systemClock } from '../time.ts';
import { anonymousToken } from './anonymous-token.ts';
import { parseDocument } from './documents.ts';

export interface RegistryAccess {
  /** Where the registry answers, with its scheme. */
  readonly endpoint: string;
  /** Value of the Authorization header. Sent to that endpoint only, and never shown. */
  readonly authorization?: string;
  /** Another value of that header, for when the registry does not take the first any more. */
  readonly signInAgain?: () => Promise<string>;
}

export interface SessionOptions {
  readonly signal?: AbortSignal;
  /** For the pauses before another attempt. */
  readonly clock?: Clock;
  /** ms from a first failure on, after which nothing is tried again; and the longest time in which nothing may go on. */
  readonly timeout?: number;
}

export interface RequestOptions {
  /** Of a stream: what opens it, once for each time that the request is sent. */
  readonly body?: Buffer | (() => Readable);
  /** Of a stream, in bytes. */
  readonly size?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Takes the number of bytes of each piece of a stream. */
  readonly onSent?: (bytes: number) => void;
}

const ATTEMPTS = 6;
/** Before the second attempt, in ms; twice as long before each further one. */
const FIRST_PAUSE = 500;
/** ms. A registry that asks for more patience is asked again sooner. */
const LONGEST_PAUSE = 60_000;
/** ms in which nothing more could be sent, and nothing of an answer came. A request may last much longer: layers are large, and lines are slow. */
const STALLED = 2 * 60_000;

/** ECR answers 403 to a token that has expired, as to who may not push: an answer to HEAD does not say which. */
const REFUSED = new Set([401, 403]);

const AGAIN = 'run the same command again: what has arrived is not sent twice';
const SIGN_IN = 'see that this identity may do that, and that its sign-in has not expired; then run the same command again';

const registryErrors = z.object({ errors: z.array(z.object({ code: z.string(), message: z.string().optional() })) });

/** A failure that may pass: a broken connection, a busy registry. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /** ms that the registry asks to wait; undefined where it does not ask. */
  readonly patience: number | undefined;

  constructor(message: string, { cause, patience }: { cause?: unknown; patience?: number | undefined } = {}) {
    super(message, { cause });
    this.patience = patience;
  }
}

export class RegistrySession {
  readonly #access: RegistryAccess;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  /** The last one counts. */
  readonly #authorizations: string[];

  constructor(access: RegistryAccess, { clock = systemClock, signal, timeout = 15 * 60_000 }: SessionOptions = {}) {
    this.#access = access;
    this.#clock = clock;
    this.#signal = signal;
    this.#timeout = timeout;
    this.#authorizations = access.authorization === undefined ? [] : [access.authorization];
  }

  get endpoint(): string {
    return this.#access.endpoint;
  }

  /**
   * Signs in again, once, where the registry wants that.
   * @param url absolute, or a path at the registry
   * @throws TransientError when there is no answer; the signal's reason when it aborts
   */
  async request(method: string, url: string, options: RequestOptions = {}): Promise<Response> {
    const answer = await this.#send(method, url, options, this.#authorizations.at(-1));
    const renewed = REFUSED.has(answer.status) ? await this.#authorizationFor(answer) : undefined;
    if (renewed === undefined) return answer;
    this.#authorizations.push(renewed);
    await answer.body?.cancel();
    return this.#send(method, url, options, renewed);
  }

  /** The error for an answer that is not what was asked for, in the registry's own words. */
  async refusal(doing: string, answer: Response): Promise<Error> {
    const words = await this.words(answer);
    const message = `${new URL(answer.url).origin} answered ${answer.status} while ${doing}${words === '' ? '' : `: ${words}`}`;
    const patience = patienceOf(answer.headers.get('retry-after')) ?? (answer.status === 429 ? 0 : undefined);
    if (answer.status === 429 || answer.status >= 500) return new TransientError(message, { patience });
    return new CanaryError({ code: 'registry-failed', message, next: REFUSED.has(answer.status) ? SIGN_IN : AGAIN });
  }

  /** What the registry says is wrong, without what it was given to sign in: some repeat that. */
  async words(answer: Response): Promise<string> {
    const secrets = this.#authorizations.flatMap(secretsOf);
    return secrets.reduce((text, secret) => text.replaceAll(secret, '…'), await registryWords(answer));
  }

  /** Does it again, with growing pauses, as long as the failure may pass. A registry that asks for patience has it until the timeout. */
  async retrying<T>(doing: string, action: () => Promise<T>): Promise<T> {
    let deadline: number | undefined;
    let failures = 0;
    let asked = 0;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        if (error.patience === undefined) failures += 1;
        else asked += 1;
        const now = this.#clock.now();
        deadline ??= now + this.#timeout;
        const pause = Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE * 2 ** (failures + asked - 1) * (0.5 + Math.random()), error.patience ?? 0));
        const late = now + pause > deadline;
        if (late || failures === ATTEMPTS) {
          throw new CanaryError({
            code: 'registry-failed',
            message: `Gave up ${doing} ${late ? `within ${this.#timeout / 1000} s (--timeout)` : `after ${ATTEMPTS} attempts`}: ${error.message}`,
            exitCode: late ? ExitCode.timeout : ExitCode.failed,
            next: AGAIN,
            cause: error,
          });
        }
        await this.#clock.sleep(pause, this.#signal);
      }
    }
  }

  async #send(method: string, url: string, { body, size, headers, onSent }: RequestOptions, authorization?: string): Promise<Response> {
    const target = new URL(url, this.endpoint);
    const all = new Headers(headers);
    // An upload may be sent on to storage elsewhere, which is not to learn the registry's password.
    if (authorization !== undefined && target.origin === new URL(this.endpoint).origin) all.set('authorization', authorization);
    if (size !== undefined) all.set('content-length', String(size));
    const stalled = new AbortController();
    const longest = Math.min(STALLED, this.#timeout);
    const watch = () => setTimeout(() => stalled.abort(new Error(`nothing went on for ${longest / 1000} s`)), longest);
    const timer = watch();
    const signal = this.#signal ? AbortSignal.any([this.#signal, stalled.signal]) : stalled.signal;
    const content = typeof body === 'function' ? pieces(body(), (bytes) => {
      timer.refresh();
      onSent?.(bytes);
    }) : body;
    // Otherwise fetch keeps a copy of all that it sends, to be sent again after a redirection.
    const uncopied = typeof body === 'function' ? ({ redirect: 'error', window: null } as const) : {};
    try {
      return watched(await fetch(target, { method, headers: all, body: content, duplex: 'half', signal, ...uncopied }), watch);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw new TransientError(`${target.origin} does not answer: ${reason(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Undefined where there is no other way in. */
  async #authorizationFor(answer: Response): Promise<string | undefined> {
    if (this.#access.signInAgain) return this.#access.signInAgain();
    const challenge = answer.headers.get('www-authenticate') ?? '';
    return /^bearer /i.test(challenge) ? anonymousToken(challenge, (url) => this.#readAsStranger(url)) : undefined;
  }

  /** Without an authorization: one that has expired would be refused there, too. Undefined where anything but success is answered. */
  async #readAsStranger(url: string): Promise<string | undefined> {
    const answer = await this.#send('GET', url, {});
    try {
      const text = await answer.text();
      return answer.ok ? text : undefined;
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw new TransientError(`${new URL(url).origin} broke off: ${reason(error)}`, { cause: error });
    }
  }
}

async function* pieces(stream: Readable, onPiece: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of stream as AsyncIterable<Buffer>) {
    yield piece;
    onPiece(piece.length);
  }
}

/** Runs the timer of `watch` whenever more of the answer's body is waited for: fetch itself waits for 5 minutes, whatever it was told. */
function watched(answer: Response, watch: () => NodeJS.Timeout): Response {
  const reader = answer.body?.getReader();
  if (!reader) return answer;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const timer = watch();
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (why) => reader.cancel(why),
  }, { highWaterMark: 0 });
  const { status, statusText, headers, url } = answer;
  return Object.defineProperty(new Response(body, { status, statusText, headers }), 'url', { value: url });
}

/** Seconds, or a date. In ms; undefined where nothing is asked for. */
function patienceOf(retryAfter: string | null): number | undefined {
  const seconds = Number(retryAfter ?? 0);
  const ms = Number.isNaN(seconds) ? Date.parse(retryAfter ?? '') - Date.now() : seconds * 1000;
  return ms > 0 ? ms : undefined;
}

/** Of a value of the Authorization header: its credentials, and what they are the encoding of. */
function secretsOf(authorization: string): string[] {
  const [scheme = '', credentials = ''] = authorization.split(' ');
  if (scheme.toLowerCase() !== 'basic') return [credentials];
  const plain = Buffer.from(credentials, 'base64').toString();
  return [credentials, plain, plain.slice(plain.indexOf(':') + 1)].filter((secret) => secret !== '');
}

/** `{"errors":[{"code":"…","message":"…"}]}` as `CODE message`; empty for anything else. */
async function registryWords(answer: Response): Promise<string> {
  const errors = parseDocument(registryErrors, await answer.text().catch(() => ''))?.errors ?? [];
  return errors.map(({ code, message = '' }) => `${code} ${message}`.trim()).join('; ');
}

/** Fetch says only "fetch failed"; what happened is its cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || String(Reflect.get(error.cause, 'code')) : error.message;
}
