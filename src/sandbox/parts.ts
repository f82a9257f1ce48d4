/**
 * The parts that one region of the sandbox consists of, as they see each other.
 * The API handlers and the parts get a `Region` and reach everything else through it.
 */
import type { Readable } from 'node:stream';
import type { TargetHealthReasonEnum } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Clock } from './clock.ts';
import type { RunnerName, TaskRunner } from './dataplane/runner.ts';
import type { Guard } from './iam/guard.ts';
import type { Quotas } from './quotas.ts';
import type { StoredChangeSet, StoredStack } from './world/cloudformation-state.ts';
import type { Manifest } from './world/manifest.ts';
import type { Metrics } from './world/metrics.ts';
import type { GlobalState, WorldState } from './world/state.ts';

export interface SandboxConfig {
  readonly account: string;
  /** Port of API and registry on 127.0.0.1. */
  readonly port: number;
  /** The folder that holds everything durable. */
  readonly dir: string;
  readonly speed: number;
  /** Makes what happens by chance repeatable. */
  readonly seed?: number;
  /** No listing gives more items in a page. */
  readonly pageSize?: number;
  /** Those of the account's that are not AWS's default. */
  readonly quotas?: Quotas;
  /** Calls are throttled at AWS's rates. */
  readonly throttle: boolean;
  /** AWS ms that reads may lag behind writes. */
  readonly lagMs: number;
  /** Nobody has used ECS or load balancers in this account before: their service-linked roles are not there. */
  readonly freshAccount: boolean;
  /** Not given: everybody may do everything. */
  readonly guard?: Guard;
  /** What tasks run in. */
  readonly runner: RunnerName;
}

export interface Region {
  readonly name: string;
  readonly config: SandboxConfig;
  readonly clock: Clock;
  /** Everything durable, plain data (Dates allowed). Change it in place, then call `changed`. */
  readonly state: WorldState;
  /** The state was changed: it is written to disk soon, and at stop. */
  changed(): void;
  /** What is the account's, whatever region asks. */
  readonly global: Global;
  /** `arn:aws:<service>:<region>:<account>:<resource>` */
  arn(service: string, resource: string): string;

  readonly targets: Targets;
  readonly loadBalancers: LoadBalancers;
  readonly network: Network;
  readonly faultyTasks: FaultyTasks;
  readonly scheduler: Scheduler;
  readonly logs: LogSink;
  readonly metrics: Metrics;
  readonly images: ImageStore;
  readonly stacks: Stacks;
  /** Calls an operation as a client would, without the wire: CloudFormation makes its resources with it. Throws AwsError. */
  call(service: ServiceName, operation: string, input: object): Promise<Record<string, unknown>>;
}

export interface Global {
  /** As a region's `state`. */
  readonly state: GlobalState;
  changed(): void;
}

export type ServiceName = 'ecs' | 'elasticloadbalancing' | 'ecr' | 'ssm' | 'sts' | 'cloudformation' | 'logs' | 'monitoring' | 'iam' | 'route53' | 'acm';

export interface TargetAddress {
  /** The task's VPC address. */
  readonly ip: string;
  /** The container port. */
  readonly port: number;
}

export type TargetState = 'initial' | 'healthy' | 'unhealthy' | 'unused' | 'draining' | 'unavailable';

export interface TargetHealth {
  readonly state: TargetState;
  readonly reason?: TargetHealthReasonEnum;
  readonly description?: string;
}

/** A target as it is now. It stays the same object from its registration until it is gone. */
export interface RegisteredTarget extends TargetAddress {
  readonly availabilityZone: string;
  readonly targetGroupArn: string;
  readonly health: TargetHealth;
  /** Aborts once the target has drained: connections to it end then. */
  readonly gone: AbortSignal;
}

/** Registered targets of all target groups, and how they change: health checks, draining. */
export interface Targets {
  /** Throws AwsError TargetGroupNotFound. */
  register(targetGroupArn: string, target: TargetAddress, availabilityZone: string): void;
  /** The target drains for the group's deregistration delay, then it is gone. Unknown targets are ignored. */
  deregister(targetGroupArn: string, target: TargetAddress): void;
  /** What DescribeTargetHealth says of the target; undefined once it is gone (or the group is). */
  health(targetGroupArn: string, target: TargetAddress): TargetHealth | undefined;
  /** The target group's targets, those that drain included. */
  list(targetGroupArn: string): readonly RegisteredTarget[];
  /** Target groups, or the rules that use them, changed: health checks start or stop accordingly. */
  refresh(): void;
}

/** The real listeners on 127.0.0.1. */
export interface LoadBalancers {
  /** Makes a listener's port answer. Rejects with a plain Error, its message clear to a user, when the port can't be had. */
  open(listenerArn: string): Promise<void>;
  close(listenerArn: string): Promise<void>;
}

/** Carries out what CloudFormation was asked for. */
export interface Stacks {
  /** Begins, or takes up again, what the stack's status says is to be done. */
  work(stack: StoredStack): void;
  /** Begins, or takes up again, to find out what a change set of the stack would change. */
  review(stack: StoredStack, changeSet: StoredChangeSet): void;
}

/** Where VPC addresses really are. */
export interface Network {
  /** The loopback address behind a task's VPC address and container port; undefined when no task is there (any more). */
  resolve(target: TargetAddress): { host: string; port: number } | undefined;
}

/** Lets tasks misbehave as it is ordered for their version. */
export interface FaultyTasks {
  /** A runner whose containers do what is ordered for their image. */
  over(runner: TaskRunner): TaskRunner;
  /** Where requests to that loopback port of a container go first: to a front before it, or to the port itself. */
  entrance(port: number): number;
}

/** Brings what ECS services ask for and what runs together. */
export interface Scheduler {
  /** Something about a service or its tasks changed: look at it soon. */
  wake(): void;
}

/** Where containers' output goes: CloudWatch Logs. */
export interface LogSink {
  /** Whether the log group is there; the awslogs driver refuses to start a container without it. */
  exists(logGroup: string): boolean;
  /** Makes the stream where it is missing. A line for a group that is not there is lost. */
  write(logGroup: string, logStream: string, line: string): void;
}

export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
}

/** An image of the registry; of an index, the one for this machine. */
export interface StoredImage {
  /** The ECR repository that it came from. */
  readonly repository: string;
  /** What its name stands for: the index's digest where it names one. */
  readonly digest: string;
  /** The image's own, never an index. */
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly architecture: string;
}

/** Images of the registry, as runners take them. Rejects with Errors worded as ECS words a failed pull (what follows `CannotPullContainerError: `). */
export interface ImageStore {
  /** @param image `host/repository:tag` or `host/repository@sha256:…`; the host is not looked at. */
  find(image: string): Promise<StoredImage>;
  /** Unpacks it into a folder as well, and says where. */
  prepare(image: string): Promise<StoredImage & { readonly rootfs: string }>;
  /** The image as a tar archive that engines load under that name. */
  archive(image: StoredImage, name: string): Promise<Readable>;
}

/** Parts that run by themselves. */
export interface Lifecycle {
  /** Takes up the durable state after a (re)start. */
  start(): Promise<void>;
  /** Ends everything it started: processes, ports, timers. */
  stop(): Promise<void>;
}
