/** ECS: services, their deployments and tasks, task definitions. */
import type { Deployment, RegisterTaskDefinitionCommandInput, Service, Task } from '@aws-sdk/client-ecs';
import { messageOf } from '../errors.ts';
import { allPages, type Caller, clientOptions, explaining, isAws, once } from './connect.ts';
import { needed } from './needed.ts';
import { registrable } from './registrable.ts';

export interface EcsService {
  readonly name: string;
  /** `ACTIVE` or `DRAINING`; an INACTIVE service counts as none. */
  readonly status: string;
  /** `ECS`, `CODE_DEPLOY`, `EXTERNAL`, or what AWS adds later. */
  readonly controller: string;
  /** `ROLLING`, `BLUE_GREEN`, …: how ECS itself replaces tasks. */
  readonly strategy: string;
  readonly taskDefinition: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly targetGroupArns: readonly string[];
  /** Where its next tasks would be. */
  readonly subnets: readonly string[];
  readonly deployment: EcsDeployment | undefined;
  /** What ECS said of it, newest first. */
  readonly events: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

/** The deployment that the service is moving to, or has reached. */
export interface EcsDeployment {
  /** `ecs-svc/…`; tasks name it as who started them. */
  readonly id: string;
  /** ms since 1970. */
  readonly createdAt: number;
  /** `IN_PROGRESS`, `COMPLETED`, `FAILED`, or what AWS adds later. */
  readonly rolloutState: string;
  readonly rolloutStateReason: string | undefined;
}

export interface EcsTask {
  /** The last part of the ARN, by which log streams and service events name it. */
  readonly id: string;
  readonly lastStatus: string;
  readonly deploymentId: string | undefined;
  /** `EssentialContainerExited`, `TaskFailedToStart`, `ServiceSchedulerInitiated`, `UserInitiated`, or what AWS adds later. */
  readonly stopCode: string | undefined;
  readonly stoppedReason: string | undefined;
  readonly containers: readonly { name: string; exitCode: number | undefined; reason: string | undefined }[];
  /** VPC addresses, as targets are registered by. */
  readonly addresses: readonly string[];
}

/** A task definition as AWS's own JSON has it: what RegisterTaskDefinition takes. */
export type TaskDefinition = RegisterTaskDefinitionCommandInput;

/** Where a service's tasks are. */
export interface Network {
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  /** In public subnets a task without an address of its own reaches nothing, and could pull no image. */
  readonly assignPublicIp: boolean;
}

export interface NewService extends Network {
  readonly cluster: string;
  readonly name: string;
  readonly taskDefinition: string;
  readonly desired: number;
  readonly targetGroupArn: string;
  readonly container: string;
  readonly containerPort: number;
  /** Seconds. */
  readonly gracePeriod: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface ServiceChange {
  readonly taskDefinition?: string;
  readonly desired?: number;
  /** Where the tasks of the new deployment are. */
  readonly network?: Network;
  /** Seconds. */
  readonly gracePeriod?: number;
}

export interface Containers {
  /**
   * Services that exist among the named ones; INACTIVE ones do not count.
   * @param patience ms after which it fails; by default it tries for as long as makes sense.
   */
  describeServices(cluster: string, names: readonly string[], patience?: number): Promise<EcsService[]>;
  /** Names of the active services of a cluster; empty when there is no such cluster. */
  listServices(cluster: string): Promise<string[]>;
  /** Whether there is such a cluster, and it is in use: a deleted one is still known for a while. */
  hasCluster(cluster: string): Promise<boolean>;
  createService(service: NewService): Promise<EcsService>;
  updateService(cluster: string, name: string, change: ServiceChange): Promise<EcsService>;
  /** Its targets drain and its tasks stop; until then it reads as `DRAINING`. */
  deleteService(cluster: string, name: string): Promise<void>;
  /**
   * None for a service that AWS does not read back (yet).
   * @param status what ECS wants of them: RUNNING (also those on their way there) or STOPPED (for about an hour).
   */
  tasks(cluster: string, service: string, status: 'RUNNING' | 'STOPPED'): Promise<EcsTask[]>;
  /** A revision, ready to be registered again, with its tags; undefined when it does not exist. */
  taskDefinition(arn: string): Promise<{ definition: TaskDefinition; tags: Record<string, string> } | undefined>;
  /** Returns the ARN of the new revision. */
  registerTaskDefinition(definition: TaskDefinition): Promise<string>;
}

/** ms that ECS gets until it can use the role that the account's first cluster had made for it. */
export const NEW_ROLE = 60_000;

/**
 * Whether ECS refused something because it can't use its own role in this account yet: the account's first cluster has that
 * service-linked role made, and a new role is refused for some seconds. Also for what CloudFormation says of it.
 */
export function isRoleTooNew(error: unknown): boolean {
  return messageOf(error).includes('Unable to assume the service linked role');
}

/** DescribeServices takes no more names than this. */
const SERVICES_AT_ONCE = 10;
/** DescribeTasks takes no more ARNs than this. */
const TASKS_AT_ONCE = 100;

export function containers(caller: Caller): Containers {
  const connect = once(async () => {
    const sdk = await import('./sdk/ecs.ts');
    return { sdk, client: explaining('ecs', new sdk.ECSClient(await clientOptions(caller))) };
  });

  return {
    async describeServices(cluster, names, patience) {
      const { sdk, client } = await connect();
      const options = patience === undefined ? {} : { abortSignal: AbortSignal.timeout(patience) };
      const found: EcsService[] = [];
      for (let start = 0; start < names.length; start += SERVICES_AT_ONCE) {
        const services = names.slice(start, start + SERVICES_AT_ONCE);
        try {
          const answer = await client.send(new sdk.DescribeServicesCommand({ cluster, services, include: ['TAGS'] }), options);
          found.push(...(answer.services ?? []).filter(({ status }) => status !== 'INACTIVE').map((service) => toService(service, 'DescribeServices')));
        } catch (error) {
          if (!isAws(error, 'ClusterNotFoundException')) throw error;
        }
      }
      return found;
    },

    async listServices(cluster) {
      const { sdk, client } = await connect();
      try {
        return await allPages(async (nextToken) => {
          const answer = await client.send(new sdk.ListServicesCommand({ cluster, nextToken, maxResults: 100 }));
          return [(answer.serviceArns ?? []).map(lastPart), answer.nextToken];
        });
      } catch (error) {
        if (isAws(error, 'ClusterNotFoundException')) return [];
        throw error;
      }
    },

    // Not DescribeClusters: who may list the services of a cluster need not have a permission more.
    async hasCluster(cluster) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.ListServicesCommand({ cluster, maxResults: 1 }));
        return true;
      } catch (error) {
        if (isAws(error, 'ClusterNotFoundException')) return false;
        throw error;
      }
    },

