/** The image that another one is built on, read from a registry. */
import { join } from 'node:path';
import { CanaryError, ExitCode, messageOf, usageError } from '../errors.ts';
import type { ImageSettings } from './dockerfile.ts';
import { type Descriptor, baseConfigShape, parseDocument } from './documents.ts';
import { ImageFolders } from './image-folders.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';
import { MEDIA_TYPES, type Platform, platformName } from './image.ts';
import type { Layer } from './layer.ts';
import { pullBlob, pullDocument, pullManifest, wrongPlatform } from './registry-pull.ts';
import { type RegistryAccess, RegistrySession, type SessionOptions } from './registry-session.ts';

export interface BaseImage {
  /** What is inherited from it. */
  readonly settings: ImageSettings;
  /** Of the processor, where one says more: `v8` of an arm64. */
  readonly variant?: string;
  /** How its layers came about; undefined where it does not tell. */
  readonly history?: readonly object[];
  /** Bytes that there are to be read. */
  readonly size: number;
  /** Fetches its layers into a folder. */
  readLayers(workDir: string): Promise<{ readonly layers: readonly Layer[]; readonly folders: ImageFolders }>;
}

export interface BaseOptions extends SessionOptions {
  readonly platform: Platform;
  /** The registry that one is signed in at. Others are asked as anybody may ask them. */
  readonly registry?: RegistryAccess;
}

/** What layers are called, and what the same bytes are called in a manifest of OCI's. */
const LAYER_TYPES: Readonly<Record<string, string>> = {
  'application/vnd.oci.image.layer.v1.tar': 'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip': MEDIA_TYPES.layer,
  'application/vnd.oci.image.layer.v1.tar+zstd': 'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': MEDIA_TYPES.layer,
};

/**
 * Reads what an image says of itself; its layers are read when they are asked for.
 * @param name as Docker has it: `node:22-alpine`
 * @throws CanaryError, exit 2 for an image that is not there, or that none can be built on; exit 1 for what the registry or the network did
 */
export async function openBase(name: string, { platform, registry, ...options }: BaseOptions): Promise<BaseImage> {
  const reference = parseImageReference(name);
  const { repository, version } = reference;
  const session = new RegistrySession(accessTo(reference, registry), options);
  const origin = { endpoint: session.endpoint, repository };
  return explaining(name, async () => {
    const manifest = await pullManifest(session, repository, version, platform);
    const config = parseDocument(baseConfigShape, await pullDocument(session, repository, manifest.config));
    const diffIds = config?.rootfs.diff_ids ?? [];
    if (!config || diffIds.length !== manifest.layers.length) throw usageError('its config is none, or one of other layers.');
    if (platformName(config) !== platformName(platform)) throw wrongPlatform([platformName(config)], platform);
    const { OnBuild: triggers = [], ...settings } = config.config ?? {};
    if (triggers.length > 0) throw usageError(`it wants ${triggers[0]} to be done for whoever builds on it (ONBUILD), which pack can't do.`, 'Take another base image.');
    const layers = manifest.layers.map(withKnownType);
    return {
      settings,
      variant: config.variant,
      history: config.history,
      size: layers.reduce((sum, { size }) => sum + size, 0),
      readLayers: (workDir) => explaining(name, async () => {
        const folders = new ImageFolders();
        const read: Layer[] = [];
        for (const [index, layer] of layers.entries()) {
          const file = join(workDir, `base-${index}`);
          const blob = await pullBlob(session, repository, layer, file);
          await folders.addLayer(file).catch((cause: unknown) => {
            throw usageError(`its layer ${layer.digest} can't be unpacked: ${messageOf(cause)}.`);
          });
          read.push({ blob: { ...blob, origin }, diffId: diffIds[index] ?? '' });
        }
        return { layers: read, folders };
      }),
    };
  });
}

/** The registry's own address, signed in where that is possible. */
function accessTo({ endpoint }: ImageReference, registry: RegistryAccess | undefined): RegistryAccess {
  if (registry && new URL(registry.endpoint).host === new URL(endpoint).host) return registry;
  // A token of ECR's opens the registries of other accounts in its region, too, as far as they allow it.
  return registry && regionOf(registry.endpoint) === (regionOf(endpoint) ?? '') ? { ...registry, endpoint } : { endpoint };
}

/** Of `https://123456789012.dkr.ecr.eu-central-1.amazonaws.com`: what comes after the account. */
function regionOf(endpoint: string): string | undefined {
  return /^https:\/\/\d{12}\.(dkr\.ecr\..+)$/.exec(endpoint)?.[1];
}

function withKnownType(layer: Descriptor): Descriptor {
  const mediaType = Object.hasOwn(LAYER_TYPES, layer.mediaType) ? LAYER_TYPES[layer.mediaType] : undefined;
  if (mediaType === undefined) throw usageError(`it has a layer that can't be read (${layer.mediaType}).`, 'Take another base image.');
  return { ...layer, mediaType };
}

async function explaining<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof CanaryError) || error.exitCode === ExitCode.interrupted) throw error;
    const asked = error.code === 'registry-failed';
    throw error.with({
      message: `The base image ${name} can't be used: ${error.message}`,
      exitCode: asked ? ExitCode.failed : error.exitCode,
      next: asked ? 'run the same command again; what not everybody may read has to be in an ECR registry of this region that lets this identity read it' : (error.next ?? 'set BASE_IMAGE to another image, or to none'),
    });
  }
}
