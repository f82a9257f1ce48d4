/** ECS: the tags of clusters, services, tasks and task definitions. */
import type {
  ListTagsForResourceRequest, ListTagsForResourceResponse, Tag, TagResourceRequest, TagResourceResponse, UntagResourceRequest,
  UntagResourceResponse,
} from '@aws-sdk/client-ecs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { Operations } from '../service.ts';
import { invalidParameter } from './errors.ts';
import { findCluster, findDefinition } from './lookup.ts';

interface Tagged {
  tags?: Tag[] | undefined;
}

export const tagOperations = {
  TagResource({ resourceArn, tags = [] }: TagResourceRequest, region: Region): TagResourceResponse {
    const resource = findTagged(region, resourceArn ?? '');
    const keys = new Set(tags.map(({ key }) => key));
    resource.tags = [...(resource.tags ?? []).filter(({ key }) => !keys.has(key)), ...tags];
    region.changed();
    return {};
  },

  UntagResource({ resourceArn, tagKeys = [] }: UntagResourceRequest, region: Region): UntagResourceResponse {
    const resource = findTagged(region, resourceArn ?? '');
    resource.tags = resource.tags?.filter(({ key = '' }) => !tagKeys.includes(key));
    region.changed();
    return {};
  },

  ListTagsForResource({ resourceArn }: ListTagsForResourceRequest, region: Region): ListTagsForResourceResponse {
    return { tags: findTagged(region, resourceArn ?? '').tags ?? [] };
  },
} satisfies Operations;

function findTagged(region: Region, arn: string): Tagged {
  const { services, tasks } = region.state.ecs;
  const type = /^arn:[^:]+:ecs:[^:]+:[^:]+:([a-z-]+)\//.exec(arn)?.[1];
  const finders: Readonly<Record<string, () => Tagged | undefined>> = {
    cluster: () => findCluster(region, arn),
    service: () => services[arn]?.service,
    task: () => tasks[arn]?.task,
    'task-definition': () => findDefinition(region, arn),
  };
  const resource = finders[type ?? '']?.();
  if (resource) {
    return resource;
  }
  if (type === 'cluster') {
    throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
  }
  if (type === 'service') {
    throw new AwsError('ServiceNotFoundException', 'Service not found.');
  }
  throw invalidParameter('The specified resource is not found. Specify a valid resource ARN and try again.');
}