    async createService(service) {
      const { sdk, client } = await connect();
      const answer = await client.send(
        new sdk.CreateServiceCommand({
          cluster: service.cluster,
          serviceName: service.name,
          taskDefinition: service.taskDefinition,
          desiredCount: service.desired,
          launchType: 'FARGATE',
          deploymentController: { type: 'ECS' },
          deploymentConfiguration: DEPLOYMENT,
          // AWS's default moves tasks between zones at moments of its own, also in the middle of a release.
          availabilityZoneRebalancing: 'DISABLED',
          healthCheckGracePeriodSeconds: service.gracePeriod,
          loadBalancers: [
            {
              targetGroupArn: service.targetGroupArn,
              containerName: service.container,
              containerPort: service.containerPort,
            },
          ],
          networkConfiguration: toConfiguration(service),
          propagateTags: 'SERVICE',
          tags: Object.entries(service.tags).map(([key, value]) => ({ key, value })),
        }),
      );
      return toService(needed(answer.service, 'CreateService', 'the service'), 'CreateService');
    },

    async updateService(cluster, name, { taskDefinition, desired, network, gracePeriod }) {
      const { sdk, client } = await connect();
      const answer = await client.send(
        new sdk.UpdateServiceCommand({
          cluster,
          service: name,
          taskDefinition,
          desiredCount: desired,
          healthCheckGracePeriodSeconds: gracePeriod,
          ...(taskDefinition && { deploymentConfiguration: DEPLOYMENT }),
          ...(network && { networkConfiguration: toConfiguration(network) }),
        }),
      );
      return toService(needed(answer.service, 'UpdateService', 'the service'), 'UpdateService');
    },

