/** One layer of an image: a tar archive in which nothing depends on when, where or by whom it was made. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Header, Pax } from 'tar';
import { usageError } from '../errors.ts';
import { fileBlob } from './blob-file.ts';
import { type ImageBlob, MEDIA_TYPES } from './image.ts';

export interface LayerEntry {
  /** In the image, from the root. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Of a file: it may be executed. */
  readonly executable: boolean;
  /** Of a symlink: where it points. */
  readonly target?: string;
  /** Of a file: where its content lies, relative to the folder that is packed. */
  readonly source?: string;
}

export interface Layer {
  readonly blob: ImageBlob;
  /** Digest of the layer before compression. */
  readonly diffId: string;
}

const BLOCK = 512;
const FIXED = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };
const TYPES = { file: 'File', directory: 'Directory', symlink: 'SymbolicLink' } as const;
const MODES = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;
/** Where gzip's header says on which kind of machine it was made, and what it says for "unknown". */
const GZIP_OS_OFFSET = 9;
const GZIP_OS_UNKNOWN = 0xff;

/**
 * The entries in the given order, as a tar archive. `dir` is the folder their contents are read from.
 * @throws CanaryError, exit 2, when a file becomes shorter meanwhile
 */
export async function* tarOf(entries: readonly LayerEntry[], dir: string): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if (entry.kind === 'file') yield* fileOf(entry, join(dir, entry.source ?? ''));
    else yield* headerOf(entry, 0);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Compresses a tar archive into `file`, without time and machine in gzip's header, and never holds the whole. */
export async function compressLayer(tar: AsyncIterable<Buffer>, file: string): Promise<Layer> {
  const hash = createHash('sha256');
  await pipeline(tar, hashing(hash), createGzip(), withoutMachine, createWriteStream(file));
  return { blob: await fileBlob(MEDIA_TYPES.layer, file), diffId: `sha256:${hash.digest('hex')}` };
}

async function* fileOf(entry: LayerEntry, path: string): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    yield* headerOf(entry, size);
    let left = size;
    // What is written behind the end meanwhile is left out: the header has told the size.
    if (size > 0) for await (const chunk of file.createReadStream({ end: size - 1, autoClose: false }) as AsyncIterable<Buffer>) {
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) throw usageError(`${path} became shorter while it was read.`, 'Push again when nothing writes to the folder.');
    yield padding(size);
  } finally {
    await file.close();
  }
}

function* headerOf({ path, kind, executable, target = '' }: LayerEntry, size: number): Generator<Buffer> {
  const name = path.slice(1) + (kind === 'directory' ? '/' : '');
  const header = new Header({ ...FIXED, path: name, linkpath: target, type: TYPES[kind], mode: executable ? 0o755 : MODES[kind], size });
  const block = Buffer.alloc(BLOCK);
  header.encode(block);
  if (header.needPax) yield new Pax({ path: name, linkpath: target, size }).encode();
  yield block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

function hashing(hash: ReturnType<typeof createHash>) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
}

async function* withoutMachine(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let position = 0;
  for await (const chunk of chunks) {
    if (position <= GZIP_OS_OFFSET && GZIP_OS_OFFSET < position + chunk.length) chunk[GZIP_OS_OFFSET - position] = GZIP_OS_UNKNOWN;
    position += chunk.length;
    yield chunk;
  }
}
