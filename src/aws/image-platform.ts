/** What an image runs on, out of its manifest and its config. */
import * as z from 'zod';
import type { Platform } from '../settings/platforms.ts';

/** Without these ECR may answer with another form of the manifest. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

const PLATFORM = z.object({ os: z.string(), architecture: z.string() });
const IMAGE = z.object({ config: z.object({ digest: z.string() }) });
const INDEX = z.object({ manifests: z.array(z.object({ platform: PLATFORM.optional() })) });

/** ms for an image config, which is a few kilobytes. */
const DOWNLOAD_TIME = 10_000;

/**
 * What a manifest says itself, or the digest of the config that does; undefined for what is no manifest. An index need not say any
 * platform (https://github.com/opencontainers/image-spec/blob/main/image-index.md): those of one that says none are undefined.
 */
export function readManifest(text: string | undefined): { platforms: Platform[] | undefined } | { config: string } | undefined {
  const json = parse(text);
  const image = IMAGE.safeParse(json).data;
  if (image) return { config: image.config.digest };
  const index = INDEX.safeParse(json).data;
  const platforms = index?.manifests.flatMap(({ platform }) => platform ?? []);
  // What builders say about how they built it is listed as if it were for a platform of its own.
  return platforms && { platforms: platforms.length === 0 ? undefined : platforms.filter(({ os }) => os !== 'unknown') };
}

/**
 * @param url where the config is, for anybody.
 * @returns undefined where it cannot be read.
 * @throws the signal's reason when it aborts.
 */
export async function readPlatform(url: string, signal: AbortSignal): Promise<Platform | undefined> {
  return PLATFORM.safeParse(parse((await download(url, signal)) ?? (await download(url, signal)))).data;
}

async function download(url: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIME)]) });
    return answer.ok ? await answer.text() : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
