/** What one region's ECR registry holds; the bytes of manifests and layers lie in the blob store. */
import type { Repository, Tag } from '@aws-sdk/client-ecr';

export interface EcrState {
  repositories: RepositoryState[];
  tokens: TokenState[];
}

export interface RepositoryState {
  repository: Repository & { repositoryName: string; repositoryArn: string; registryId: string };
  tags: Tag[];
  policyText?: string;
  lifecyclePolicyText?: string;
  /** Digests of the layers and image configs that were uploaded to this repository. */
  layers: string[];
  /** In the order of their first push. */
  images: ImageState[];
}

export interface ImageState {
  digest: string;
  manifestMediaType: string;
  artifactMediaType?: string;
  sizeInBytes: number;
  pushedAt: Date;
  lastPulledAt?: Date;
  tags: string[];
  /** Digests of the images that an image index (manifest list) points to; empty for a plain image. */
  references: string[];
}

/** A registry password that was given out, as the SHA-256 of it. */
export interface TokenState {
  passwordHash: string;
  /** Who it was given to; not known of one that is from before. */
  accessKeyId?: string;
  validUntil: Date;
}

export function emptyEcr(): EcrState {
  return { repositories: [], tokens: [] };
}
