/** Image manifests as the registry has to understand them: OCI's and Docker's, plain images and indexes. */
import { createHash } from 'node:crypto';
import * as z from 'zod';

export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  /** Missing for an index. */
  readonly config?: Descriptor;
  readonly layers: readonly Descriptor[];
  /** The images of an index. */
  readonly manifests: readonly IndexEntry[];
}

export type Descriptor = z.infer<typeof descriptor>;
export type IndexEntry = z.infer<typeof indexEntry>;

const IMAGE_TYPES = new Set(['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json']);
const INDEX_TYPES = new Set(['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']);

export const DIGEST = /^sha256:[0-9a-f]{64}$/;

const descriptor = z.object({ mediaType: z.string(), digest: z.string().regex(DIGEST), size: z.number().int().min(0) });
const indexEntry = descriptor.extend({ platform: z.object({ os: z.string(), architecture: z.string() }).optional() });
const imageManifest = z.object({ schemaVersion: z.literal(2), mediaType: z.string().optional(), config: descriptor, layers: z.array(descriptor) });
const indexManifest = z.object({ schemaVersion: z.literal(2), mediaType: z.string().optional(), manifests: z.array(indexEntry) });

/**
 * Reads a manifest as it was sent.
 * @param mediaType what its sender calls it; else what it calls itself.
 * @returns undefined when it is no manifest of a known type.
 */
export function parseManifest(content: Buffer, mediaType?: string): Manifest | undefined {
  const json = parseJson(content);
  const type = mediaType ?? z.object({ mediaType: z.string() }).safeParse(json).data?.mediaType ?? '';
  const digest = sha256(content);
  if (IMAGE_TYPES.has(type)) {
    const { data } = imageManifest.safeParse(json);
    return data && { digest, mediaType: type, config: data.config, layers: data.layers, manifests: [] };
  }
  if (INDEX_TYPES.has(type)) {
    const { data } = indexManifest.safeParse(json);
    return data && { digest, mediaType: type, layers: [], manifests: data.manifests };
  }
  return undefined;
}

/** The digest of some content, as registries write it. */
export function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function parseJson(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
}
