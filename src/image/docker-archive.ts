/** Reads the one image of an archive of `docker save`, as docker wrote it before version 25 and podman does by default. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import * as z from 'zod';
import { messageOf, usageError } from '../errors.ts';
import { fileBlob } from './blob-file.ts';
import { configShape, parseDocument } from './documents.ts';
import { type BuiltImage, MEDIA_TYPES, assemble, imageDocument } from './image.ts';
import { type Layer, compressLayer } from './layer.ts';
import { type OpenArchive, damaged } from './open-archive.ts';
import { isNoRoom } from './work-folder.ts';

const listShape = z.array(z.object({
  Config: z.string(),
  RepoTags: z.array(z.string()).nullish(),
  Layers: z.array(z.string()),
}));

const GZIP = Buffer.from([0x1f, 0x8b]);

/**
 * Makes an OCI manifest for it, since the archive has none. The same archive gives the same digest.
 * @param list the archive's manifest.json
 * @throws CanaryError, exit 2
 */
export async function readDockerArchive(archive: OpenArchive, list: string): Promise<Omit<BuiltImage, 'dispose'>> {
  const images = parseDocument(listShape, await readFile(list));
  const [image] = images ?? [];
  if (!images || !image) throw usageError(`${archive.name} holds no image: its manifest.json lists none.`);
  if (images.length > 1) {
    const names = images.map(({ RepoTags, Config }) => RepoTags?.[0] ?? Config);
    throw usageError(`${archive.name} holds ${images.length} images: ${names.join(', ')}.`, `Save only the one that is to be pushed: docker save -o FILE ${names[0]}.`);
  }

  const config = imageDocument(MEDIA_TYPES.config, await readFile(await fileOf(archive, image.Config)));
  const settings = parseDocument(configShape, config.content);
  if (!settings) throw damaged(archive, `${image.Config} is no image config`);
  const layers: Layer[] = [];
  for (const [index, name] of image.Layers.entries()) {
    const file = await fileOf(archive, name);
    layers.push(await readLayer(file, join(archive.workDir, `layer-${index}`)).catch((cause: unknown) => {
      throw isNoRoom(cause) ? cause : damaged(archive, `${name} can't be read: ${messageOf(cause)}`);
    }));
  }
  const wrong = layers.findIndex(({ diffId }, index) => diffId !== settings.rootfs.diff_ids[index]);
  if (wrong >= 0 || layers.length !== settings.rootfs.diff_ids.length) throw damaged(archive, `its layers are not those that ${image.Config} names`);

  return { ...assemble(config, layers.map(({ blob }) => blob)), platform: { os: settings.os, architecture: settings.architecture } };
}

/** Other tools than docker may have compressed it already. */
async function readLayer(file: string, target: string): Promise<Layer> {
  if (!(await isGzip(file))) return compressLayer(createReadStream(file), target);
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), createGunzip(), hash);
  return { blob: await fileBlob(MEDIA_TYPES.layer, file), diffId: `sha256:${hash.digest('hex')}` };
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read({ buffer: Buffer.alloc(GZIP.length) });
    return buffer.equals(GZIP);
  } finally {
    await file.close();
  }
}

async function fileOf(archive: OpenArchive, name: string): Promise<string> {
  const file = await archive.find(name);
  if (file === undefined) throw damaged(archive, `it lacks ${name}`);
  return file;
}
