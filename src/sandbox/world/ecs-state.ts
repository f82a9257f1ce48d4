/** What ECS holds in one region: clusters, task definitions, services with their deployments, tasks. */
import type {
  Cluster, Container, Deployment, LoadBalancer, Service, ServiceEvent, Tag, Task, TaskDefinition,
} from '@aws-sdk/client-ecs';
import type { TargetAddress } from '../parts.ts';

/** An SDK shape with the members that are always there once the sandbox holds it. */
export type Known<Shape, Members extends keyof Shape> = Shape & { [Member in Members]-?: NonNullable<Shape[Member]> };

export type StoredCluster = Known<Cluster, 'clusterArn' | 'clusterName' | 'status'>;

export type StoredTaskDefinition = Known<
  TaskDefinition,
  'taskDefinitionArn' | 'family' | 'revision' | 'status' | 'containerDefinitions'
>;

export interface TaskDefinitionRecord {
  readonly definition: StoredTaskDefinition;
  tags: Tag[];
}

/** `runningCount` and `pendingCount` are not stored: they are counted from the tasks. */
export type StoredDeployment = Known<
  Deployment,
  'id' | 'status' | 'taskDefinition' | 'desiredCount' | 'failedTasks' | 'createdAt' | 'updatedAt' | 'rolloutState'
>;

export type StoredLoadBalancer = Known<LoadBalancer, 'targetGroupArn' | 'containerName' | 'containerPort'>;

export type StoredService = Known<
  Omit<Service, 'loadBalancers' | 'deployments' | 'events'>,
  'serviceArn' | 'serviceName' | 'clusterArn' | 'status' | 'desiredCount' | 'taskDefinition' | 'tags' | 'createdAt'
> & {
  loadBalancers: StoredLoadBalancer[];
  /** The primary one first, then newest first. */
  deployments: StoredDeployment[];
  /** Newest first. */
  events: ServiceEvent[];
};

export interface ServiceRecord {
  readonly service: StoredService;
  /** Counts and deployments are as asked, and that was announced. */
  steady: boolean;
  /** What the circuit breaker's rollback goes back to: the deployment that completed last. */
  lastCompleted?: StoredDeployment;
}

export type StoredContainer = Known<Container, 'containerArn' | 'name' | 'image' | 'lastStatus'>;

export type StoredTask = Known<
  Omit<Task, 'containers'>,
  | 'taskArn' | 'clusterArn' | 'taskDefinitionArn' | 'lastStatus' | 'desiredStatus' | 'group' | 'startedBy'
  | 'availabilityZone' | 'createdAt' | 'attachments' | 'version' | 'tags'
> & { containers: StoredContainer[] };

export interface RegisteredTarget extends TargetAddress {
  readonly targetGroupArn: string;
}

export interface TaskRecord {
  readonly task: StoredTask;
  readonly serviceArn: string;
  readonly address: string;
  /** The target groups it is registered in or still draining from. */
  targets: RegisteredTarget[];
  /** It passed its health checks once (without a load balancer: it ran long enough). */
  wasHealthy: boolean;
  /** Its failure was counted against its deployment. */
  failureCounted: boolean;
}

/** A subnet is known from the first network configuration that names it. */
export interface SubnetRecord {
  /** `a`, `b`, … by its place in that configuration. */
  readonly zone: string;
  /** Which of the VPC's address ranges is its own. */
  readonly index: number;
  /** The address given out last, counted from the start of the range. */
  lastHost: number;
}

export interface EcsState {
  /** By name. */
  clusters: Record<string, StoredCluster>;
  /** By family; a family's revisions in ascending order. */
  taskDefinitions: Record<string, TaskDefinitionRecord[]>;
  /** By ARN; an inactive service stays until one of the same name replaces it. */
  services: Record<string, ServiceRecord>;
  /** By ARN; stopped ones stay for about an hour. */
  tasks: Record<string, TaskRecord>;
  /** By subnet id. */
  subnets: Record<string, SubnetRecord>;
  /** Loopback ports of running tasks, by VPC address and container port. */
  endpoints: Record<string, Record<number, number>>;
}

export function emptyEcs(): EcsState {
  return { clusters: {}, taskDefinitions: {}, services: {}, tasks: {}, subnets: {}, endpoints: {} };
}
