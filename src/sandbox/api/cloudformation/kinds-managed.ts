/** ECS clusters, ECR repositories and log groups as resources of a stack. */
import { AwsError } from '../../errors.ts';
import type { Region, ServiceName } from '../../parts.ts';
import { makeLinkedRole, requireEcsRole } from '../../world/linked-roles.ts';
import { callWith, longName, lowerFirst, type ResourceKind, tagChanges, tagsOf, textAt } from './kind.ts';
import { isSection, type Section } from './section.ts';

export const clusterKind: ResourceKind = {
  duration: 3_000,
  replacedBy: ['ClusterName'],
  nameProperty: 'ClusterName',
  taggable: true,
  async create(properties, context) {
    // CloudFormation's handler wants the role to work at once: in a fresh account the first stack with a cluster fails.
    makeLinkedRole(context.region, 'ecs.amazonaws.com');
    requireEcsRole(context.region);
    const input = ecsInput({ ClusterName: longName(context), ...properties });
    const answer = await callWith(context.region, 'ecs', 'CreateCluster', input);
    return { physicalId: textAt(answer, 'cluster.clusterName'), attributes: { Arn: textAt(answer, 'cluster.clusterArn') } };
  },
  async update(physicalId, properties, before, { region }) {
    if (differs('ClusterSettings', properties, before)) {
      await callWith(region, 'ecs', 'UpdateCluster', { ...ecsInput(properties), cluster: physicalId });
    }
    await tagByArn(region, 'ecs', region.arn('ecs', `cluster/${physicalId}`), before, properties);
  },
  async delete(physicalId, { region }) {
    await gone('ClusterNotFoundException', region.call('ecs', 'DeleteCluster', { cluster: physicalId }));
  },
};

export const repositoryKind: ResourceKind = {
  duration: 2_000,
  replacedBy: ['RepositoryName', 'EncryptionConfiguration'],
  nameProperty: 'RepositoryName',
  taggable: true,
  async create(properties, context) {
    const { region } = context;
    const input = { repositoryName: longName(context).toLowerCase(), ...ecrInput(properties) };
    const answer = await callWith(region, 'ecr', 'CreateRepository', input);
    const physicalId = textAt(answer, 'repository.repositoryName');
    await setPolicies(region, physicalId, properties, {});
    return {
      physicalId,
      attributes: { Arn: textAt(answer, 'repository.repositoryArn'), RepositoryUri: textAt(answer, 'repository.repositoryUri') },
    };
  },
  async update(physicalId, properties, before, { region }) {
    const target = { ...ecrInput(properties), repositoryName: physicalId };
    if (differs('ImageTagMutability', properties, before)) {
      await callWith(region, 'ecr', 'PutImageTagMutability', { imageTagMutability: 'MUTABLE', ...target });
    }
    if (differs('ImageScanningConfiguration', properties, before)) {
      await callWith(region, 'ecr', 'PutImageScanningConfiguration', { imageScanningConfiguration: { scanOnPush: false }, ...target });
    }
    await setPolicies(region, physicalId, properties, before);
    await tagByArn(region, 'ecr', region.arn('ecr', `repository/${physicalId}`), before, properties);
  },
  async delete(physicalId, { region }) {
    await gone('RepositoryNotFoundException', region.call('ecr', 'DeleteRepository', { repositoryName: physicalId }));
  },
};

export const logGroupKind: ResourceKind = {
  duration: 2_000,
  replacedBy: ['LogGroupName'],
  nameProperty: 'LogGroupName',
  taggable: true,
  async create(properties, context) {
    const { region } = context;
    const logGroupName = textAt(properties, 'LogGroupName') || longName(context);
    const tags = Object.fromEntries(tagsOf(properties).map(({ Key = '', Value = '' }) => [Key, Value]));
    await callWith(region, 'logs', 'CreateLogGroup', { logGroupName, tags });
    await setRetention(region, logGroupName, properties, {});
    return { physicalId: logGroupName, attributes: { Arn: `${logGroupArn(region, logGroupName)}:*` } };
  },
  async update(physicalId, properties, before, { region }) {
    await setRetention(region, physicalId, properties, before);
    const { set, removed } = tagChanges(before, properties);
    const resourceArn = logGroupArn(region, physicalId);
    if (removed.length > 0) await region.call('logs', 'UntagResource', { resourceArn, tagKeys: removed });
    if (set.length > 0) {
      const tags = Object.fromEntries(set.map(({ Key, Value }) => [Key, Value]));
      await region.call('logs', 'TagResource', { resourceArn, tags });
    }
  },
  async delete(physicalId, { region }) {
    await gone('ResourceNotFoundException', region.call('logs', 'DeleteLogGroup', { logGroupName: physicalId }));
  },
};

/** A call that deletes: what somebody else has deleted already counts as deleted. */
async function gone(notFound: string, deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof AwsError && error.code === notFound)) throw error;
  }
}

function differs(name: string, properties: Section, before: Section): boolean {
  return JSON.stringify(properties[name]) !== JSON.stringify(before[name]);
}

function ecsInput({ ClusterSettings, ...properties }: Section): object {
  return asObject(lowerFirst({ ...properties, ...(ClusterSettings !== undefined && { Settings: ClusterSettings }) }));
}

/** ECR's calls keep Key and Value of tags in capitals. */
function ecrInput({ Tags, ...properties }: Section): object {
  return { ...asObject(lowerFirst(properties)), ...(Tags !== undefined && { tags: Tags }) };
}

function asObject(value: unknown): object {
  return isSection(value) ? value : {};
}

async function setPolicies(region: Region, repositoryName: string, properties: Section, before: Section): Promise<void> {
  if (differs('LifecyclePolicy', properties, before)) {
    const lifecyclePolicyText = textAt(properties['LifecyclePolicy'], 'LifecyclePolicyText');
    await (lifecyclePolicyText
      ? region.call('ecr', 'PutLifecyclePolicy', { repositoryName, lifecyclePolicyText })
      : region.call('ecr', 'DeleteLifecyclePolicy', { repositoryName }));
  }
  if (differs('RepositoryPolicyText', properties, before)) {
    const policy = properties['RepositoryPolicyText'];
    const policyText = typeof policy === 'string' ? policy : JSON.stringify(policy);
    await (policy === undefined
      ? region.call('ecr', 'DeleteRepositoryPolicy', { repositoryName })
      : region.call('ecr', 'SetRepositoryPolicy', { repositoryName, policyText }));
  }
}

async function setRetention(region: Region, logGroupName: string, properties: Section, before: Section): Promise<void> {
  if (!differs('RetentionInDays', properties, before)) return;
  const retentionInDays = properties['RetentionInDays'];
  await (retentionInDays === undefined
    ? region.call('logs', 'DeleteRetentionPolicy', { logGroupName })
    : callWith(region, 'logs', 'PutRetentionPolicy', { logGroupName, retentionInDays }));
}

async function tagByArn(
  region: Region, service: Extract<ServiceName, 'ecs' | 'ecr'>, resourceArn: string, before: Section, after: Section,
): Promise<void> {
  const { set, removed } = tagChanges(before, after);
  if (removed.length > 0) await region.call(service, 'UntagResource', { resourceArn, tagKeys: removed });
  if (set.length > 0) await region.call(service, 'TagResource', { resourceArn, tags: service === 'ecs' ? lowerFirst(set) : set });
}

function logGroupArn(region: Region, name: string): string {
  return region.arn('logs', `log-group:${name}`);
}
