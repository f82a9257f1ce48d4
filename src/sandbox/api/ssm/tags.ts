/** Tags of parameters. */
import type {
  AddTagsToResourceRequest,
  AddTagsToResourceResult,
  ListTagsForResourceRequest,
  ListTagsForResourceResult,
  RemoveTagsFromResourceRequest,
  RemoveTagsFromResourceResult,
  Tag,
} from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { ParameterState } from '../../world/ssm-state.ts';
import { findParameter } from './parameters.ts';

const MOST_TAGS = 50;

export function AddTagsToResource(input: AddTagsToResourceRequest, region: Region): AddTagsToResourceResult {
  const parameter = taggedParameter(input, region);
  parameter.tags = checkTags(parameter.tags, input.Tags ?? []);
  region.changed();
  return {};
}

export function RemoveTagsFromResource(input: RemoveTagsFromResourceRequest, region: Region): RemoveTagsFromResourceResult {
  const parameter = taggedParameter(input, region);
  const removed = new Set(input.TagKeys);
  parameter.tags = Object.fromEntries(Object.entries(parameter.tags).filter(([key]) => !removed.has(key)));
  region.changed();
  return {};
}

export function ListTagsForResource(input: ListTagsForResourceRequest, region: Region): ListTagsForResourceResult {
  return { TagList: Object.entries(taggedParameter(input, region).tags).map(([Key, Value]) => ({ Key, Value })) };
}

/** The tags after `added`; throws AwsError when they are too many. */
export function checkTags(tags: Readonly<Record<string, string>>, added: readonly Tag[]): Record<string, string> {
  const all = { ...tags, ...Object.fromEntries(added.map(({ Key = '', Value = '' }) => [Key, Value])) };
  if (Object.keys(all).length > MOST_TAGS) throw new AwsError('TooManyTagsError', '');
  return all;
}

/** Other kinds of resources can't be made in the sandbox, so no id of theirs is known. */
function taggedParameter({ ResourceType, ResourceId = '' }: ListTagsForResourceRequest, region: Region): ParameterState {
  const parameter = ResourceType === 'Parameter' ? findParameter(region, ResourceId) : undefined;
  if (!parameter) throw new AwsError('InvalidResourceId', '');
  return parameter;
}
