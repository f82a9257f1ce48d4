/** Answers API calls as AWS would, except where a fault was ordered; with throttling, and lagging reads, where these are on. */
import { AwsError } from '../errors.ts';
import type { Faults } from '../faults/faults.ts';
import { COMMON_STATUS } from '../faults/common-status.ts';
import { type Fault, faultName } from '../faults/order.ts';
import type { Region } from '../parts.ts';
import { isWrite } from '../request-log.ts';
import { type ApiAnswer, type ApiRequest, type UnderstoodCall, answerRequest, operationOf } from './protocol/answer.ts';
import { formOf } from './protocol/query.ts';
import { claimedScope, credentialIn } from './protocol/scope.ts';
import type { Lag } from './lag.ts';
import type { Throttle } from './throttle.ts';

export interface FaultyAnswer extends ApiAnswer {
  /** What was ordered for the call. */
  readonly fault?: string;
  /** The client gets no answer: its connection is cut. */
  readonly cut: boolean;
}

/** Answers calls, and remembers how reads were answered. Its promise never rejects. */
export type Answering = (request: ApiRequest) => Promise<FaultyAnswer>;

/** Answers that are remembered, the newest ones. */
const MOST_REMEMBERED = 200;

/** What decides how a call is answered. */
export interface AnsweringParts {
  readonly regions: (name: string) => Promise<Region>;
  readonly faults: Faults;
  /** Not given: calls are never throttled but by order. */
  readonly throttle: Throttle | undefined;
  /** Not given: reads never lag but by order. */
  readonly lag: Lag | undefined;
}

export function makeAnswering({ regions, faults, throttle, lag }: AnsweringParts): Answering {
  const regionFor = async (call: UnderstoodCall) => {
    const region = await regions(call.region);
    return lag ? lag(call, region) : region;
  };
  /** IAM is asked about the resources as they are, however far reads lag. */
  const authorize = async (call: UnderstoodCall) => {
    const region = await regions(call.region);
    const refusal = region.config.guard?.call(call.accessKeyId, { ...call, region });
    const { denied } = call.protocol.codes;
    if (refusal !== undefined) throw new AwsError(denied, refusal, COMMON_STATUS[denied]);
  };
  const answers = new Map<string, ApiAnswer>();

  function remember(key: string, answer: ApiAnswer): void {
    answers.delete(key);
    answers.set(key, answer);
    for (const oldest of answers.keys()) {
      if (answers.size <= MOST_REMEMBERED) break;
      answers.delete(oldest);
    }
  }

  return async (request) => {
    const operation = await operationOf(request);
    const key = keyOf(request);
    const before = answers.get(key);
    const fault = faults.next({ operation, text: readable(request), answeredBefore: before !== undefined });
    if (fault === 'stale' && before) return { ...before, fault, cut: false };
    if (fault === 'cut-before') return { ...noAnswer(request, operation), fault, cut: true };
    let isRefused = false;
    const answer = await answerRequest(request, operation, regionFor, async (call) => {
      await befall(fault, call, faults);
      isRefused = throttle?.(call) === false;
      if (isRefused) throw throttled(call);
      await authorize(call);
    });
    if (!isWrite(operation) && !isRefused && (fault === undefined || answer.code === null)) remember(key, answer);
    return { ...answer, ...(fault && { fault: faultName(fault) }), cut: fault === 'cut-after' };
  };
}

function noAnswer({ headers }: ApiRequest, operation: string): ApiAnswer {
  return { status: 0, contentType: '', body: '', ...claimedScope(headers.authorization), operation, code: null };
}

/** What happens to a call that AWS has understood, before it takes effect. Throws AwsError where it shall have none. */
async function befall(fault: Fault | undefined, call: UnderstoodCall, faults: Faults): Promise<void> {
  if (fault === 'throttle') throw throttled(call);
  if (typeof fault !== 'object') return;
  if ('delayMs' in fault) {
    if (await faults.wait(fault.delayMs)) return;
    throw new AwsError('ServiceUnavailable', 'The sandbox is stopping.', 503);
  }
  throw new AwsError(fault.error, `${call.operation} was made to fail by a fault order of the sandbox.`, COMMON_STATUS[fault.error]);
}

function throttled({ protocol }: UnderstoodCall): AwsError {
  return new AwsError(protocol.codes.throttled, 'Rate exceeded');
}

/** What is the same for requests that ask the same of the same service, region and caller. */
function keyOf(request: ApiRequest): string {
  const { method, path, query, body, headers } = request;
  return [credentialIn(headers.authorization), headers['x-amz-target'], method, path, query, body].join('\n');
}

/** The request as people write what stands in it: ARNs, not percent signs. */
function readable(request: ApiRequest): string {
  const { headers, path, query, body } = request;
  if (headers['x-amz-target'] !== undefined) return body;
  if (path !== '/') return [path, query, body].join('\n');
  return Array.from(new URLSearchParams(formOf(request)), ([name, value]) => `${name}=${value}`).join('&');
}
