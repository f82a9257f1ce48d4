/** Tags of log groups: by ARN, and by name as older clients ask. */
import type {
  ListTagsForResourceRequest,
  ListTagsForResourceResponse,
  ListTagsLogGroupRequest,
  ListTagsLogGroupResponse,
  TagLogGroupRequest,
  TagResourceRequest,
  UntagLogGroupRequest,
  UntagResourceRequest,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Region } from '../../parts.ts';
import { findGroup, type GroupReference } from './lookup.ts';

export function TagResource({ resourceArn, tags = {} }: TagResourceRequest, region: Region): object {
  return addTags(region, { logGroupIdentifier: resourceArn }, tags);
}

export function UntagResource({ resourceArn, tagKeys = [] }: UntagResourceRequest, region: Region): object {
  return removeTags(region, { logGroupIdentifier: resourceArn }, tagKeys);
}

export function ListTagsForResource({ resourceArn }: ListTagsForResourceRequest, region: Region): ListTagsForResourceResponse {
  return { tags: findGroup(region, { logGroupIdentifier: resourceArn }).tags };
}

export function TagLogGroup({ logGroupName, tags = {} }: TagLogGroupRequest, region: Region): object {
  return addTags(region, { logGroupName }, tags);
}

export function UntagLogGroup({ logGroupName, tags = [] }: UntagLogGroupRequest, region: Region): object {
  return removeTags(region, { logGroupName }, tags);
}

export function ListTagsLogGroup({ logGroupName }: ListTagsLogGroupRequest, region: Region): ListTagsLogGroupResponse {
  return { tags: findGroup(region, { logGroupName }).tags };
}

function addTags(region: Region, reference: GroupReference, tags: Readonly<Record<string, string>>): object {
  const group = findGroup(region, reference);
  group.tags = { ...group.tags, ...tags };
  region.changed();
  return {};
}

function removeTags(region: Region, reference: GroupReference, keys: readonly string[]): object {
  const group = findGroup(region, reference);
  group.tags = Object.fromEntries(Object.entries(group.tags).filter(([key]) => !keys.includes(key)));
  region.changed();
  return {};
}
