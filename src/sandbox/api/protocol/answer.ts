/** Answers one API request as AWS would: who calls what, the operation, its answer or its error on the wire. */
import type { IncomingHttpHeaders } from 'node:http';
import { inspect } from 'node:util';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { findOperation } from './invoke.ts';
import { awsJson } from './json.ts';
import { awsQuery } from './query.ts';
import { readScope } from './scope.ts';
import { findService, type Service } from './services.ts';
import { UnknownOperation } from './wire.ts';

export interface ApiRequest {
  readonly headers: IncomingHttpHeaders;
  /** The body; of a Query request also what stands in the URL. */
  readonly body: string;
  readonly requestId: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
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

/** Never rejects: whatever goes wrong is an answer. `regions` gives the running region of a name. */
export async function answerRequest(request: ApiRequest, regions: (name: string) => Promise<Region>): Promise<ApiAnswer> {
  const target = request.headers['x-amz-target'];
  const protocol = typeof target === 'string' ? awsJson : awsQuery;
  const operation = typeof target === 'string' ? afterDot(target) : (new URLSearchParams(request.body).get('Action') ?? '');
  const call = { service: '', region: '', operation, contentType: protocol.contentType };
  let service: Service | undefined;
  try {
    const scope = readScope(request.headers.authorization, protocol);
    Object.assign(call, { service: scope.service, region: scope.region });
    service = await findService(scope.service);
    if (service?.protocol !== protocol) throw protocol.unknownOperation(operation, service?.version ?? '');
    const { model, run } = findOperation(service, operation);
    const input = protocol.readInput(model, request.body);
    const output = await run(input, await regions(scope.region), { accessKeyId: scope.accessKeyId });
    const body = protocol.writeOutput(model, output, { requestId: request.requestId, xmlNamespace: service.xmlNamespace });
    return { ...call, status: 200, body, code: null };
  } catch (thrown) {
    const error = thrown instanceof AwsError ? thrown : INTERNAL_FAILURE;
    const context = { requestId: request.requestId, xmlNamespace: service?.xmlNamespace ?? '' };
    const answer = protocol.writeError(error, service?.model.errors.get(error.code), context);
    return { ...call, ...answer, note: noteOn(thrown) };
  }
}

function noteOn(thrown: unknown): string | undefined {
  if (thrown instanceof UnknownOperation) return 'unknown call';
  return thrown instanceof AwsError ? undefined : inspect(thrown);
}

function afterDot(target: string): string {
  return target.slice(target.lastIndexOf('.') + 1);
}
