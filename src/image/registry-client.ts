/** Pushes an image to a registry, sending only what is not there yet. */
import { CanaryError } from '../errors.ts';
import { type Clock, systemClock } from '../time.ts';
import type { BuiltImage, ImageBlob, ImageDocument } from './image.ts';
import { type RegistryAccess, RegistrySession } from './registry-session.ts';

export interface PushTarget extends RegistryAccess {
  readonly repository: string;
  readonly tag: string;
}

/** What happened to one layer or image config, right after it happened. */
export interface BlobPushed {
  readonly digest: string;
  readonly bytes: number;
  /** False where the registry had it already. */
  readonly sent: boolean;
}

export interface PushOptions {
  readonly signal?: AbortSignal;
  /** For the pauses before another attempt. */
  readonly clock?: Clock;
  readonly onBlob?: (event: BlobPushed) => void;
}

/** What a tag may name: without this, a registry may answer with another form of the image, and another digest. */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/**
 * Pushes `image` under `target.tag`. Safe to repeat: an image that is there under that tag already is success.
 * @returns the digest that the registry confirmed
 * @throws CanaryError `tag-taken` when the tag is another image's and immutable, `push-failed` for what the registry or the
 *   network did; the signal's reason when it aborts. No error names the authorization.
 */
export async function pushImage(image: BuiltImage, target: PushTarget, { signal, clock = systemClock, onBlob }: PushOptions = {}): Promise<string> {
  const session = new RegistrySession(target, clock, signal);
  const repository = `/v2/${target.repository}`;
  const { digest } = image.manifest;
  if ((await digestOf(session, `${repository}/manifests/${target.tag}`)) === digest) return digest;

  for (const blob of image.blobs) {
    const sent = await pushBlob(session, repository, blob);
    onBlob?.({ digest: blob.digest, bytes: blob.size, sent });
  }
  await pushManifest(session, image.manifest, target);
  return digest;
}

/** Uploads a blob unless the registry has it. Returns whether it was sent. */
async function pushBlob(session: RegistrySession, repository: string, blob: ImageBlob): Promise<boolean> {
  const { digest } = blob;
  return session.retrying(`sending ${digest}`, async () => {
    const known = await session.request('HEAD', `${repository}/blobs/${digest}`);
    if (known.ok) return false;
    if (known.status !== 404) throw await session.refusal(`asking for ${digest}`, known);

    const started = await session.request('POST', `${repository}/blobs/uploads/`);
    if (started.status !== 202) throw await session.refusal('starting an upload', started);
    const chunk = await session.request('PATCH', location(started), { body: blob.open(), size: blob.size, type: 'application/octet-stream' });
    if (chunk.status !== 202) throw await session.refusal(`sending ${digest}`, chunk);
    const end = new URL(location(chunk));
    end.searchParams.set('digest', digest);
    const finished = await session.request('PUT', end.href);
    if (finished.status !== 201) throw await session.refusal(`finishing ${digest}`, finished);
    return true;
  });
}

async function pushManifest(session: RegistrySession, manifest: ImageDocument, { repository, tag }: PushTarget): Promise<void> {
  const path = `/v2/${repository}/manifests/${tag}`;
  await session.retrying(`sending the manifest of ${repository}:${tag}`, async () => {
    const answer = await session.request('PUT', path, { body: manifest.content, type: manifest.mediaType });
    if (answer.ok) return requireDigest(manifest.digest, answer.headers.get('docker-content-digest'));
    // Another run may have pushed the tag since we looked.
    const holder = answer.status < 500 ? await digestOf(session, path) : undefined;
    if (holder === manifest.digest) return;
    if (holder === undefined) throw await session.refusal(`sending the manifest of ${repository}:${tag}`, answer);
    throw new CanaryError({
      code: 'tag-taken',
      message: `${repository}:${tag} is ${holder} already and cannot be changed; what was built is ${manifest.digest}.`,
      next: 'give the new version a tag of its own, and run the same command with that --tag',
    });
  });
}

/** The digest of the image that a tag names; undefined when there is none. */
async function digestOf(session: RegistrySession, path: string): Promise<string | undefined> {
  return session.retrying('looking for the tag', async () => {
    const answer = await session.request('HEAD', path, { accept: MANIFEST_TYPES });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw await session.refusal('looking for the tag', answer);
    return answer.headers.get('docker-content-digest') ?? undefined;
  });
}

function requireDigest(expected: string, confirmed: string | null): void {
  if (confirmed === expected) return;
  throw new CanaryError({ code: 'push-failed', message: `The registry confirmed ${confirmed ?? 'no digest'}, but what was sent is ${expected}.` });
}

/** Where an upload goes on. */
function location(answer: Response): string {
  return new URL(answer.headers.get('location') ?? '', answer.url).href;
}
