/** Reads the one image of an OCI image layout. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CanaryError, usageError } from '../errors.ts';
import { fileBlob } from './blob-file.ts';
import {
  type Descriptor, type IndexEntry, type Manifest, configShape, imagesOf, indexShape, isIndex, isManifest, manifestShape, parseDocument,
} from './documents.ts';
import { type BuiltImage, type ImageBlob, type ImageDocument, byDigest, descriptor, imageDocument, jsonDocument, platformName } from './image.ts';
import { compressLayer } from './layer.ts';
import { type OpenArchive, damaged } from './open-archive.ts';

/**
 * @param index the layout's index.json
 * @throws CanaryError, exit 2
 */
export async function readOciLayout(archive: OpenArchive, index: string): Promise<Omit<BuiltImage, 'dispose'>> {
  const entry = await findImage(archive, await readFile(index));
  if (!isManifest(entry.mediaType)) throw usageError(`${archive.name} holds ${entry.mediaType}, which is no image.`);
  const document = imageDocument(entry.mediaType, await readFile((await blobOf(archive, entry)).file));
  const manifest = parseDocument(manifestShape, document.content);
  if (!manifest) throw damaged(archive, `${entry.digest} is no image manifest`);

  const config = await blobOf(archive, manifest.config);
  const platform = parseDocument(configShape, await readFile(config.file));
  if (!platform) throw damaged(archive, `${manifest.config.digest} is no image config`);
  const layers: ImageBlob[] = [];
  for (const layer of manifest.layers) layers.push(await layerOf(archive, layer));
  return {
    manifest: withLayers(document, manifest, layers),
    blobs: byDigest([...layers, config.blob]),
    platform: { os: platform.os, architecture: platform.architecture },
  };
}

/** Looks through indexes that hold nothing but another index, or one image. */
async function findImage(archive: OpenArchive, content: Buffer): Promise<IndexEntry> {
  const index = parseDocument(indexShape, content);
  if (!index) throw damaged(archive, 'its index is none');
  const images = imagesOf(index);
  const [image] = images;
  if (!image) throw usageError(`${archive.name} holds no image.`);
  if (images.length > 1) throw severalImages(archive.name, images);
  return isIndex(image.mediaType) ? findImage(archive, await readFile((await blobOf(archive, image)).file)) : image;
}

function severalImages(name: string, images: readonly IndexEntry[]): CanaryError {
  const platforms = images.flatMap(({ platform }) => (platform ? platformName(platform) : []));
  if (platforms.length === images.length && new Set(platforms).size > 1) {
    return usageError(
      `${name} is an image for several platforms: ${platforms.join(', ')}. A version runs on one.`,
      `Build or save it for one of them, such as docker save --platform ${platforms[0]} -o FILE IMAGE.`,
    );
  }
  const names = images.map(({ annotations, digest }) => annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'] ?? digest);
  return usageError(`${name} holds ${images.length} images: ${names.join(', ')}.`, 'Save only the one that is to be pushed.');
}

/** Engines leave layers as they have them on their disks; tasks would wait longer for them. */
async function layerOf(archive: OpenArchive, layer: Descriptor): Promise<ImageBlob> {
  const { blob, file } = await blobOf(archive, layer);
  if (!layer.mediaType.endsWith('.tar')) return blob;
  const compressed = await compressLayer(createReadStream(file), join(archive.workDir, layer.digest.slice('sha256:'.length)));
  return { ...compressed.blob, mediaType: `${layer.mediaType}${layer.mediaType.startsWith('application/vnd.oci.') ? '+' : '.'}gzip` };
}

/** The manifest as it is, or, where a layer was compressed, one that says so. */
function withLayers(document: ImageDocument, manifest: Manifest, layers: readonly ImageBlob[]): ImageDocument {
  if (layers.every(({ digest }, index) => digest === manifest.layers[index]?.digest)) return document;
  return jsonDocument(document.mediaType, { ...manifest, layers: manifest.layers.map((layer, index) => ({ ...layer, ...(layers[index] && descriptor(layers[index])) })) });
}

async function blobOf(archive: OpenArchive, { mediaType, digest, size }: Descriptor): Promise<{ blob: ImageBlob; file: string }> {
  const file = await archive.find(`blobs/${digest.replace(':', '/')}`);
  if (file === undefined) throw damaged(archive, `it lacks ${digest}`);
  const blob = await fileBlob(mediaType, file);
  if (blob.digest !== digest || blob.size !== size) throw damaged(archive, `the content of ${digest} is another one`);
  return { blob, file };
}
