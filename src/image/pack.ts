/**
 * The `pack` builder: lays a folder's files on nothing, as its Dockerfile copies them, without any container engine.
 * The same files give the same digest: times, owners and modes are fixed, and everything is in a fixed order.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError, messageOf } from '../errors.ts';
import { readContext } from './context.ts';
import { ImageTree } from './copy.ts';
import { dockerfileOf } from './dockerfile-path.ts';
import { type Dockerfile, parseDockerfile } from './dockerfile.ts';
import { type BuiltImage, MEDIA_TYPES, type Platform, descriptor, jsonDocument } from './image.ts';
import { type Layer, compressLayer, tarOf } from './layer.ts';
import { makeWorkFolder } from './work-folder.ts';

export interface PackOptions {
  readonly platform: Platform;
  /** Path of the Dockerfile; undefined for the one in the folder. */
  readonly file?: string;
}

/**
 * Builds the image of `dir`: its files as its Dockerfile copies them, without those that `dir/.dockerignore` leaves out.
 * @throws CanaryError, exit 2, naming the line of the Dockerfile that cannot be built this way
 */
export async function packImage(dir: string, { platform, file }: PackOptions): Promise<BuiltImage> {
  const path = await dockerfileOf(dir, file);
  const dockerfile = parseDockerfile(await readDockerfile(path));
  if (!dockerfile.steps.some(({ kind }) => kind === 'copy')) {
    throw usageError(`${path} copies nothing into the image.`, 'Write COPY . . into it.');
  }
  const work = await makeWorkFolder();
  return work.keptOnSuccess(async () => {
    const layers = await packLayers(dir, dockerfile, work.dir);
    const config = jsonDocument(MEDIA_TYPES.config, {
      created: '1970-01-01T00:00:00Z',
      architecture: platform.architecture,
      os: platform.os,
      config: dockerfile.config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    });
    const manifest = jsonDocument(MEDIA_TYPES.manifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: descriptor(config),
      layers: layers.map(({ blob }) => descriptor(blob)),
    });
    return { manifest, blobs: [...layers.map(({ blob }) => blob), config], platform, dispose: () => work.remove() };
  });
}

async function readDockerfile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw usageError(`${path} can't be read: ${messageOf(cause)}`);
  }
}

/** One layer for each COPY, so that what did not change is not sent again. */
async function packLayers(dir: string, { steps }: Dockerfile, workDir: string): Promise<Layer[]> {
  const context = await readContext(dir);
  const tree = new ImageTree();
  const layers: Layer[] = [];
  for (const step of steps) {
    const entries = step.kind === 'copy' ? tree.copy(context, step) : tree.makeDirectory(step.path);
    if (entries.length > 0) layers.push(await compressLayer(tarOf(entries, dir), join(workDir, `layer-${layers.length}`)));
  }
  return layers;
}
