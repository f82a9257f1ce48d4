/** Lays one image layer over a folder: later layers replace and delete what earlier ones brought, and nothing gets outside. */
import { readdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Parser, extract } from 'tar';
import type { Descriptor } from '../world/manifest.ts';
import type { BlobStore } from './blob-store.ts';

const WHITEOUT = '.wh.';
const OPAQUE_DIRECTORY = '.wh..wh..opq';

/** A link that was made relative; a device, which a folder cannot hold. */
const HARMLESS = new Set(['TAR_ENTRY_INFO', 'TAR_ENTRY_UNSUPPORTED']);

/**
 * @param rootfs a folder that holds what the layers below brought
 * @throws Error worded as ECS words a pull that fails at a layer
 */
export async function unpackLayer({ digest, mediaType }: Descriptor, blobs: BlobStore, rootfs: string): Promise<void> {
  if (mediaType.endsWith('zstd')) throw failed(digest, 'zstd layers are not supported here: push with gzip');
  try {
    // Deletions first: they mean the layers below, never files of the same layer.
    for (const path of await listWhiteouts(digest, blobs)) await applyWhiteout(rootfs, path);
    await extractFiles(digest, blobs, rootfs);
  } catch (error) {
    throw failed(digest, error instanceof Error ? error.message : String(error));
  }
}

async function extractFiles(digest: string, blobs: BlobStore, rootfs: string): Promise<void> {
  const refused: string[] = [];
  await pipeline(blobs.open(digest), extract({
    cwd: rootfs,
    filter: (path) => !basename(path).startsWith(WHITEOUT),
    preserveOwner: false,
    onwarn: (code, message) => {
      if (!HARMLESS.has(code)) refused.push(message);
    },
  }));
  // What is broken or would leave the folder was left out; an image that holds such a thing is not to run.
  if (refused.length > 0) throw new Error(refused.join('; '));
}

async function listWhiteouts(digest: string, blobs: BlobStore): Promise<string[]> {
  const whiteouts: string[] = [];
  const parser = new Parser({
    onReadEntry(entry) {
      if (basename(entry.path).startsWith(WHITEOUT)) whiteouts.push(entry.path);
      entry.resume();
    },
  });
  await pipeline(blobs.open(digest), parser);
  return whiteouts;
}

async function applyWhiteout(rootfs: string, path: string): Promise<void> {
  const parent = await realpath(join(rootfs, dirname(path))).catch(() => undefined);
  if (parent === undefined) return;
  const root = await realpath(rootfs);
  if (parent !== root && !parent.startsWith(root + sep)) throw new Error(`path escapes from the image: ${path}`);

  const name = basename(path).slice(WHITEOUT.length);
  if (name === '' || name === '.' || name === '..') throw new Error(`path escapes from the image: ${path}`);
  const hidden = basename(path) === OPAQUE_DIRECTORY ? await readdir(parent) : [name];
  for (const entry of hidden) await rm(join(parent, entry), { recursive: true, force: true });
}

function failed(digest: string, why: string): Error {
  return new Error(`pull image manifest has been retried 1 time(s): failed to extract layer ${digest}: ${why}`);
}
