/** Pushes an image to a registry, sending only what is not there yet. */
import { CanaryError } from '../errors.ts';
import { MANIFEST_TYPES } from './documents.ts';
import type { BuiltImage, ImageDocument } from './image.ts';
import { type RegistryAccess, RegistrySession, type SessionOptions } from './registry-session.ts';
import { uploadBlob } from './registry-upload.ts';

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

export interface PushOptions extends SessionOptions {
  readonly onBlob?: (event: BlobPushed) => void;
  /** Takes the bytes that are at the registry, of all the image's blobs: fewer again after a cut. */
  readonly onProgress?: (sent: number, total: number) => void;
}

/**
 * Pushes `image` under `target.tag`. Safe to repeat: an image that is there under that tag already is success.
 * @returns the digest that the registry confirmed
 * @throws CanaryError `tag-taken` when the tag is another image's and immutable, `no-repository`, `registry-failed` for what the registry or
 *   the network did; the signal's reason when it aborts. No error names the authorization.
 */
export async function pushImage(image: BuiltImage, target: PushTarget, { onBlob, onProgress, ...options }: PushOptions = {}): Promise<string> {
  const session = new RegistrySession(target, options);
  const { digest } = image.manifest;
  if ((await digestOf(session, `/v2/${target.repository}/manifests/${target.tag}`)) === digest) return digest;

  const total = image.blobs.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const blob of image.blobs) {
    const sent = await uploadBlob(session, target.repository, blob, (bytes) => onProgress?.(done + bytes, total));
    onBlob?.({ digest: blob.digest, bytes: blob.size, sent });
    onProgress?.((done += blob.size), total);
  }
  await pushManifest(session, image.manifest, target);
  return digest;
}

async function pushManifest(session: RegistrySession, manifest: ImageDocument, { repository, tag }: PushTarget): Promise<void> {
  const path = `/v2/${repository}/manifests/${tag}`;
  await session.retrying(`sending the manifest of ${repository}:${tag}`, async () => {
    const answer = await session.request('PUT', path, { body: manifest.content, headers: { 'content-type': manifest.mediaType } });
    if (!answer.ok && !(await isTaken(session, answer))) throw await session.refusal(`sending the manifest of ${repository}:${tag}`, answer);
    const holder = answer.headers.get('docker-content-digest') ?? (await digestOf(session, path));
    // Also where it is taken: another run may have pushed the same since we looked.
    if (holder === manifest.digest) return;
    if (!answer.ok) throw tagTaken(`${repository}:${tag}`, tag, holder, manifest.digest);
    throw new CanaryError({
      code: 'registry-failed',
      message: `The registry confirmed ${holder ?? 'no digest'}, but what was sent is ${manifest.digest}.`,
      next: 'run the same command again; if it stays so, see what answers at AWS_ENDPOINT_URL',
    });
  });
}

/** Whether a manifest is refused because its tag is another image's for good. */
async function isTaken(session: RegistrySession, refused: Response): Promise<boolean> {
  return refused.status < 500 && /TAG_ALREADY_EXISTS|immutable|cannot be overwritten/i.test(await session.words(refused.clone()));
}

function tagTaken(name: string, tag: string, holder = 'another image', built: string): CanaryError {
  return new CanaryError({
    code: 'tag-taken',
    message: `${name} is ${holder} already and cannot be changed; what was built is ${built}.`,
    next: `ecs-canary rollout --tag ${tag}   (goes on with the image that is there)\n      or the same command with another --tag, such as ${tag}-2   (for what was built)`,
  });
}

/** The digest of the image that a tag names; undefined when there is none. */
async function digestOf(session: RegistrySession, path: string): Promise<string | undefined> {
  return session.retrying('looking for the tag', async () => {
    const answer = await session.request('HEAD', path, { headers: { accept: MANIFEST_TYPES } });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw await session.refusal('looking for the tag', answer);
    return answer.headers.get('docker-content-digest') ?? undefined;
  });
}
