/** What the task life cycle needs of whatever runs containers: processes of this machine, Docker, Podman. */
import type { ContainerDefinition } from '@aws-sdk/client-ecs';
import type { ImageConfig } from '../parts.ts';

export interface ContainerOrder {
  readonly region: string;
  /** The task's VPC address. */
  readonly address: string;
  readonly definition: ContainerDefinition & { name: string; image: string };
  /** `X86_64` or `ARM64`: what the task definition's runtime platform says. */
  readonly cpuArchitecture: string;
  /** The values of the container definition's `secrets`, by variable name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The container's output, line by line. */
  readonly output: (line: string) => void;
  /** The container ended; called once, whether it was stopped or ended by itself. Signal N counts as exit code 128 + N. */
  readonly exited: (exitCode: number) => void;
}

export interface PulledImage {
  readonly rootfs: string;
  readonly config: ImageConfig;
  /** The ECR repository that it came from. */
  readonly repository: string;
  readonly digest: string;
  readonly architecture: string;
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
}
