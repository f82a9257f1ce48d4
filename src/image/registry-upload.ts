/** Sends one blob to a registry: in one stream, and after a cut from where the registry has got to, if it can go on. */
import { CanaryError } from '../errors.ts';
import type { ImageBlob } from './image.ts';
import { type RegistrySession, TransientError } from './registry-session.ts';

interface Upload {
  /** Where it goes on. */
  readonly location: string;
  /** Bytes that the registry has. */
  readonly offset: number;
}

/**
 * Uploads a blob unless the registry has it, in this repository or in the one that the blob is from.
 * @param onPosition takes the number of bytes that are sent, which is smaller again after a cut
 * @returns whether anything was sent
 * @throws CanaryError `no-repository` or `registry-failed`; the signal's reason when it aborts
 */
export async function uploadBlob(session: RegistrySession, repository: string, blob: ImageBlob, onPosition: (bytes: number) => void): Promise<boolean> {
  const { digest } = blob;
  let began = false;
  let broken: string | undefined;
  return session.retrying(`sending ${digest}`, async () => {
    if (await hasBlob(session, repository, digest)) return began;
    const location = broken;
    // Asked once, and resumed once: some registries do not tell, or take a second part and lose it.
    broken = undefined;
    const resumed = location === undefined ? undefined : await progressOf(session, location);
    const upload = resumed ?? (await startUpload(session, repository, blob));
    if (upload === undefined) return false;
    began = true;
    try {
      await finish(session, blob, await send(session, blob, upload, onPosition), upload.offset > 0);
    } catch (error) {
      if (resumed === undefined && error instanceof TransientError) broken = upload.location;
      throw error;
    }
    return true;
  });
}

async function hasBlob(session: RegistrySession, repository: string, digest: string): Promise<boolean> {
  const answer = await session.request('HEAD', `/v2/${repository}/blobs/${digest}`);
  if (answer.ok || answer.status === 404) return answer.ok;
  throw await session.refusal(`asking for ${digest}`, answer);
}

/** Undefined when the registry has the blob by now. */
async function startUpload(session: RegistrySession, repository: string, { digest, origin }: ImageBlob): Promise<Upload | undefined> {
  const mount = origin?.endpoint === session.endpoint ? `?${new URLSearchParams({ mount: digest, from: origin.repository }).toString()}` : '';
  let answer: Response;
  try {
    answer = await session.request('POST', `/v2/${repository}/blobs/uploads/${mount}`);
  } catch (error) {
    if (error instanceof TransientError) await requireRepository(session, repository, digest);
    throw error;
  }
  if (answer.status === 201) return undefined;
  if (answer.status === 202) return { location: locationOf(answer), offset: 0 };
  const refusal = await session.refusal('starting an upload', answer);
  throw answer.status === 404 ? noRepository(repository, refusal) : refusal;
}

/** ECR may cut the connection instead of saying that there is no such repository (aws/containers-roadmap#1970). Of a manifest it says so. */
async function requireRepository(session: RegistrySession, repository: string, digest: string): Promise<void> {
  const answer = await session.request('GET', `/v2/${repository}/manifests/${digest}`);
  const refusal = answer.ok ? undefined : await session.refusal('looking for the repository', answer);
  if (refusal && answer.status === 404 && refusal.message.includes('NAME_UNKNOWN')) throw noRepository(repository, refusal);
}

function noRepository(repository: string, { message }: Error): CanaryError {
  return new CanaryError({ code: 'no-repository', message: `There is no repository ${repository}: ${message}`, next: 'ecs-canary build-infra' });
}

/**
 * Sends what is missing, as one part: ECR accepts a second one and loses it (aws/containers-roadmap#2831), which shows at the end.
 * @returns where to finish it
 */
async function send(session: RegistrySession, blob: ImageBlob, { location, offset }: Upload, onPosition: (bytes: number) => void): Promise<string> {
  // All of it arrived, and only the answer did not.
  if (offset === blob.size) return location;
  let position = offset;
  const answer = await session.request('PATCH', location, {
    // Sent once more after signing in again, from where it began.
    body: () => {
      position = offset;
      return blob.open(offset);
    },
    size: blob.size - offset,
    headers: { 'content-type': 'application/octet-stream', ...(offset > 0 && { 'content-range': `${offset}-${blob.size - 1}` }) },
    onSent: (bytes) => onPosition((position += bytes)),
  });
  if (!answer.ok) throw await partRefused(session, blob, answer, offset > 0);
  return locationOf(answer);
}

async function finish(session: RegistrySession, blob: ImageBlob, location: string, resumed: boolean): Promise<void> {
  const end = new URL(location);
  end.searchParams.set('digest', blob.digest);
  const answer = await session.request('PUT', end.href, { headers: { 'content-length': '0' } });
  if (!answer.ok) throw await partRefused(session, blob, answer, resumed);
}

/** What was gone on with in vain is begun anew. */
async function partRefused(session: RegistrySession, { digest }: ImageBlob, answer: Response, resumed: boolean): Promise<Error> {
  const refusal = await session.refusal(`sending ${digest}`, answer);
  return resumed ? new TransientError(refusal.message) : refusal;
}

/** How far a broken upload came; undefined where the registry does not tell, or has nothing. */
async function progressOf(session: RegistrySession, location: string): Promise<Upload | undefined> {
  const answer = await session.request('GET', location);
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get('range') ?? '')?.[1] ?? 0);
  // `0-0` is said of nothing, too.
  return answer.ok && last > 0 ? { location: locationOf(answer), offset: last + 1 } : undefined;
}

/** Where an upload goes on. */
function locationOf(answer: Response): string {
  const location = answer.headers.get('location') ?? '';
  if (URL.canParse(location, answer.url)) return new URL(location, answer.url).href;
  throw new CanaryError({
    code: 'registry-failed',
    message: `${new URL(answer.url).origin} has an upload go on at "${location}", which is no address.`,
    next: 'run the same command again; if it stays so, see what answers at AWS_ENDPOINT_URL',
  });
}
