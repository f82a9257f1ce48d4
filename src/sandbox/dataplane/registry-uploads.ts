/** Uploading layers and image configs: in one piece, in chunks, or taken over from another repository. */
import type { OutgoingHttpHeaders } from 'node:http';
import { findRepository } from '../world/ecr-images.ts';
import { DIGEST } from '../world/manifest.ts';
import { type Exchange, RegistryError } from './registry-exchange.ts';

/** POST of `/v2/<name>/blobs/uploads/`, with `?mount=` and `?from=`, or with `?digest=` and the whole content. */
export async function startUpload(exchange: Exchange): Promise<void> {
  const { query, request, region, blobs } = exchange;
  const mount = query.get('mount');
  if (mount !== null && findRepository(region, query.get('from') ?? '')?.layers.includes(mount)) return acceptBlob(exchange, mount);

  const upload = await blobs.begin();
  if (!query.has('digest')) return void exchange.response.writeHead(202, progressHeaders(exchange, upload, 0)).end();
  await blobs.append(upload, request);
  await finish(exchange, upload);
}

/** GET of an upload: how far it came. */
export async function uploadStatus(exchange: Exchange): Promise<void> {
  const received = await requireUpload(exchange);
  exchange.response.writeHead(204, progressHeaders(exchange, exchange.reference, received)).end();
}

/** PATCH of an upload: one chunk more. */
export async function patchUpload(exchange: Exchange): Promise<void> {
  const { reference: upload, blobs } = exchange;
  await appendInOrder(exchange, await requireUpload(exchange));
  // ECR's own status; the specification has 202 here.
  exchange.response.writeHead(201, progressHeaders(exchange, upload, (await blobs.received(upload)) ?? 0)).end();
}

/** PUT of an upload: perhaps a last chunk, then the digest it must have. */
export async function finishUpload(exchange: Exchange): Promise<void> {
  await appendInOrder(exchange, await requireUpload(exchange));
  await finish(exchange, exchange.reference);
}

/** DELETE of an upload. */
export async function cancelUpload(exchange: Exchange): Promise<void> {
  await requireUpload(exchange);
  await exchange.blobs.cancel(exchange.reference);
  exchange.response.writeHead(204).end();
}

async function requireUpload({ reference, blobs }: Exchange): Promise<number> {
  const received = await blobs.received(reference);
  if (received === undefined) throw new RegistryError(404, 'BLOB_UPLOAD_UNKNOWN', `blob upload unknown to registry: ${reference}`);
  return received;
}

async function appendInOrder({ request, reference: upload, blobs }: Exchange, received: number): Promise<void> {
  const start = /^(?:bytes )?(\d+)-\d+/.exec(request.headers['content-range'] ?? '')?.[1];
  if (start !== undefined && Number(start) !== received) {
    throw new RegistryError(416, 'BLOB_UPLOAD_INVALID', `the chunk starts at ${start}, the upload has ${received} bytes`);
  }
  await blobs.append(upload, request);
}

async function finish(exchange: Exchange, upload: string): Promise<void> {
  const { query, blobs } = exchange;
  const digest = query.get('digest') ?? '';
  if (!DIGEST.test(digest) || !(await blobs.finish(upload, digest))) {
    throw new RegistryError(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  acceptBlob(exchange, digest);
}

function progressHeaders({ repository }: Exchange, upload: string, received: number): OutgoingHttpHeaders {
  return {
    location: `/v2/${repository.repository.repositoryName}/blobs/uploads/${upload}`,
    'docker-upload-uuid': upload,
    range: `0-${Math.max(0, received - 1)}`,
    'content-length': 0,
  };
}

/** From now on the repository has the blob. */
function acceptBlob({ response, repository, region }: Exchange, digest: string): void {
  if (!repository.layers.includes(digest)) {
    repository.layers.push(digest);
    region.changed();
  }
  response.writeHead(201, {
    location: `/v2/${repository.repository.repositoryName}/blobs/${digest}`,
    'docker-content-digest': digest,
    'content-length': 0,
  }).end();
}
