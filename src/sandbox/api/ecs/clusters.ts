/** ECS: clusters. */
import type {
  Cluster, CreateClusterRequest, CreateClusterResponse, DeleteClusterRequest, DeleteClusterResponse, DescribeClustersRequest,
  DescribeClustersResponse, ListClustersRequest, ListClustersResponse,
} from '@aws-sdk/client-ecs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StoredCluster } from '../../world/ecs-state.ts';
import { isPending, isRunning } from '../../world/ecs/queries.ts';
import { makeLinkedRole, requireEcsRole } from '../../world/linked-roles.ts';
import type { Operations } from '../service.ts';
import { invalidParameter } from './errors.ts';
import { clusterArnOf, findCluster, requireCluster } from './lookup.ts';
import { pageOf } from './pages.ts';

export const clusterOperations = {
  /** A cluster that is there already is the answer. */
  CreateCluster(input: CreateClusterRequest, region: Region): CreateClusterResponse {
    const clusterName = input.clusterName ?? 'default';
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(clusterName)) {
      throw invalidParameter('Cluster name contains invalid characters.');
    }
    const existing = findCluster(region, clusterName);
    if (existing?.status === 'ACTIVE') {
      return { cluster: describe(region, existing, ['TAGS', 'SETTINGS', 'CONFIGURATIONS']) };
    }
    makeLinkedRole(region, 'ecs.amazonaws.com');
    if (input.capacityProviders?.length) {
      requireEcsRole(region);
    }
    const cluster: StoredCluster = {
      clusterArn: region.arn('ecs', `cluster/${clusterName}`),
      clusterName,
      status: 'ACTIVE',
      registeredContainerInstancesCount: 0,
      statistics: [],
      tags: input.tags ?? [],
      settings: input.settings ?? [{ name: 'containerInsights', value: 'disabled' }],
      configuration: input.configuration,
      capacityProviders: input.capacityProviders ?? [],
      defaultCapacityProviderStrategy: input.defaultCapacityProviderStrategy ?? [],
    };
    region.state.ecs.clusters[clusterName] = cluster;
    region.changed();
    return { cluster: describe(region, cluster, ['TAGS', 'SETTINGS', 'CONFIGURATIONS']) };
  },

  DescribeClusters({ clusters = ['default'], include = [] }: DescribeClustersRequest, region: Region): DescribeClustersResponse {
    if (clusters.length > 100) {
      throw invalidParameter('Clusters cannot be more than 100.');
    }
    const found = clusters.map((reference) => ({ reference, cluster: findCluster(region, reference) }));
    return {
      clusters: found.flatMap(({ cluster }) => (cluster ? [describe(region, cluster, include)] : [])),
      failures: found.filter(({ cluster }) => !cluster)
        .map(({ reference }) => ({ arn: clusterArnOf(region, reference), reason: 'MISSING' })),
    };
  },

  ListClusters(input: ListClustersRequest, region: Region): ListClustersResponse {
    const active = Object.values(region.state.ecs.clusters).filter(({ status }) => status === 'ACTIVE');
    const { items, nextToken } = pageOf(region, active.map(({ clusterArn }) => clusterArn), (arn) => arn, input);
    return { clusterArns: items, nextToken };
  },

  DeleteCluster(input: DeleteClusterRequest, region: Region): DeleteClusterResponse {
    const cluster = requireCluster(region, input.cluster);
    const { services, tasks } = region.state.ecs;
    if (Object.values(services).some(({ service }) => service.clusterArn === cluster.clusterArn && service.status !== 'INACTIVE')) {
      throw new AwsError('ClusterContainsServicesException', 'The Cluster cannot be deleted while Services are active.');
    }
    if (Object.values(tasks).some(({ task }) => task.clusterArn === cluster.clusterArn && task.lastStatus !== 'STOPPED')) {
      throw new AwsError('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.');
    }
    cluster.status = 'INACTIVE';
    region.changed();
    return { cluster: describe(region, cluster, []) };
  },
} satisfies Operations;

function describe(region: Region, cluster: StoredCluster, include: readonly string[]): Cluster {
  const { tags, settings, configuration, ...plain } = cluster;
  const tasks = Object.values(region.state.ecs.tasks).filter(({ task }) => task.clusterArn === cluster.clusterArn);
  const services = Object.values(region.state.ecs.services).filter(({ service }) => service.clusterArn === cluster.clusterArn);
  return {
    ...plain,
    runningTasksCount: tasks.filter(isRunning).length,
    pendingTasksCount: tasks.filter(isPending).length,
    activeServicesCount: services.filter(({ service }) => service.status === 'ACTIVE').length,
    tags: include.includes('TAGS') ? tags : [],
    settings: include.includes('SETTINGS') ? settings : [],
    configuration: include.includes('CONFIGURATIONS') ? configuration : undefined,
  };
}
