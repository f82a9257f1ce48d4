/** Images of the registry as runners take them: found by name, laid out as folders, or as archives. */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { ImageConfig, ImageStore, Region, StoredImage } from '../parts.ts';
import { findImage, findRepository } from '../world/ecr-images.ts';
import type { ImageState } from '../world/ecr-state.ts';
import { type IndexEntry, type Manifest, parseManifest } from '../world/manifest.ts';
import { type BlobStore, makeBlobStore } from './blob-store.ts';
import { archiveImage } from './image-archive.ts';
import { unpackLayer } from './unpack-layer.ts';

/** Builders written in Go write `null` for what is not set. */
const strings = z.array(z.string()).nullish().transform((value) => value ?? undefined);
const imageConfigFile = z.object({
  architecture: z.string(),
  config: z.object({
    Env: strings,
    Entrypoint: strings,
    Cmd: strings,
    WorkingDir: z.string().optional(),
    User: z.string().optional(),
    ExposedPorts: z.record(z.string(), z.object({})).nullish().transform((value) => value ?? undefined),
  }).optional(),
});

/** Images of the region's own repositories, unpacked once each under `<dir>/images`, which all regions share. */
export function makeImageStore(region: Region): ImageStore {
  const blobs = makeBlobStore(region.config.dir);
  const images = join(region.config.dir, 'images');
  const unpacking = new Map<string, Promise<string>>();

  /** Tasks that start together ask for the same image at the same time: one of them unpacks it. */
  function unpackOnce(manifest: Manifest): Promise<string> {
    const running = unpacking.get(manifest.digest) ?? unpack(images, manifest, blobs).finally(() => unpacking.delete(manifest.digest));
    unpacking.set(manifest.digest, running);
    return running;
  }

  async function find(reference: string): Promise<StoredImage> {
    const image = resolveReference(region, reference);
    const named = await readManifest(blobs, image.digest);
    const manifest = named.config ? named : await readManifest(blobs, entryForThisMachine(reference, named.manifests).digest);
    const { architecture, config } = await readConfig(blobs, manifest);
    image.lastPulledAt = region.clock.now();
    region.changed();
    return { repository: parseReference(reference).repository, digest: image.digest, manifest, config, architecture };
  }

  return {
    find,
    async prepare(reference) {
      const image = await find(reference);
      return { ...image, rootfs: await unpackOnce(image.manifest) };
    },
    archive: ({ manifest }, name) => archiveImage(manifest, name, blobs),
  };
}

function resolveReference(region: Region, reference: string): ImageState {
  const { repository, version } = parseReference(reference);
  const state = findRepository(region, repository);
  const image = state && findImage(state, version);
  if (!image) throw pullFailed(`failed to resolve ref ${reference}: ${reference}: not found`);
  return image;
}

/** `host:port/name:tag`, `host/name:tag@sha256:…`, `name`: a first part with a dot or a colon is a host, and a digest beats a tag. */
function parseReference(reference: string): { repository: string; version: string } {
  const [path = '', digest] = reference.split('@');
  const [first = '', ...rest] = path.split('/');
  const withoutHost = rest.length > 0 && /[.:]|^localhost$/.test(first) ? rest.join('/') : path;
  const [repository = '', tag = 'latest'] = withoutHost.split(':');
  return { repository, version: digest ?? tag };
}

function entryForThisMachine(reference: string, entries: readonly IndexEntry[]): IndexEntry {
  const linux = entries.filter(({ platform }) => platform?.os === 'linux');
  const own = process.arch === 'x64' ? 'amd64' : process.arch;
  const entry = linux.find(({ platform }) => platform?.architecture === own) ?? linux[0];
  if (entry) return entry;
  throw pullFailed(`image Manifest does not contain descriptor matching platform 'linux/${own}' in ${reference}`);
}

async function readManifest(blobs: BlobStore, digest: string): Promise<Manifest> {
  const manifest = parseManifest(await blobs.read(digest));
  if (!manifest) throw pullFailed(`${digest} is no image manifest`);
  return manifest;
}

async function readConfig(blobs: BlobStore, { config }: Manifest): Promise<{ architecture: string; config: ImageConfig }> {
  if (!config) throw pullFailed('an image index inside an image index');
  const file = imageConfigFile.parse(JSON.parse((await blobs.read(config.digest)).toString('utf8')));
  return { architecture: file.architecture, config: file.config ?? {} };
}

function pullFailed(why: string): Error {
  return new Error(`pull image manifest has been retried 1 time(s): ${why}`);
}

/** Returns the image's root folder. It appears whole or not at all. */
async function unpack(images: string, { digest, layers }: Manifest, blobs: BlobStore): Promise<string> {
  const done = join(images, digest.replace(':', '-'));
  const rootfs = join(done, 'rootfs');
  if (await exists(rootfs)) return rootfs;

  await mkdir(images, { recursive: true });
  const draft = await mkdtemp(join(images, '.unpacking-'));
  try {
    const draftRoot = join(draft, 'rootfs');
    await mkdir(draftRoot);
    for (const layer of layers) await unpackLayer(layer, blobs, draftRoot);
    await rename(draft, done);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another region was faster.
    if (await exists(rootfs)) return rootfs;
    throw error;
  }
  return rootfs;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