    async deleteService(cluster, name) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.DeleteServiceCommand({ cluster, service: name, force: true }));
      } catch (error) {
        if (!isAws(error, 'ServiceNotFoundException', 'ServiceNotActiveException', 'ClusterNotFoundException')) throw error;
      }
    },

    async tasks(cluster, service, desiredStatus) {
      const { sdk, client } = await connect();
      const arns = await allPages(async (nextToken) => {
        const answer = await client.send(
          new sdk.ListTasksCommand({ cluster, serviceName: service, desiredStatus, nextToken }),
        ).catch((error: unknown) => {
          if (isAws(error, 'ServiceNotFoundException')) return { taskArns: [], nextToken: undefined };
          throw error;
        });
        return [answer.taskArns ?? [], answer.nextToken];
      });
      const tasks: EcsTask[] = [];
      for (let start = 0; start < arns.length; start += TASKS_AT_ONCE) {
        const answer = await client.send(
          new sdk.DescribeTasksCommand({ cluster, tasks: arns.slice(start, start + TASKS_AT_ONCE) }),
        );
        tasks.push(...(answer.tasks ?? []).map(toTask));
      }
      return tasks;
    },

    async taskDefinition(arn) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(
          new sdk.DescribeTaskDefinitionCommand({ taskDefinition: arn, include: ['TAGS'] }),
        );
        const definition = { family: '', containerDefinitions: [], ...registrable(needed(answer.taskDefinition, 'DescribeTaskDefinition', 'the task definition')) };
        return { definition, tags: toRecord(answer.tags) };
      } catch (error) {
        if (isAws(error, 'ClientException')) return undefined;
        throw error;
      }
    },

    async registerTaskDefinition(definition) {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.RegisterTaskDefinitionCommand(definition));
      return needed(answer.taskDefinition?.taskDefinitionArn, 'RegisterTaskDefinition', 'the ARN of the revision');
    },
  };
}

/**
 * The circuit breaker makes ECS give up on a version that does not start, and its rollback stays off: it would bring an
 * *older* version back into this colour, which is not ours to hide.
 */
const DEPLOYMENT = {
  deploymentCircuitBreaker: { enable: true, rollback: false },
  minimumHealthyPercent: 100,
  maximumPercent: 200,
};

function toConfiguration({ subnets, securityGroups, assignPublicIp }: Network) {
  const address = assignPublicIp ? ('ENABLED' as const) : ('DISABLED' as const);
  return { awsvpcConfiguration: { subnets: [...subnets], securityGroups: [...securityGroups], assignPublicIp: address } };
}

/** @param call what was answered with it. */
function toService(service: Service, call: string): EcsService {
  return {
    name: needed(service.serviceName, call, 'the name of a service'),
    status: needed(service.status, call, 'the status of a service'),
    controller: service.deploymentController?.type ?? 'ECS',
    strategy: service.deploymentConfiguration?.strategy ?? 'ROLLING',
    // A service that is steered by CODE_DEPLOY or EXTERNAL has none of its own.
    taskDefinition: service.taskDefinition ?? '',
    desired: needed(service.desiredCount, call, 'the desired count of a service'),
    running: needed(service.runningCount, call, 'the running count of a service'),
    pending: needed(service.pendingCount, call, 'the pending count of a service'),
    targetGroupArns: (service.loadBalancers ?? []).flatMap(({ targetGroupArn }) => targetGroupArn ?? []),
    subnets: service.networkConfiguration?.awsvpcConfiguration?.subnets ?? [],
    deployment: service.deployments?.filter(({ status }) => status === 'PRIMARY').map((deployment) => toDeployment(deployment, call))[0],
    events: (service.events ?? []).flatMap(({ message }) => message ?? []),
    tags: toRecord(service.tags),
  };
}

function toDeployment(deployment: Deployment, call: string): EcsDeployment {
  return {
    id: needed(deployment.id, call, 'the id of a deployment'),
    createdAt: needed(deployment.createdAt, call, 'the time of a deployment').getTime(),
    rolloutState: deployment.rolloutState ?? 'IN_PROGRESS',
    rolloutStateReason: deployment.rolloutStateReason,
  };
}

function toTask(task: Task): EcsTask {
  return {
    id: lastPart(needed(task.taskArn, 'DescribeTasks', 'the ARN of a task')),
    lastStatus: needed(task.lastStatus, 'DescribeTasks', 'the status of a task'),
    deploymentId: task.startedBy,
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    containers: (task.containers ?? []).map(({ name = '', exitCode, reason }) => ({ name, exitCode, reason })),
    addresses: (task.containers ?? []).flatMap(({ networkInterfaces }) =>
      (networkInterfaces ?? []).flatMap(({ privateIpv4Address }) => privateIpv4Address ?? []),
    ),
  };
}

function toRecord(tags: readonly { key?: string; value?: string }[] | undefined): Record<string, string> {
  return Object.fromEntries((tags ?? []).map(({ key = '', value = '' }) => [key, value]));
}

function lastPart(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}
