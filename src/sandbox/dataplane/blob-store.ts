/** Content-addressed files: what has a digest's name is whole and has that digest. Shared by all regions of a sandbox. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sha256 } from '../world/manifest.ts';

export interface BlobStore {
  /** Size in bytes; undefined when there is no such blob. */
  size(digest: string): Promise<number | undefined>;
  open(digest: string): Readable;
  /** The file that holds it, for whoever needs one. */
  path(digest: string): string;
  read(digest: string): Promise<Buffer>;
  /** Starts an upload and returns its id. Until `finish` its bytes are no blob. */
  begin(): Promise<string>;
  /** Bytes received, once nothing more is on its way to the disk; undefined when there is no such upload. */
  received(upload: string): Promise<number | undefined>;
  append(upload: string, content: Readable | Iterable<Buffer>): Promise<void>;
  /** Makes the upload the blob `digest`. False, and the upload is gone, when its content has another digest. */
  finish(upload: string, digest: string): Promise<boolean>;
  cancel(upload: string): Promise<void>;
}

/** The blobs under `<dir>/registry`. `dir` is the sandbox's folder. */
export function makeBlobStore(dir: string): BlobStore {
  const blobs = join(dir, 'registry', 'blobs', 'sha256');
  const uploads = join(dir, 'registry', 'uploads');
  const blobFile = (digest: string) => join(blobs, digest.slice('sha256:'.length));
  const uploadFile = (id: string) => join(uploads, id);
  /** Uploads that are being written: until then they may grow, also after their connection was cut. */
  const writing = new Map<string, Promise<void>>();

  return {
    size: (digest) => fileSize(blobFile(digest)),
    open: (digest) => createReadStream(blobFile(digest)),
    path: blobFile,
    read: (digest) => readFile(blobFile(digest)),
    async begin() {
      const id = randomUUID();
      await mkdir(uploads, { recursive: true });
      await writeFile(uploadFile(id), '');
      return id;
    },
    async received(id) {
      await writing.get(id);
      return fileSize(uploadFile(id));
    },
    async append(id, content) {
      const file = createWriteStream(uploadFile(id), { flags: 'a' });
      const closed = new Promise<void>((resolve) => file.once('close', () => resolve()));
      writing.set(id, closed);
      try {
        await pipeline(content, file);
      } finally {
        await closed;
        writing.delete(id);
      }
    },
    async finish(id, digest) {
      const file = uploadFile(id);
      if ((await digestOfFile(file)) !== digest) {
        await rm(file, { force: true });
        return false;
      }
      await mkdir(blobs, { recursive: true });
      await rename(file, blobFile(digest));
      return true;
    },
    cancel: (id) => rm(uploadFile(id), { force: true }),
  };
}

/** Stores content that is in memory already, and returns its digest. */
export async function putBlob(blobs: BlobStore, content: Buffer): Promise<string> {
  const digest = sha256(content);
  const upload = await blobs.begin();
  await blobs.append(upload, [content]);
  await blobs.finish(upload, digest);
  return digest;
}

/** Hashes what is on the disk, after it is on the disk: a power cut leaves no blob that only looks whole. */
async function digestOfFile(path: string): Promise<string> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
    const hash = createHash('sha256');
    await pipeline(file.createReadStream({ autoClose: false }), hash);
    return `sha256:${hash.digest('hex')}`;
  } finally {
    await file.close();
  }
}

async function fileSize(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
