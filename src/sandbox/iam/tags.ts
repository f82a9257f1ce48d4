/** Tags of what is there, by ARN: `aws:ResourceTag`. */
import type { Region } from '../parts.ts';
import type { StoredStack } from '../world/cloudformation-state.ts';

interface Tag {
  readonly Key?: string;
  readonly Value?: string;
  readonly key?: string;
  readonly value?: string;
}

/** Undefined where nothing of that ARN is there. */
export function tagsOfArn(arn: string, region: Region): ReadonlyMap<string, string> | undefined {
  const { state } = region;
  const [, , service = '', , , ...rest] = arn.split(':');
  const resource = rest.join(':');
  if (service === 'elasticloadbalancing') return asMap(state.elbv2.tags[arn]);
  if (service === 'ecs') return resource.startsWith('cluster/') ? asMap(state.ecs.clusters[lastOf(resource)]?.tags) : asMap(state.ecs.services[arn]?.service.tags ?? state.ecs.tasks[arn]?.task.tags);
  if (service === 'ecr') return asMap(state.ecr.repositories.find(({ repository }) => repository.repositoryArn === arn)?.tags);
  if (service === 'acm') return asMap(pairs(state.acm.certificates[arn]?.tags));
  if (service === 'ssm') return asMap(pairs(state.ssm.parameters[`/${resource.replace(/^parameter\//, '')}`]?.tags));
  if (service === 'logs') return asMap(pairs(state.logs.groups[rest[1] ?? '']?.tags));
  // IAM knows no tags of hosted zones. Source: "Condition keys for Amazon Route 53" of the Service Authorization Reference.
  if (service === 'route53') return undefined;
  if (service === 'cloudformation') return asMap(state.cloudformation.stacks[arn]?.definition.tags);
  return ofStackResource(lastOf(resource), region);
}

/** What only a stack knows (EC2's and IAM's): CloudFormation gives it the stack's tags. Its own beat them. */
function ofStackResource(id: string, { state }: Region): ReadonlyMap<string, string> | undefined {
  for (const stack of Object.values(state.cloudformation.stacks)) {
    const found = resourcesOf(stack).find(({ physicalId, attributes }) => physicalId === id || attributes['AllocationId'] === id);
    const own = found?.properties['Tags'];
    if (found) return asMap([...stack.definition.tags, ...(Array.isArray(own) ? own : [])]);
  }
  return undefined;
}

function resourcesOf({ resources, replaced }: StoredStack) {
  return [...Object.values(resources), ...replaced];
}

function asMap(tags: readonly Tag[] | undefined): ReadonlyMap<string, string> | undefined {
  return tags && new Map(tags.map(({ Key, Value, key, value }) => [Key ?? key ?? '', Value ?? value ?? '']));
}

function pairs(tags: Readonly<Record<string, string>> | undefined): Tag[] | undefined {
  return tags && Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function lastOf(resource: string): string {
  return resource.slice(resource.lastIndexOf('/') + 1);
}
