/** What the task life cycle needs of whatever runs containers: processes of this machine, Docker, Podman. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { StoredImage } from '../parts.ts';

/** What tasks can run in, the default first. */
export const RUNNERS = ['process', 'docker', 'podman'] as const;
export type RunnerName = (typeof RUNNERS)[number];

/** ECS's words for a container that the kernel ended because it took more memory than it has. */
export const OUT_OF_MEMORY = 'OutOfMemoryError: Container killed due to memory usage';

export interface ContainerOrder {
  readonly region: string;
  /** The task's VPC address. */
  readonly address: string;
  /** The network whose names it knows; not given where no stack of the sandbox has made it. */
  readonly vpcId?: string | undefined;
  readonly definition: ContainerDefinition & { name: string; image: string };
  /** `X86_64` or `ARM64`: what the task definition's runtime platform says. */
  readonly cpuArchitecture: string;
  /** The task's own limits, where it has any: each of its containers may use all of it. */
  readonly limits: { readonly vcpus?: number; readonly memoryMiB?: number };
  /** The values of the container definition's `secrets`, by variable name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The container's output, line by line. */
  readonly output: (line: string) => void;
  /**
   * The container ended; called once, whether it was stopped or ended by itself. Signal N counts as exit code 128 + N.
   * `reason` is what ECS says of the container beside that.
   */
  readonly exited: (exitCode: number, reason?: string) => void;
}

export interface PulledImage extends StoredImage {
  /** Where its runner has it: the folder it is unpacked in, or its name in the engine. */
  readonly location: string;
}

export interface RunningContainer {
  /** Loopback ports by container port. */
  readonly ports: Readonly<Record<number, number>>;
  /** Sends SIGTERM, and SIGKILL after `graceMs` of real time; resolves when nothing of the container is left. */
  stop(graceMs: number): Promise<void>;
  /** Ends it as if it had crashed: with SIGKILL, at once. */
  kill(): void;
}

export interface TaskRunner {
  /** Fetches an image. Rejects with an Error whose message is what follows `CannotPullContainerError: `. */
  pull(image: string): Promise<PulledImage>;
  /** Starts a container. Rejects with an Error whose message is what follows `CannotStartContainerError: `. */
  start(order: ContainerOrder, image: PulledImage): Promise<RunningContainer>;
  /** Ends what an earlier run of the sandbox, killed without warning, left running. */
  recover(): Promise<void>;
  /** Nothing runs any more: gives back what is not the sandbox folder's, such as images in an engine. */
  close(): Promise<void>;
}

/** One that knows nothing of earlier runs. */
export type OwnRunner = Omit<TaskRunner, 'recover'>;
