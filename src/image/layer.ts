/** One layer of an image: a tar archive in which nothing depends on when, where or by whom it was made. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header, Pax } from 'tar';

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

const BLOCK = 512;
const FIXED = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };
const TYPES = { file: 'File', directory: 'Directory', symlink: 'SymbolicLink' } as const;
const MODES = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;
/** Where gzip's header says on which kind of machine it was made, and what it says for "unknown". */
const GZIP_OS_OFFSET = 9;
const GZIP_OS_UNKNOWN = 0xff;

/** Writes entries in the given order. `dir` is the folder their contents are read from. */
export async function writeTar(entries: readonly LayerEntry[], dir: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const content = entry.kind === 'file' ? await readFile(join(dir, entry.source ?? '')) : Buffer.alloc(0);
    parts.push(...writeHeader(entry, content.length), content, padding(content.length));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** Gzip without time and machine in its header. */
export function compressLayer(tar: Buffer): Buffer {
  const compressed = gzipSync(tar);
  compressed[GZIP_OS_OFFSET] = GZIP_OS_UNKNOWN;
  return compressed;
}

function writeHeader({ path, kind, executable, target = '' }: LayerEntry, size: number): Buffer[] {
  const name = path.slice(1) + (kind === 'directory' ? '/' : '');
  const header = new Header({ ...FIXED, path: name, linkpath: target, type: TYPES[kind], mode: executable ? 0o755 : MODES[kind], size });
  const block = Buffer.alloc(BLOCK);
  header.encode(block);
  return header.needPax ? [new Pax({ path: name, linkpath: target, size }).encode(), block] : [block];
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
