/**
 * An image as one tar archive that engines of any age load: an OCI layout (https://github.com/opencontainers/image-spec) that also
 * has the `manifest.json` of `docker save`.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { create } from 'tar';
import type { Manifest } from '../world/manifest.ts';
import type { BlobStore } from './blob-store.ts';

/**
 * Streams the archive; what it is made from is removed once it was read, or given up.
 * @param manifest an image's, not an index's.
 * @param name what the engine is to call it, tag included.
 */
export async function archiveImage(manifest: Manifest, name: string, blobs: BlobStore): Promise<Readable> {
  const layout = await mkdtemp(join(tmpdir(), 'ecs-canary-load-'));
  try {
    await writeLayout(layout, manifest, name, blobs);
    const entries = ['oci-layout', 'index.json', 'manifest.json', 'blobs'];
    // Blobs are links to the registry's files: nothing is copied twice.
    const archive = Readable.from(create({ cwd: layout, follow: true, portable: true }, entries));
    return archive.once('close', () => void rm(layout, { recursive: true, force: true }));
  } catch (error) {
    await rm(layout, { recursive: true, force: true });
    throw error;
  }
}

async function writeLayout(layout: string, { digest, mediaType, config, layers }: Manifest, name: string, blobs: BlobStore): Promise<void> {
  const folder = join(layout, 'blobs', 'sha256');
  await mkdir(folder, { recursive: true });
  const parts = [digest, ...(config ? [config.digest] : []), ...layers.map((layer) => layer.digest)];
  for (const part of new Set(parts)) await symlink(blobs.path(part), join(folder, hexOf(part)));

  const annotations = { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size: await blobs.size(digest), annotations }] };
  const saved = [{ Config: blobIn(config?.digest ?? ''), RepoTags: [name], Layers: layers.map((layer) => blobIn(layer.digest)) }];
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  await writeFile(join(layout, 'manifest.json'), JSON.stringify(saved));
}

function blobIn(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
