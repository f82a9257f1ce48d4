import { buffer } from 'node:stream/consumers';
import type { ImageBlob } from '../../src/image/image.ts';

/** What is in a blob that must be there. */
export async function contentOf(blob: ImageBlob | undefined, from?: number): Promise<Buffer> {
  if (!blob) throw new Error('the image has no such blob');
  return buffer(blob.open(from));
}
