/** Reading layers and image configs. */
import { pipeline } from 'node:stream/promises';
import { type Exchange, RegistryError } from './registry-exchange.ts';

/** GET and HEAD of `/v2/<name>/blobs/<digest>`. */
export async function getBlob({ request, response, repository, reference: digest, blobs }: Exchange): Promise<void> {
  const size = repository.layers.includes(digest) ? await blobs.size(digest) : undefined;
  if (size === undefined) throw new RegistryError(404, 'BLOB_UNKNOWN', `blob unknown to registry: ${digest}`);
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size, 'docker-content-digest': digest });
  if (request.method === 'HEAD') {
    response.end();
  } else {
    await pipeline(blobs.open(digest), response);
  }
}
