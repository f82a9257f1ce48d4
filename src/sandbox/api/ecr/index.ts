/** Amazon ECR: the API over what the registry under `/v2/` stores. */
import type { Operations } from '../service.ts';
import { GetAuthorizationToken } from './authorization.ts';
import {
  BatchCheckLayerAvailability, BatchDeleteImage, BatchGetImage, DescribeImages, GetDownloadUrlForLayer, ListImages, PutImage,
} from './images.ts';
import {
  DeleteLifecyclePolicy, DeleteRepositoryPolicy, GetLifecyclePolicy, GetRepositoryPolicy, PutLifecyclePolicy, SetRepositoryPolicy,
} from './policies.ts';
import {
  CreateRepository, DeleteRepository, DescribeRepositories, PutImageScanningConfiguration, PutImageTagMutability,
} from './repositories.ts';
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts';

export const operations: Operations = {
  BatchCheckLayerAvailability,
  BatchDeleteImage,
  BatchGetImage,
  CreateRepository,
  DeleteLifecyclePolicy,
  DeleteRepository,
  DeleteRepositoryPolicy,
  DescribeImages,
  DescribeRepositories,
  GetAuthorizationToken,
  GetDownloadUrlForLayer,
  GetLifecyclePolicy,
  GetRepositoryPolicy,
  ListImages,
  ListTagsForResource,
  PutImage,
  PutImageScanningConfiguration,
  PutImageTagMutability,
  PutLifecyclePolicy,
  SetRepositoryPolicy,
  TagResource,
  UntagResource,
};
