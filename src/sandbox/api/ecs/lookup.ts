/** Finds what requests name, by short name or ARN. */
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { ServiceRecord, StoredCluster, TaskDefinitionRecord, TaskRecord } from '../../world/ecs-state.ts';
import { idOf } from '../../world/ecs/queries.ts';
import { ownValue } from '../../own-value.ts';
import { clientError, invalidParameter } from './errors.ts';

/** The ARN a reference stands for: itself, or that of the resource of this name in this region. */
export function arnOf(region: Region, type: string, reference: string): string {
  return reference.startsWith('arn:') ? reference : region.arn('ecs', `${type}/${reference}`);
}

export function clusterArnOf(region: Region, reference = 'default'): string {
  return arnOf(region, 'cluster', reference);
}

export function findCluster(region: Region, reference?: string): StoredCluster | undefined {
  const arn = clusterArnOf(region, reference);
  return Object.values(region.state.ecs.clusters).find(({ clusterArn }) => clusterArn === arn);
}

/** Throws AwsError ClusterNotFoundException, also for a deleted cluster. */
export function requireCluster(region: Region, reference?: string): StoredCluster {
  const cluster = findCluster(region, reference);
  if (!cluster) {
    throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
  }
  if (cluster.status !== 'ACTIVE') {
    throw new AwsError('ClusterNotFoundException', 'The referenced cluster was inactive.');
  }
  return cluster;
}

/** The ARN of a service or task of a cluster. */
export function arnInCluster(region: Region, type: 'service' | 'task', { clusterName }: StoredCluster, reference: string): string {
  // ARNs of the old format do not name the cluster.
  const isLongArn = reference.startsWith('arn:') && reference.split('/').length === 3;
  return isLongArn ? reference : region.arn('ecs', `${type}/${clusterName}/${idOf(reference)}`);
}

/** Throws AwsError ServiceNotFoundException; inactive services are found. */
export function requireService(region: Region, clusterReference: string | undefined, reference: string): ServiceRecord {
  const cluster = requireCluster(region, clusterReference);
  const record = findService(region, cluster, reference);
  if (!record) {
    throw new AwsError('ServiceNotFoundException', 'Service not found.');
  }
  return record;
}

export function findService(region: Region, cluster: StoredCluster, reference: string): ServiceRecord | undefined {
  const record = region.state.ecs.services[arnInCluster(region, 'service', cluster, reference)];
  return record?.service.clusterArn === cluster.clusterArn ? record : undefined;
}

export function findTask(region: Region, cluster: StoredCluster, reference: string): TaskRecord | undefined {
  const record = region.state.ecs.tasks[arnInCluster(region, 'task', cluster, reference)];
  return record?.task.clusterArn === cluster.clusterArn ? record : undefined;
}

/** `family` (its latest active revision), `family:revision` or an ARN. */
export function findDefinition(region: Region, reference: string): TaskDefinitionRecord | undefined {
  const [family = '', revision] = (reference.startsWith('arn:') ? idOf(reference) : reference).split(':');
  const records = ownValue(region.state.ecs.taskDefinitions, family) ?? [];
  const found = revision === undefined
    ? records.findLast(({ definition }) => definition.status === 'ACTIVE')
    : records.find(({ definition }) => String(definition.revision) === revision);
  const isOfRegion = !reference.startsWith('arn:') || found?.definition.taskDefinitionArn === reference;
  return isOfRegion ? found : undefined;
}

/** A definition that tasks can be launched with. Throws AwsError ClientException. */
export function requireUsableDefinition(region: Region, reference: string | undefined): TaskDefinitionRecord {
  if (!reference) {
    throw invalidParameter('TaskDefinition can not be blank.');
  }
  const record = findDefinition(region, reference);
  if (!record) {
    throw clientError('TaskDefinition not found.');
  }
  if (record.definition.status !== 'ACTIVE') {
    throw clientError('TaskDefinition is inactive');
  }
  return record;
}
