/**
 * The `pack` builder: lays a folder's files on a base image, or on nothing, as its Dockerfile copies them, without any container engine.
 * The same files on the same base give the same digest: times, owners and modes are fixed, and everything is in a fixed order.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usageError, messageOf } from '../errors.ts';
import { type BaseOptions, openBase } from './base-image.ts';
import { readContext } from './context.ts';
import { ImageTree } from './copy.ts';
import { dockerfileOf } from './dockerfile-path.ts';
import { type Dockerfile, parseDockerfile } from './dockerfile.ts';
import { ImageFolders } from './image-folders.ts';
import { type BuiltImage, MEDIA_TYPES, assemble, jsonDocument } from './image.ts';
import { type Layer, compressLayer, tarOf } from './layer.ts';
import { makeWorkFolder } from './work-folder.ts';

export interface PackOptions extends BaseOptions {
  /** The image to lay the files on, such as `node:22-alpine`; undefined for nothing. */
  readonly base?: string;
  /** Path of the Dockerfile; undefined for the one in the folder. */
  readonly file?: string;
  /** Takes lines that tell how it goes. */
  readonly output?: (line: string) => void;
}

/** Of all images, so that the same files give the same digest. */
const CREATED = '1970-01-01T00:00:00Z';
const NOTHING = { settings: {}, variant: undefined, history: undefined, size: 0, readLayers: async () => ({ layers: [], folders: new ImageFolders() }) };

/**
 * Builds the image of `dir`: its files as its Dockerfile copies them, without those that `dir/.dockerignore` leaves out.
 * @throws CanaryError, exit 2, naming the line of the Dockerfile that cannot be built this way, or what is wrong with the base; exit 1 where
 *   the base could not be read
 */
export async function packImage(dir: string, { base: baseName, file, output, ...options }: PackOptions): Promise<BuiltImage> {
  const { platform } = options;
  const path = await dockerfileOf(dir, file);
  const text = await readDockerfile(path);
  const base = baseName === undefined ? NOTHING : await openBase(baseName, options);
  const dockerfile = parseDockerfile(text, base.settings);
  if (!dockerfile.steps.some(({ kind }) => kind === 'copy')) {
    throw usageError(`${path} copies nothing into the image.`, 'Write COPY . . into it.');
  }
  const work = await makeWorkFolder();
  return work.keptOnSuccess(async () => {
    if (baseName !== undefined) output?.(`Reading the base image ${baseName}, ${Math.ceil(base.size / 1e6)} MB`);
    const { layers: below, folders } = await base.readLayers(work.dir);
    const own = await packLayers(dir, dockerfile, new ImageTree(folders), work.dir);
    const layers = [...below, ...own];
    const config = jsonDocument(MEDIA_TYPES.config, {
      created: CREATED,
      architecture: platform.architecture,
      variant: base.variant,
      os: platform.os,
      config: dockerfile.config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      // One entry for each layer, or none at all.
      history: base.history && [...base.history, ...own.map(() => ({ created: CREATED, created_by: 'ecs-canary push' }))],
    });
    return { ...assemble(config, layers.map(({ blob }) => blob)), platform, dispose: () => work.remove() };
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
async function packLayers(dir: string, { steps }: Dockerfile, tree: ImageTree, workDir: string): Promise<Layer[]> {
  const context = await readContext(dir);
  const layers: Layer[] = [];
  for (const step of steps) {
    const entries = step.kind === 'copy' ? tree.copy(context, step) : tree.makeDirectory(step.path);
    if (entries.length > 0) layers.push(await compressLayer(tarOf(entries, dir), join(workDir, `layer-${layers.length}`)));
  }
  return layers;
}
