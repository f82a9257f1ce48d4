/** Making SDK clients, once and on first use, and turning what AWS answers into errors that say what to do. */
import type { MiddlewareStack } from '@smithy/types';
import { CanaryError, ExitCode } from '../errors.ts';
import type { Connection } from '../settings/connection.ts';
import { type Patience, inCall, patientRetries } from './throttling.ts';

/** Whom clients call, and how long they wait for it. */
export interface Caller extends Connection {
  readonly patience: Patience;
}

/** ms that a hurried call may take, and be repeated for where AWS throttles it. */
const HURRIED = 3_000;

/**
 * What every client is made with. Credentials come from the SDK's own chain. What AWS throttles is repeated for as long as
 * the caller's patience lasts, what fails otherwise and may pass a few times. The SDK's adaptive mode is not used: it also
 * holds calls back before they are sent, the weights of a rollback like any other.
 * @param hurried gives up after two attempts of at most 3 seconds: for what is not worth waiting for.
 */
export async function clientOptions({ region, endpointUrl, patience }: Caller, { hurried = false }: { hurried?: boolean } = {}) {
  const { StandardRetryStrategy } = await import('./sdk/retries.ts');
  const maxAttempts = hurried ? 2 : 5;
  const timeout = hurried ? Math.min(patience.timeout, HURRIED) : patience.timeout;
  return {
    region,
    endpoint: endpointUrl,
    maxAttempts,
    retryStrategy: patientRetries(new StandardRetryStrategy({ maxAttempts }), { ...patience, timeout }),
    requestHandler: {
      connectionTimeout: hurried ? 2_000 : 5_000,
      requestTimeout: hurried ? HURRIED : 10_000,
      throwOnRequestTimeout: true,
    },
  };
}

/**
 * The client, with its errors explained: what every call can meet (no network, no credentials, no permission) becomes a
 * CanaryError that names the call as IAM does; errors that only the caller can judge stay the SDK's own (see `isAws`).
 * @param service IAM's prefix of the service, such as `ecs`.
 */
export function explaining<Input extends object, Output extends object, Client>(
  service: string,
  client: Client & { middlewareStack: MiddlewareStack<Input, Output> },
): Client {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const action = `${service}:${(context.commandName ?? '').replace(/Command$/, '')}`;
      try {
        const result = await inCall(action, () => next(args));
        (await import('./answer.ts')).requireShape(action, context, result.output);
        return result;
      } catch (error) {
        if (isUnreadable(error)) throw (await import('./answer.ts')).unreadable(action, error);
        throw explain(action, error);
      }
    },
    { step: 'initialize', name: 'explain' },
  );
  return client;
}

/** `make` runs on the first call and never again. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** All items of a listing that comes in pages: `page` gets the token of the page and returns its items and the next token. */
export async function allPages<T>(
  page: (token: string | undefined) => Promise<readonly [T[], string | undefined]>,
): Promise<T[]> {
  const all: T[] = [];
  let token: string | undefined;
  do {
    const [items, next] = await page(token);
    all.push(...items);
    token = next;
  } while (token);
  return all;
}

/** Whether AWS answered with one of these error codes. */
export function isAws(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes(error.name);
}

/** An AWS error that nobody expected, as one of ours. Errors of ours, and defects, are returned as they are. */
export function unexpected(error: unknown): unknown {
  if (error instanceof CanaryError || !(error instanceof Error) || !('$metadata' in error)) return error;
  return new CanaryError({ code: 'aws-error', message: `AWS answered ${error.name}: ${error.message}`, cause: error });
}

/** AWS names the action itself; it may be another one than the call, such as iam:PassRole or kms:Decrypt. */
const NAMED_ACTION = /is not authorized to perform: ([\w-]+:\w+)/;
const DENIED = ['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation'];
const BAD_CREDENTIALS = [
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
];
const NO_CREDENTIALS = ['CredentialsProviderError', 'TokenProviderError'];
const NO_NETWORK = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'];

/** How the SDK hands on an error that it does not recognise as one, such as another realm's: as its text alone. */
const WRAPPED = /^AWS SDK error wrapper for (?:\w*Error: )?/;
/** What it adds to an error in the middle of an answer. */
const HINT = /\n\s*Deserialization error: .*/s;

function explain(action: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (isNoNetwork(error)) {
    return new CanaryError({
      code: 'no-network',
      message: `AWS could not be reached for ${action}: ${error.message.replace(WRAPPED, '').replace(HINT, '') || codeOf(error)}.`,
      next: 'check the network, the region and, if one is set, that something answers at AWS_ENDPOINT_URL; then run the same command again',
      cause: error,
    });
  }
  if (isAws(error, ...NO_CREDENTIALS)) {
    return new CanaryError({
      code: 'no-credentials',
      message: `No AWS credentials were found: ${error.message}`,
      exitCode: ExitCode.usage,
      next: 'give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      cause: error,
    });
  }
  if (isAws(error, ...BAD_CREDENTIALS)) {
    return new CanaryError({
      code: 'bad-credentials',
      message: `AWS refused the credentials (${error.name}): ${error.message}`,
      next: 'renew the credentials (for SSO: aws sso login), then run the same command again',
      cause: error,
    });
  }
  if (isAws(error, ...DENIED)) {
    const denied = NAMED_ACTION.exec(error.message)?.[1] ?? action;
    const dependent = denied === action ? '' : `, which ${action} depends on`;
    return new CanaryError({
      code: 'access-denied',
      message: `AWS denied ${denied}${dependent}: ${error.message}`,
      next: `allow ${denied} for this identity, then run the same command again`,
      cause: error,
    });
  }
  return error;
}

/** The SDK could not make anything of what came. */
function isUnreadable(error: unknown): boolean {
  return error instanceof Error && HINT.test(error.message) && !isNoNetwork(error);
}

function isNoNetwork(error: Error): boolean {
  const wrapped = WRAPPED.test(error.message) && ['TimeoutError', 'Error: aborted', ...NO_NETWORK].some((word) => error.message.includes(word));
  return wrapped || error.name === 'TimeoutError' || NO_NETWORK.includes(codeOf(error));
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
