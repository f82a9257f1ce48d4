/** What the registry's handlers share: one request and its answer, and the errors of the distribution specification. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AwsError } from '../errors.ts';
import type { Region } from '../parts.ts';
import type { RepositoryState } from '../world/ecr-state.ts';
import type { BlobStore } from './blob-store.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly region: Region;
  readonly repository: RepositoryState;
  /** What the path names inside the repository: a tag, a digest, or an upload's id. */
  readonly reference: string;
  readonly blobs: BlobStore;
}

export type Handler = (exchange: Exchange) => Promise<void>;

/** An error that a registry's client understands. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const AWS_CODES: Readonly<Record<string, readonly [status: number, code: string]>> = {
  RepositoryNotFoundException: [404, 'NAME_UNKNOWN'],
  ImageTagAlreadyExistsException: [400, 'TAG_INVALID'],
  LayersNotFoundException: [404, 'MANIFEST_BLOB_UNKNOWN'],
  ReferencedImagesNotFoundException: [404, 'MANIFEST_BLOB_UNKNOWN'],
};

/** ECR answers its own errors through the registry in the registry's words. */
export function fromAwsError({ code, message, status }: AwsError): RegistryError {
  const [registryStatus, registryCode] = AWS_CODES[code] ?? [status, 'UNKNOWN'];
  return new RegistryError(registryStatus, registryCode, message);
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Ends the answer with an error; a connection whose request was cut short is just dropped. */
export function sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || request.errored || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, code, message } = error instanceof RegistryError ? error : new RegistryError(500, 'UNKNOWN', String(error));
  // The rest of an unread body would be taken for the connection's next request.
  if (!request.complete) response.setHeader('connection', 'close');
  sendJson(response, status, { errors: [{ code, message }] });
}
