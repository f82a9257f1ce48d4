/** The JSON documents of images, as others write them. */
import * as z from 'zod';
import { MEDIA_TYPES, byDigest } from './image.ts';

export const DIGEST = /^sha256:[0-9a-f]{64}$/;

const descriptorShape = z.looseObject({ mediaType: z.string(), digest: z.string().regex(DIGEST), size: z.number().int().min(0) });
const entryShape = descriptorShape.extend({
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

export type Descriptor = z.infer<typeof descriptorShape>;
export type IndexEntry = z.infer<typeof entryShape>;
export type Manifest = z.infer<typeof manifestShape>;

export const indexShape = z.object({ manifests: z.array(entryShape) });
/** What else a manifest says is kept. */
export const manifestShape = z.looseObject({ schemaVersion: z.literal(2), config: descriptorShape, layers: z.array(descriptorShape) });
export const configShape = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
});

const words = z.array(z.string()).optional();
const names = z.record(z.string(), z.looseObject({})).optional();
const settingsShape = z.preprocess(withoutNulls, z.looseObject({
  User: z.string().optional(),
  ExposedPorts: names,
  Env: words,
  Entrypoint: words,
  Cmd: words,
  WorkingDir: z.string().optional(),
  Labels: z.record(z.string(), z.string()).optional(),
  Shell: words,
  OnBuild: words,
}));
/** The config of an image that others are built on. */
export const baseConfigShape = z.preprocess(withoutNulls, configShape.extend({
  variant: z.string().optional(),
  config: settingsShape.optional(),
  history: z.array(z.looseObject({})).optional(),
}));

/** What a tag may name: without this, a registry may answer with another form of the image, and another digest. */
export const MANIFEST_TYPES = [MEDIA_TYPES.manifest, MEDIA_TYPES.index, MEDIA_TYPES.dockerManifest, MEDIA_TYPES.dockerIndex].join(', ');

export const isIndex = (mediaType: string): boolean => mediaType === MEDIA_TYPES.index || mediaType === MEDIA_TYPES.dockerIndex;
export const isManifest = (mediaType: string): boolean => mediaType === MEDIA_TYPES.manifest || mediaType === MEDIA_TYPES.dockerManifest;

/** The images of an index, each once, without what BuildKit tells about how they were made. */
export function imagesOf({ manifests }: z.infer<typeof indexShape>): IndexEntry[] {
  const images = manifests.filter(({ annotations }) => annotations?.['vnd.docker.reference.type'] !== 'attestation-manifest');
  return byDigest(images);
}

/** Go writes null for what is not set. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** Undefined for what is no JSON, or not of that shape. */
export function parseDocument<T>(shape: z.ZodType<T>, content: Buffer | string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(content.toString())).data;
  } catch {
    return undefined;
  }
}
