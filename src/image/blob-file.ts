/** Blobs that lie in files. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ImageBlob } from './image.ts';

/** A file as a blob, after reading it once for its digest. */
export async function fileBlob(mediaType: string, file: string): Promise<ImageBlob> {
  const { size } = await stat(file);
  return { mediaType, digest: await digestOf(file), size, open: (from = 0) => createReadStream(file, { start: from }) };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest('hex')}`;
}
