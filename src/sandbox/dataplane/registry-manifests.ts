/** Reading and pushing image manifests. */
import { buffer } from 'node:stream/consumers';
import { findImage, recordImage } from '../world/ecr-images.ts';
import { DIGEST, parseManifest } from '../world/manifest.ts';
import { putBlob } from './blob-store.ts';
import { type Exchange, RegistryError } from './registry-exchange.ts';

const TAG = /^\w[\w.-]{0,127}$/;
/** The distribution specification's recommendation. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** GET and HEAD of `/v2/<name>/manifests/<tag or digest>`. A GET counts as a pull. */
export async function getManifest({ request, response, region, repository, reference, blobs }: Exchange): Promise<void> {
  const image = findImage(repository, reference);
  if (!image) throw new RegistryError(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
  const content = await blobs.read(image.digest);
  response.writeHead(200, {
    'content-type': image.manifestMediaType,
    'content-length': content.length,
    'docker-content-digest': image.digest,
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  image.lastPulledAt = region.clock.now();
  region.changed();
  response.end(content);
}

/** PUT of `/v2/<name>/manifests/<tag or digest>`: the last step of a push. */
export async function putManifest({ request, response, region, repository, reference, blobs }: Exchange): Promise<void> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_MANIFEST_BYTES) throw new RegistryError(413, 'SIZE_INVALID', 'the manifest is too large');
  const content = await buffer(request);
  const manifest = parseManifest(content, request.headers['content-type']);
  if (!manifest) throw new RegistryError(400, 'MANIFEST_INVALID', 'manifest invalid');

  const byDigest = DIGEST.test(reference);
  if (byDigest && reference !== manifest.digest) throw new RegistryError(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  if (!byDigest && !TAG.test(reference)) throw new RegistryError(400, 'TAG_INVALID', `invalid tag: ${reference}`);

  await putBlob(blobs, content);
  recordImage(region, repository, manifest, byDigest ? undefined : reference);
  response.writeHead(201, {
    location: `/v2/${repository.repository.repositoryName}/manifests/${manifest.digest}`,
    'docker-content-digest': manifest.digest,
    'content-length': 0,
  }).end();
}
