/** Tags of hosted zones. */
import type {
  ChangeTagsForResourceRequest, ChangeTagsForResourceResponse, ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceType,
} from '@aws-sdk/client-route-53';
import type { Region } from '../../parts.ts';
import type { StoredZone } from '../../world/route53-state.ts';
import type { Operations } from '../service.ts';
import { findZone, invalidInput } from './lookup.ts';

const MOST_TAGS = 50;

export const tagOperations = {
  ChangeTagsForResource(input: ChangeTagsForResourceRequest, region: Region): ChangeTagsForResourceResponse {
    const { AddTags = [], RemoveTagKeys = [] } = input;
    const zone = taggedZone(input, region);
    if (AddTags.length === 0 && RemoveTagKeys.length === 0) throw invalidInput('AddTags and RemoveTagKeys cannot both be empty.');
    const tags = new Map(Object.entries(zone.tags));
    for (const key of RemoveTagKeys) tags.delete(key);
    for (const { Key = '', Value = '' } of AddTags) tags.set(Key, Value);
    if (tags.size > MOST_TAGS) throw invalidInput(`A hosted zone cannot have more than ${MOST_TAGS} tags.`);
    zone.tags = Object.fromEntries(tags);
    region.global.changed();
    return {};
  },

  ListTagsForResource(input: ListTagsForResourceRequest, region: Region): ListTagsForResourceResponse {
    const { id, tags } = taggedZone(input, region);
    return { ResourceTagSet: { ResourceType: 'hostedzone', ResourceId: id, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) } };
  },
} satisfies Operations;

function taggedZone(input: { ResourceType: TagResourceType | undefined; ResourceId: string | undefined }, region: Region): StoredZone {
  if (input.ResourceType !== 'hostedzone') throw invalidInput(`The sandbox knows no resources of type '${input.ResourceType ?? ''}'.`);
  return findZone(region, input.ResourceId);
}
