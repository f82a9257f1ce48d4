/** Images of a repository: what is there, what may be put there, and taking it away. */
import type {
  BatchCheckLayerAvailabilityRequest, BatchCheckLayerAvailabilityResponse, BatchDeleteImageRequest, BatchDeleteImageResponse,
  BatchGetImageRequest, BatchGetImageResponse, DescribeImagesFilter, DescribeImagesRequest, DescribeImagesResponse, GetDownloadUrlForLayerRequest,
  GetDownloadUrlForLayerResponse, Image, ImageDetail, ImageFailure, ImageFailureCode, ImageIdentifier, Layer, LayerFailure, ListImagesRequest, ListImagesResponse, PutImageRequest, PutImageResponse,
} from '@aws-sdk/client-ecr';
import { makeBlobStore, putBlob } from '../../dataplane/blob-store.ts';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { findImage, recordImage, requireRepository } from '../../world/ecr-images.ts';
import type { ImageState, RepositoryState } from '../../world/ecr-state.ts';
import { layerUrl } from '../../world/layer-urls.ts';
import { DIGEST, parseManifest } from '../../world/manifest.ts';
import { invalidParameter, page, requireMatch } from './parameters.ts';

const TAG = /\w[\w.-]{0,127}/;

type Found = { image: ImageState; failure?: undefined } | { image?: undefined; failure: ImageFailure };

export function DescribeImages(input: DescribeImagesRequest, region: Region): DescribeImagesResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  if (input.imageIds) return { imageDetails: input.imageIds.map((id) => describe(state, requireImage(state, id))) };
  const { items, nextToken } = page(region, state.images.filter(passes(input.filter)), input);
  return { imageDetails: items.map((image) => describe(state, image)), nextToken };
}

export function ListImages(input: ListImagesRequest, region: Region): ListImagesResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  const { items, nextToken } = page(region, state.images.filter(passes(input.filter)).flatMap(identifiers), input);
  return { imageIds: items, nextToken };
}

export async function BatchGetImage(input: BatchGetImageRequest, region: Region): Promise<BatchGetImageResponse> {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  const blobs = makeBlobStore(region.config.dir);
  const images: Image[] = [];
  const failures: ImageFailure[] = [];
  for (const id of input.imageIds ?? []) {
    const { image, failure } = lookUp(state, id);
    if (image) {
      const manifest = await blobs.read(image.digest);
      images.push(toImage(state, image, id.imageTag, manifest.toString('utf8')));
    } else {
      failures.push(failure);
    }
  }
  return { images, failures };
}

export function BatchDeleteImage(input: BatchDeleteImageRequest, region: Region): BatchDeleteImageResponse {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  const imageIds: ImageIdentifier[] = [];
  const failures: ImageFailure[] = [];
  for (const id of input.imageIds ?? []) {
    const { image, failure } = lookUp(state, id);
    const refusal = image ? whyKept(state, image, id) : failure;
    if (refusal) {
      failures.push(refusal);
    } else if (image) {
      imageIds.push(...remove(state, image, id.imageTag));
    }
  }
  region.changed();
  return { imageIds, failures };
}

export async function PutImage(input: PutImageRequest, region: Region): Promise<PutImageResponse> {
  const { imageManifest = '', imageManifestMediaType, imageTag, imageDigest } = input;
  const state = requireRepository(region, input.repositoryName, input.registryId);
  if (imageTag !== undefined) requireMatch('imageTag', imageTag, TAG);
  const manifest = parseManifest(Buffer.from(imageManifest), imageManifestMediaType);
  if (!manifest) throw invalidParameter('ImageManifest', 'Invalid image manifest');
  if (imageDigest !== undefined && imageDigest !== manifest.digest) {
    throw new AwsError(
      'ImageDigestDoesNotMatchException',
      `The provided image digest '${imageDigest}' does not match the digest '${manifest.digest}' of the image manifest`,
    );
  }

  await putBlob(makeBlobStore(region.config.dir), Buffer.from(imageManifest));
  const { image, changed } = recordImage(region, state, manifest, imageTag);
  const { repositoryName, registryId } = state.repository;
  if (!changed) {
    const what = `Image with digest '${image.digest}'${imageTag === undefined ? '' : ` and tag '${imageTag}'`}`;
    throw new AwsError(
      'ImageAlreadyExistsException',
      `${what} already exists in the repository with name '${repositoryName}' in registry with id '${registryId}'`,
    );
  }
  return { image: toImage(state, image, imageTag, imageManifest) };
}

export async function BatchCheckLayerAvailability(input: BatchCheckLayerAvailabilityRequest, region: Region): Promise<BatchCheckLayerAvailabilityResponse> {
  const state = requireRepository(region, input.repositoryName, input.registryId);
  const blobs = makeBlobStore(region.config.dir);
  const layers: Layer[] = [];
  const failures: LayerFailure[] = [];
  for (const layerDigest of input.layerDigests ?? []) {
    if (DIGEST.test(layerDigest)) {
      const layerSize = state.layers.includes(layerDigest) ? await blobs.size(layerDigest) : undefined;
      layers.push({ layerDigest, layerSize, layerAvailability: layerSize === undefined ? 'UNAVAILABLE' : 'AVAILABLE' });
    } else {
      failures.push({ layerDigest, failureCode: 'InvalidLayerDigest', failureReason: 'Invalid layer digest' });
    }
  }
  return { layers, failures };
}

