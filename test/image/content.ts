import { createCipheriv } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { ImageBlob } from '../../src/image/image.ts';

/** What is in a blob that must be there. */
export async function contentOf(blob: ImageBlob | undefined, from?: number): Promise<Buffer> {
  if (!blob) throw new Error('the image has no such blob');
  return buffer(blob.open(from));
}

/** A text of at least that many bytes, always the same, that no compression makes much smaller. */
export function incompressible(bytes: number): string {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, bytes), Buffer.alloc(16)).update(Buffer.alloc(bytes)).toString('latin1');
}
