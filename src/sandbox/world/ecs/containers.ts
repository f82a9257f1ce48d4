/** A task's containers as they really run: started in order, watched, ended. Nothing of this outlives the sandbox's process. */
import type { ContainerOrder, RunningContainer, TaskRunner } from '../../dataplane/runner.ts';
import type { Region } from '../../parts.ts';
import type { StoredTaskDefinition, TaskRecord } from '../ecs-state.ts';
import { vpcOf } from '../subnets.ts';
import { definitionOf, idOf } from './queries.ts';
import { STOP_TIMEOUT } from './timings.ts';
import { fetchTaskResources } from './task-resources.ts';

/** Real ms a process gets at least to end by itself: processes do not run faster with the clock. */
const LEAST_STOP_TIMEOUT = 1_000;

export interface TaskContainers {
  /** Sends SIGTERM, and SIGKILL after each container's `stopTimeout`, or `longest` real ms; resolves when all have ended. */
  stop(longest?: number): Promise<void>;
}

/** A task that can't start: its stopped reason, and what its container says. */
export class TaskStartError extends Error {
  readonly stoppedReason: string;
  readonly container: string | undefined;

  constructor(stoppedReason: string, container?: string, reason = stoppedReason) {
    super(reason);
    this.stoppedReason = stoppedReason;
    this.container = container;
  }
}

/** Told of a container's end, with what ECS says of it beside its exit code. */
export type Exited = (container: string, exitCode: number, reason: string | undefined) => void;

/** Fetches secrets and images; the returned function starts the containers. Both reject with TaskStartError. */
export async function pullTask(
  region: Region, runner: TaskRunner, record: TaskRecord, exited: Exited,
): Promise<() => Promise<TaskContainers>> {
  const definition = definitionOf(region, record.task.taskDefinitionArn);
  const secrets = await fetchTaskResources(region, definition).catch((error: unknown) => {
    throw new TaskStartError(messageOf(error));
  });
  const starts: (() => Promise<RunningContainer>)[] = [];
  for (const container of definition.containerDefinitions) {
    const order = orderFor(region, record, definition, container, secrets[container.name ?? ''] ?? {}, exited);
    const image = await runner.pull(order.definition.image).catch((error: unknown) => {
      throw new TaskStartError(`CannotPullContainerError: ${messageOf(error)}`, order.definition.name);
    });
    const stored = record.task.containers.find(({ name }) => name === order.definition.name);
    if (stored) {
      stored.imageDigest = image.digest;
    }
    starts.push(() => runner.start(order, image).catch((error: unknown) => {
      throw new TaskStartError('Task failed to start', order.definition.name, `CannotStartContainerError: ${messageOf(error)}`);
    }));
  }
  return () => startAll(region, record, definition, starts);
}

async function startAll(
  region: Region, record: TaskRecord, definition: StoredTaskDefinition, starts: readonly (() => Promise<RunningContainer>)[],
): Promise<TaskContainers> {
  const running: RunningContainer[] = [];
  const stop = async (longest = Infinity) => {
    await Promise.all(running.map((container, index) => {
      const seconds = definition.containerDefinitions[index]?.stopTimeout;
      const grace = region.clock.real(seconds === undefined ? STOP_TIMEOUT : seconds * 1_000);
      return container.stop(Math.min(longest, Math.max(LEAST_STOP_TIMEOUT, grace)));
    }));
  };
  try {
    for (const start of starts) {
      const container = await start();
      running.push(container);
      region.state.ecs.endpoints[record.address] = { ...region.state.ecs.endpoints[record.address], ...container.ports };
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

function orderFor(
  region: Region, record: TaskRecord, definition: StoredTaskDefinition,
  container: StoredTaskDefinition['containerDefinitions'][number], secrets: Readonly<Record<string, string>>,
  exited: Exited,
): ContainerOrder {
  const { name = '', image = '', logConfiguration } = container;
  const options = logConfiguration?.logDriver === 'awslogs' ? logConfiguration.options : undefined;
  const stream = [options?.['awslogs-stream-prefix'], name, idOf(record.task.taskArn)].filter(Boolean).join('/');
  return {
    region: region.name,
    address: record.address,
    vpcId: vpcOf(region, subnetOf(record)),
    definition: { ...container, name, image },
    cpuArchitecture: definition.runtimePlatform?.cpuArchitecture ?? 'X86_64',
    limits: { vcpus: amount(definition.cpu, 1_024), memoryMiB: amount(definition.memory, 1) },
    secrets,
    output: (line) => {
      if (options) {
        region.logs.write(options['awslogs-group'] ?? '', stream, line);
      }
    },
    exited: (exitCode, reason) => exited(name, exitCode, reason),
  };
}

function subnetOf({ task }: TaskRecord): string | undefined {
  return task.attachments.flatMap(({ details = [] }) => details).find(({ name }) => name === 'subnetId')?.value;
}

/** A task's size as the definition has it, in text; undefined where it says none. */
function amount(text: string | undefined, unit: number): number | undefined {
  const number = Number(text);
  return number > 0 ? number / unit : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
