/** Reads an image from a registry: its manifest, for one platform, and its blobs. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type CanaryError, messageOf, usageError } from '../errors.ts';
import { fileBlob } from './blob-file.ts';
import { type Descriptor, type Manifest, MANIFEST_TYPES, imagesOf, indexShape, isIndex, manifestShape, parseDocument } from './documents.ts';
import { type ImageBlob, type Platform, platformName, sha256 } from './image.ts';
import { type RegistrySession, TransientError } from './registry-session.ts';

/**
 * The manifest of an image, and of several platforms' the one for `platform`.
 * @param version a tag or a digest
 * @throws CanaryError, exit 2 for what is not there or not for that platform, exit 1 for what the registry or the network did
 */
export async function pullManifest(session: RegistrySession, repository: string, version: string, platform: Platform): Promise<Manifest> {
  const { content, mediaType } = await getManifest(session, repository, version);
  const index = isIndex(mediaType) ? parseDocument(indexShape, content) : undefined;
  if (!index) {
    const manifest = parseDocument(manifestShape, content);
    if (manifest) return manifest;
    throw usageError(`what the registry has of it is no image that can be read (${mediaType}).`);
  }
  const images = imagesOf(index);
  const image = images.find((entry) => entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture);
  if (image) return pullManifest(session, repository, image.digest, platform);
  throw wrongPlatform(images.flatMap((entry) => (entry.platform ? platformName(entry.platform) : [])), platform);
}

export function wrongPlatform(there: readonly string[], wanted: Platform): CanaryError {
  return usageError(`it is for ${there.join(', ') || 'no platform'}, and what is built is to run on ${platformName(wanted)}.`, 'Take another base image, or build for its platform.');
}

/** A document among the blobs, small enough to be held in memory. */
export async function pullDocument(session: RegistrySession, repository: string, { digest }: Descriptor): Promise<Buffer> {
  return session.retrying(`reading ${digest}`, async () => {
    const content = await contentOf(await getBlob(session, repository, digest));
    if (sha256(content) !== digest) throw new TransientError(`the content of ${digest} is another one`);
    return content;
  });
}

/**
 * Fetches a blob into `file`.
 * @throws CanaryError for what the registry or the network did; the error of a file that can't be written
 */
export async function pullBlob(session: RegistrySession, repository: string, { digest, size, mediaType }: Descriptor, file: string): Promise<ImageBlob> {
  return session.retrying(`reading ${digest}`, async () => {
    const { body } = await getBlob(session, repository, digest);
    if (body) await pipeline(arriving(body, session.endpoint), limited(digest, size), createWriteStream(file));
    const blob = await fileBlob(mediaType, file);
    if (blob.digest !== digest) throw new TransientError(`the content of ${digest} is another one`);
    return blob;
  });
}

async function getManifest(session: RegistrySession, repository: string, version: string): Promise<{ content: Buffer; mediaType: string }> {
  return session.retrying('reading its manifest', async () => {
    const answer = await session.request('GET', `/v2/${repository}/manifests/${version}`, { headers: { accept: MANIFEST_TYPES } });
    if (answer.status === 404) throw usageError(`${session.endpoint} has no such image.`, 'Check its name and tag.');
    if (!answer.ok) throw await session.refusal('reading its manifest', answer);
    const content = await contentOf(answer);
    if (version.startsWith('sha256:') && sha256(content) !== version) throw new TransientError(`the content of ${version} is another one`);
    return { content, mediaType: (answer.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '' };
  });
}

async function getBlob(session: RegistrySession, repository: string, digest: string): Promise<Response> {
  const answer = await session.request('GET', `/v2/${repository}/blobs/${digest}`);
  if (!answer.ok) throw await session.refusal(`reading ${digest}`, answer);
  return answer;
}

async function contentOf(answer: Response): Promise<Buffer> {
  try {
    return Buffer.from(await answer.arrayBuffer());
  } catch (cause) {
    throw brokenOff(new URL(answer.url).origin, cause);
  }
}

/** Only what the registry does may pass: a full disk does not. */
async function* arriving(body: AsyncIterable<Uint8Array>, endpoint: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw brokenOff(endpoint, cause);
  }
}

function brokenOff(endpoint: string, cause: unknown): TransientError {
  return new TransientError(`${endpoint} broke off: ${messageOf(cause)}`, { cause });
}

/** Ends what is longer than it is said to be: it would fill the disk. */
function limited(digest: string, size: number) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let left = size;
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0) throw new TransientError(`the content of ${digest} is more than the ${size} bytes that were announced`);
      yield chunk;
    }
  };
}
