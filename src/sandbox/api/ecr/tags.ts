/** Labels on repositories. */
import type {
  ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest, TagResourceResponse, UntagResourceRequest, UntagResourceResponse,
} from '@aws-sdk/client-ecr';
import type { Region } from '../../parts.ts';
import { requireRepository } from '../../world/ecr-images.ts';
import type { RepositoryState } from '../../world/ecr-state.ts';
import { invalidParameter } from './parameters.ts';

export function ListTagsForResource({ resourceArn }: ListTagsForResourceRequest, region: Region): ListTagsForResourceResponse {
  return { tags: requireResource(region, resourceArn).tags };
}

export function TagResource({ resourceArn, tags = [] }: TagResourceRequest, region: Region): TagResourceResponse {
  const state = requireResource(region, resourceArn);
  const kept = state.tags.filter(({ Key }) => !tags.some((tag) => tag.Key === Key));
  state.tags = [...kept, ...tags];
  region.changed();
  return {};
}

export function UntagResource({ resourceArn, tagKeys = [] }: UntagResourceRequest, region: Region): UntagResourceResponse {
  const state = requireResource(region, resourceArn);
  state.tags = state.tags.filter(({ Key }) => Key === undefined || !tagKeys.includes(Key));
  region.changed();
  return {};
}

function requireResource(region: Region, resourceArn: string | undefined): RepositoryState {
  const [prefix = '', name] = (resourceArn ?? '').split(':repository/');
  if (name === undefined || !prefix.startsWith('arn:aws:ecr:')) throw invalidParameter('resourceArn', 'Invalid ARN');
  return requireRepository(region, name, prefix.split(':').at(-1));
}
