/** A built image, ready to be pushed. */
import { createHash } from 'node:crypto';

export interface ImageBlob {
  readonly mediaType: string;
  /** `sha256:…` of the content. */
  readonly digest: string;
  readonly content: Buffer;
}

export interface PackedImage {
  readonly manifest: ImageBlob;
  /** Everything the manifest points to: the layers, lowest first, and the image config last. */
  readonly blobs: readonly ImageBlob[];
}

export function imageBlob(mediaType: string, content: Buffer): ImageBlob {
  return { mediaType, digest: sha256(content), content };
}

export function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
