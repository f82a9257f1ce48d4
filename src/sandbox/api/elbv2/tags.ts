/** Tags of load balancers, listeners, rules and target groups. */
import type { AddTagsInput, DescribeTagsInput, DescribeTagsOutput, RemoveTagsInput, Tag } from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { Operations } from '../service.ts';
import { findListener, findLoadBalancer, findRule, findTargetGroup, isArnOf, validationError } from './lookup.ts';

const MOST_TAGS = 50;
const MOST_RESOURCES = 20;

export const tagOperations = {
  AddTags({ ResourceArns = [], Tags = [] }: AddTagsInput, region: Region) {
    checkResources(region, ResourceArns);
    for (const arn of ResourceArns) setTags(region, arn, Tags);
    region.changed();
    return {};
  },

  RemoveTags({ ResourceArns = [], TagKeys = [] }: RemoveTagsInput, region: Region) {
    checkResources(region, ResourceArns);
    const { tags } = region.state.elbv2;
    for (const arn of ResourceArns) tags[arn] = (tags[arn] ?? []).filter(({ Key }) => !TagKeys.includes(Key ?? ''));
    region.changed();
    return {};
  },

  DescribeTags({ ResourceArns = [] }: DescribeTagsInput, region: Region): DescribeTagsOutput {
    checkResources(region, ResourceArns);
    return { TagDescriptions: ResourceArns.map((arn) => ({ ResourceArn: arn, Tags: region.state.elbv2.tags[arn] ?? [] })) };
  },
} satisfies Operations;

/** Throws AwsError DuplicateTagKeys, TooManyTags or ValidationError. */
export function checkTags(tags: readonly Tag[]): void {
  const keys = tags.map(({ Key = '' }) => Key);
  const repeated = keys.find((key, i) => keys.indexOf(key) !== i);
  if (repeated !== undefined) throw new AwsError('DuplicateTagKeys', `The tag key '${repeated}' is specified more than once`);
  if (keys.length > MOST_TAGS) throw new AwsError('TooManyTags', `A resource can have at most ${MOST_TAGS} tags`);
  const reserved = keys.find((key) => /^aws:/i.test(key));
  if (reserved !== undefined) throw validationError(`The tag key '${reserved}' is reserved: keys can't begin with 'aws:'`);
}

/** Adds tags; those with a key that is there already replace it. Throws as `checkTags`. */
export function setTags(region: Region, arn: string, added: readonly Tag[]): void {
  checkTags(added);
  const { tags } = region.state.elbv2;
  const kept = (tags[arn] ?? []).filter((tag) => !added.some(({ Key }) => Key === tag.Key));
  const all = [...kept, ...added.map(({ Key, Value = '' }) => ({ Key, Value }))];
  checkTags(all);
  tags[arn] = all;
}

function checkResources(region: Region, arns: readonly string[]): void {
  if (arns.length > MOST_RESOURCES) throw validationError(`At most ${MOST_RESOURCES} resources can be specified`);
  for (const arn of arns) {
    if (isArnOf('load balancer', arn)) findLoadBalancer(region, arn);
    else if (isArnOf('listener', arn)) findListener(region, arn);
    else if (isArnOf('listener rule', arn)) findRule(region, arn);
    else findTargetGroup(region, arn);
  }
}
