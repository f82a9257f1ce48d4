/** A built image, ready to be pushed. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Platform } from '../settings/platforms.ts';

export { PLATFORMS, type Platform, platformName } from '../settings/platforms.ts';

export interface ImageBlob {
  readonly mediaType: string;
  /** `sha256:…` of the content. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** A repository that has it, and the registry of that. */
  readonly origin?: { readonly endpoint: string; readonly repository: string };
  /** Its content, from any byte on. */
  open(from?: number): Readable;
}

/** A blob that is small enough to be held in memory. */
export interface ImageDocument extends ImageBlob {
  readonly content: Buffer;
}

export interface BuiltImage {
  readonly manifest: ImageDocument;
  /** Everything the manifest points to: the layers, lowest first, and the image config last. */
  readonly blobs: readonly ImageBlob[];
  readonly platform: Platform;
  /** Removes what it was read from. */
  dispose(): Promise<void>;
}

export const MEDIA_TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

export function imageDocument(mediaType: string, content: Buffer): ImageDocument {
  return { mediaType, digest: sha256(content), size: content.length, content, open: (from = 0) => Readable.from([content.subarray(from)]) };
}

/** A JSON document as it is sent: without blanks, members in the order in which they were given. */
export function jsonDocument(mediaType: string, value: object): ImageDocument {
  return imageDocument(mediaType, Buffer.from(JSON.stringify(value)));
}

/** What a manifest says of a blob. */
export function descriptor({ mediaType, digest, size }: ImageBlob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size };
}

/** Each once: two layers, or two entries of an index, may be the same. */
export function byDigest<T extends { readonly digest: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [one.digest, one])).values()];
}

/** The manifest of an image that has none yet, and its blobs. */
export function assemble(config: ImageDocument, layers: readonly ImageBlob[]): Pick<BuiltImage, 'manifest' | 'blobs'> {
  const { manifest: mediaType } = MEDIA_TYPES;
  const manifest = jsonDocument(mediaType, { schemaVersion: 2, mediaType, config: descriptor(config), layers: layers.map(descriptor) });
  return { manifest, blobs: byDigest([...layers, config]) };
}

export function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
