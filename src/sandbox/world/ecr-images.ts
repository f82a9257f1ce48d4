/** The rules of an ECR repository's images and tags, the same for the API and for the registry behind it. */
import type { Region } from '../parts.ts';
import { AwsError } from '../errors.ts';
import type { ImageState, RepositoryState } from './ecr-state.ts';
import type { Manifest } from './manifest.ts';

export function findRepository(region: Region, name: string | undefined): RepositoryState | undefined {
  return region.state.ecr.repositories.find(({ repository }) => repository.repositoryName === name);
}

/** @throws AwsError RepositoryNotFoundException */
export function requireRepository(region: Region, name: string | undefined, registryId = region.config.account): RepositoryState {
  const found = findRepository(region, name);
  if (!found || registryId !== region.config.account) {
    throw new AwsError('RepositoryNotFoundException', `The repository with name '${name}' does not exist in the registry with id '${registryId}'`);
  }
  return found;
}

/** @param reference a tag, or a digest */
export function findImage({ images }: RepositoryState, reference: string): ImageState | undefined {
  return images.find(({ digest, tags }) => digest === reference || tags.includes(reference));
}

/** What an image goes by now: its digest, its tags, and these with the repository before them. */
export function namesOf(region: Region, repository: string, digest: string): string[] {
  const tags = findRepository(region, repository)?.images.find((image) => image.digest === digest)?.tags ?? [];
  return [digest, ...tags, ...tags.map((tag) => `${repository}:${tag}`)];
}

/**
 * Takes a pushed manifest into the repository and gives it the tag, which moves away from another image where the repository lets it.
 * @returns the image, and whether anything changed: an image that was there under that tag already is no error here.
 * @throws AwsError LayersNotFoundException, ReferencedImagesNotFoundException, ImageTagAlreadyExistsException
 */
export function recordImage(region: Region, state: RepositoryState, manifest: Manifest, tag?: string): { image: ImageState; changed: boolean } {
  requireParts(state, manifest);
  const holder = tag === undefined ? undefined : findImage(state, tag);
  const known = findImage(state, manifest.digest);
  if (known && (tag === undefined || holder === known)) return { image: known, changed: false };
  if (tag !== undefined && holder && isImmutable(state, tag)) {
    throw new AwsError(
      'ImageTagAlreadyExistsException',
      `The image tag '${tag}' already exists in the '${state.repository.repositoryName}' repository and cannot be overwritten because the tag is immutable.`,
    );
  }

  const image = known ?? newImage(region, state, manifest);
  if (!known) state.images.push(image);
  if (holder) holder.tags = holder.tags.filter((other) => other !== tag);
  if (tag !== undefined) image.tags.push(tag);
  region.changed();
  return { image, changed: true };
}

function requireParts({ repository, layers, images }: RepositoryState, { config, layers: wanted, manifests }: Manifest): void {
  const where = `required for pushing image into repository with name '${repository.repositoryName}' in the registry with id '${repository.registryId}' do not exist`;
  const missingLayers = [...(config ? [config] : []), ...wanted].map(({ digest }) => digest).filter((digest) => !layers.includes(digest));
  if (missingLayers.length > 0) {
    throw new AwsError('LayersNotFoundException', `Layers with digests '[${missingLayers.join(', ')}]' ${where}`);
  }
  const missingImages = manifests.map(({ digest }) => digest).filter((digest) => !images.some((image) => image.digest === digest));
  if (missingImages.length > 0) {
    throw new AwsError('ReferencedImagesNotFoundException', `Images with digests '[${missingImages.join(', ')}]' ${where}`);
  }
}

function newImage(region: Region, state: RepositoryState, { digest, mediaType, config, layers, manifests }: Manifest): ImageState {
  const references = manifests.map((entry) => entry.digest);
  const sizes = references.map((reference) => findImage(state, reference)?.sizeInBytes ?? 0);
  return {
    digest,
    manifestMediaType: mediaType,
    artifactMediaType: config?.mediaType,
    sizeInBytes: config ? layers.reduce((sum, { size }) => sum + size, config.size) : Math.max(0, ...sizes),
    pushedAt: region.clock.now(),
    tags: [],
    references,
  };
}

function isImmutable({ repository }: RepositoryState, tag: string): boolean {
  const { imageTagMutability = 'MUTABLE', imageTagMutabilityExclusionFilters: filters = [] } = repository;
  const excluded = filters.some(({ filter = '' }) => matchesWildcard(filter, tag));
  return imageTagMutability.startsWith('IMMUTABLE') !== excluded;
}

function matchesWildcard(filter: string, tag: string): boolean {
  const pattern = filter.split('*').map((part) => part.replaceAll(/[.]/g, String.raw`\.`)).join('.*');
  return new RegExp(`^${pattern}$`).test(tag);
}
