/** Answers one API request as AWS would: who calls what, the operation, its answer or its error on the wire. */
import type { IncomingHttpHeaders } from 'node:http';
import { inspect } from 'node:util';
import { AwsError } from '../../errors.ts';
import { asCaller } from '../../iam/caller.ts';
import type { Region } from '../../parts.ts';
import { findOperation } from './invoke.ts';
import { awsJson, awsJson10 } from './json.ts';
import { awsQuery, formOf } from './query.ts';
import { findRoute, restXml } from './rest-xml.ts';
import { claimedScope, readScope } from './scope.ts';
import { findService, type Service } from './services.ts';
import { type RequestParts, UnknownOperation, type WireProtocol } from './wire.ts';

/** A call that is understood: what it is about, who makes it, and in which protocol it came. */
export interface UnderstoodCall {
  readonly service: string;
  readonly region: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly accessKeyId: string;
  readonly protocol: WireProtocol;
}

export interface ApiRequest extends RequestParts {
  readonly headers: IncomingHttpHeaders;
  readonly requestId: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Besides those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Empty where the request does not say. */
  readonly service: string;
  readonly region: string;
  readonly operation: string;
  /** The error code; null for a success. */
  readonly code: string | null;
  /** What whoever looks after the sandbox should know: an unknown call, or the stack of what went wrong inside. */
  readonly note?: string;
}

const INTERNAL_FAILURE = new AwsError(
  'InternalFailure',
  'The request processing has failed because of an unknown error, exception or failure.',
  500,
);

/**
 * Which operation is called: JSON services name it in a header, Query services in the form, REST services by method and path. Empty
 * where the request does not say.
 */
export async function operationOf(request: ApiRequest): Promise<string> {
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return target.slice(target.lastIndexOf('.') + 1);
  if (protocolOf(request) === awsQuery) return new URLSearchParams(formOf(request)).get('Action') ?? '';
  const service = await findService(claimedScope(request.headers.authorization).service);
  return (service && findRoute(service.model, request)) ?? '';
}

/**
 * Never rejects: whatever goes wrong is an answer.
 * @param operation what `operationOf` says of the request.
 * @param regions gives the running region of a call.
 * @param before runs once the call is understood, before it takes effect; what it throws is the answer.
 */
export async function answerRequest(
  request: ApiRequest,
  operation: string,
  regions: (call: UnderstoodCall) => Promise<Region>,
  before: (call: UnderstoodCall) => Promise<void>,
): Promise<ApiAnswer> {
  const protocol = protocolOf(request);
  const call = { service: '', region: '', operation, contentType: protocol.contentType };
  let service: Service | undefined;
  try {
    const scope = readScope(request.headers.authorization, protocol);
    Object.assign(call, { service: scope.service, region: scope.region });
    service = await findService(scope.service);
    if (service?.protocol !== protocol) throw protocol.unknownOperation(operation, service?.version ?? '');
    const { model, run } = findOperation(service, operation);
    const input = protocol.readInput(model, request);
    const { accessKeyId } = scope;
    const understood = { service: scope.service, region: scope.region, operation, input, accessKeyId, protocol };
    await before(understood);
    const region = await regions(understood);
    const output = await asCaller(accessKeyId, () => run(input, region, { accessKeyId }));
    const answer = protocol.writeOutput(model, output, { requestId: request.requestId, xmlNamespace: service.xmlNamespace });
    return { ...call, ...answer, code: null };
  } catch (thrown) {
    const error = thrown instanceof AwsError ? thrown : INTERNAL_FAILURE;
    const context = { requestId: request.requestId, xmlNamespace: service?.xmlNamespace ?? '' };
    const answer = protocol.writeError(error, service?.model.errors.get(error.code), context);
    return { ...call, ...answer, note: noteOn(thrown) };
  }
}

function protocolOf({ headers, path }: ApiRequest): WireProtocol {
  if (headers['x-amz-target'] === undefined) return path === '/' ? awsQuery : restXml;
  return headers['content-type'] === awsJson10.contentType ? awsJson10 : awsJson;
}

function noteOn(thrown: unknown): string | undefined {
  if (thrown instanceof UnknownOperation) return 'unknown call';
  return thrown instanceof AwsError ? undefined : inspect(thrown);
}