/** Source: the call's page in the ECR API reference, for its errors. */
export function GetDownloadUrlForLayer(input: GetDownloadUrlForLayerRequest, region: Region): GetDownloadUrlForLayerResponse {
  const { layerDigest = '' } = input;
  const state = requireRepository(region, input.repositoryName, input.registryId);
  requireMatch('layerDigest', layerDigest, DIGEST);
  if (!state.layers.includes(layerDigest)) {
    const { repositoryName, registryId } = state.repository;
    throw new AwsError(
      'LayersNotFoundException',
      `The layer with digest '${layerDigest}' does not exist in the repository with name '${repositoryName}' in registry with id '${registryId}'`,
    );
  }
  return { downloadUrl: layerUrl(region.config.port, layerDigest, Date.now()), layerDigest };
}

function describe({ repository }: RepositoryState, image: ImageState): ImageDetail {
  return {
    registryId: repository.registryId,
    repositoryName: repository.repositoryName,
    imageDigest: image.digest,
    imageTags: image.tags.length > 0 ? image.tags : undefined,
    imageSizeInBytes: image.sizeInBytes,
    imagePushedAt: image.pushedAt,
    imageManifestMediaType: image.manifestMediaType,
    artifactMediaType: image.artifactMediaType,
    lastRecordedPullTime: image.lastPulledAt,
    imageStatus: 'ACTIVE',
  };
}

function toImage({ repository }: RepositoryState, image: ImageState, imageTag: string | undefined, imageManifest: string): Image {
  return {
    registryId: repository.registryId,
    repositoryName: repository.repositoryName,
    imageId: { imageDigest: image.digest, imageTag },
    imageManifest,
    imageManifestMediaType: image.manifestMediaType,
  };
}

/** One identifier for each tag; one with the digest alone for an untagged image. */
function identifiers({ digest: imageDigest, tags }: ImageState): ImageIdentifier[] {
  return tags.length === 0 ? [{ imageDigest }] : tags.map((imageTag) => ({ imageDigest, imageTag }));
}

function passes({ tagStatus = 'ANY', imageStatus = 'ACTIVE' }: DescribeImagesFilter = {}): (image: ImageState) => boolean {
  if (imageStatus !== 'ACTIVE' && imageStatus !== 'ANY') return () => false;
  return ({ tags }) => tagStatus === 'ANY' || (tags.length > 0) === (tagStatus === 'TAGGED');
}

function requireImage(state: RepositoryState, id: ImageIdentifier): ImageState {
  const { image } = lookUp(state, id);
  if (image) return image;
  const { repositoryName, registryId } = state.repository;
  const what = `{imageDigest:'${id.imageDigest ?? 'null'}', imageTag:'${id.imageTag ?? 'null'}'}`;
  throw new AwsError(
    'ImageNotFoundException',
    `The image with imageId ${what} does not exist within the repository with name '${repositoryName}' in the registry with id '${registryId}'`,
  );
}

function lookUp(state: RepositoryState, imageId: ImageIdentifier): Found {
  const { imageDigest, imageTag } = imageId;
  const reference = imageDigest ?? imageTag;
  if (reference === undefined) {
    return fail(imageId, 'MissingDigestAndTag', 'Invalid request parameters: both tag and digest cannot be null');
  }
  if (imageDigest !== undefined && !DIGEST.test(imageDigest)) {
    return fail(imageId, 'InvalidImageDigest', "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
  }
  const image = findImage(state, reference);
  if (!image) return fail(imageId, 'ImageNotFound', 'Requested image not found');
  const matches = imageTag === undefined || image.tags.includes(imageTag);
  return matches ? { image } : fail(imageId, 'ImageTagDoesNotMatchDigest', 'Requested tag does not match the digest');
}

function fail(imageId: ImageIdentifier, failureCode: ImageFailureCode, failureReason: string): { failure: ImageFailure } {
  return { failure: { imageId, failureCode, failureReason } };
}

/** An image that an index points to stays, unless only one of its tags goes. */
function whyKept({ images }: RepositoryState, { digest, tags }: ImageState, imageId: ImageIdentifier): ImageFailure | undefined {
  const indexes = images.filter(({ references }) => references.includes(digest)).map((index) => index.digest);
  if (indexes.length === 0 || (imageId.imageTag !== undefined && tags.length > 1)) return undefined;
  return { imageId, failureCode: 'ImageReferencedByManifestList', failureReason: `Requested image referenced by manifest list: [${indexes.join(', ')}]` };
}

/** With a tag only that tag goes, and the image with its last one; else the image goes with all its tags. */
function remove(state: RepositoryState, image: ImageState, tag: string | undefined): ImageIdentifier[] {
  const removed = tag === undefined ? identifiers(image) : [{ imageDigest: image.digest, imageTag: tag }];
  image.tags = tag === undefined ? [] : image.tags.filter((other) => other !== tag);
  if (image.tags.length === 0) state.images = state.images.filter((other) => other !== image);
  return removed;
}
