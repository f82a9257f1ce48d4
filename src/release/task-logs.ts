/** What a service's tasks wrote to CloudWatch Logs, each line with the version that wrote it. */
import type { LogLine } from '../aws/logs.ts';
import type { Clock } from '../time.ts';
import { COLOURS, type Colour, serviceName } from './model.ts';
import { revisionOf, versionTagOf } from './observe.ts';
import type { Release } from './operations.ts';

/** What is known of a task. */
export interface TaskOrigin {
  readonly version: string;
  readonly colour: Colour;
}

export interface TaskLine extends LogLine {
  /** The task's id. */
  readonly task: string;
  readonly container: string;
  /** Undefined for a task that ECS does not know (any more: it forgets those that stopped an hour ago), or that is none of the service's. */
  readonly origin: TaskOrigin | undefined;
}

export interface TaskLogs {
  /** Each version that ECS knows tasks of, with its colour. */
  origins(): readonly TaskOrigin[];
  /** Containers whose output goes to CloudWatch Logs. */
  containers(): ReadonlySet<string>;
  /** Asks again which tasks there are. */
  look(): Promise<void>;
  /** In the order of time within a log group, a page after the other. @param since epoch ms. */
  read(since: number): AsyncIterable<readonly TaskLine[]>;
}

export interface Following {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** ms between two looks. */
  readonly pause: number;
}

/** ms. Lines come late, and those of one stream later than those of another: so far back each look looks again. */
const LATE = 15_000;
/** ms between two questions which tasks there are. */
const TASKS_PAUSE = 10_000;

/** Looks which tasks there are. */
export async function openTaskLogs({ aws, place }: Pick<Release, 'aws' | 'place'>): Promise<TaskLogs> {
  const origins = new Map<string, TaskOrigin>();
  /** Tasks that ECS was asked about because of their lines. */
  const strange = new Set<string>();
  /** Beginnings of the names of streams, by log group. */
  const streams = new Map<string, Set<string>>();
  const containers = new Set<string>();

  async function look(): Promise<void> {
    const services = await aws.containers.describeServices(place.cluster, COLOURS.map((colour) => serviceName(place, colour)));
    await Promise.all(COLOURS.map(async (colour) => {
      const name = serviceName(place, colour);
      const service = services.find((candidate) => candidate.name === name);
      if (!service) return;
      const ofStatus = (status: 'RUNNING' | 'STOPPED') => aws.containers.tasks(place.cluster, name, status);
      const tasks = (await Promise.all([ofStatus('RUNNING'), ofStatus('STOPPED')])).flat().filter(({ taskDefinition }) => taskDefinition !== '');
      const revisions = new Set([service.taskDefinition, ...tasks.map(({ taskDefinition }) => taskDefinition)]);
      await Promise.all([...revisions].filter((arn) => arn !== '').map(learn));
      for (const { id, taskDefinition } of tasks) {
        origins.set(id, { colour, version: versionTagOf(taskDefinition, await revisionOf(aws, taskDefinition)) });
      }
    }));
  }

  /** The awslogs driver names a task's stream prefix/container/task. */
  async function learn(taskDefinition: string): Promise<void> {
    const { containerDefinitions = [] } = (await revisionOf(aws, taskDefinition))?.definition ?? {};
    for (const { name = '', logConfiguration: { logDriver, options = {} } = {} } of containerDefinitions) {
      const { 'awslogs-group': group, 'awslogs-stream-prefix': prefix } = options;
      if (logDriver !== 'awslogs' || !group || !prefix) continue;
      streams.set(group, (streams.get(group) ?? new Set()).add(`${prefix}/${name}/`));
      containers.add(name);
    }
  }

  async function* read(since: number): AsyncIterable<readonly TaskLine[]> {
    for (const [group, prefixes] of streams) {
      for await (const page of aws.logs.lines(group, commonBeginning([...prefixes]), since)) {
        const own = page.filter(({ stream }) => [...prefixes].some((prefix) => stream.startsWith(prefix)));
        await lookFor(own.map(({ stream }) => taskOf(stream)));
        yield own.map(withOrigin);
      }
    }
  }

  function withOrigin(line: LogLine): TaskLine {
    const [container = '', task = ''] = line.stream.split('/').slice(-2);
    return { ...line, task, container, origin: origins.get(task) };
  }

  /** Once for each: one that was started by hand is of no service, and ECS would be asked for every line of it. */
  async function lookFor(tasks: readonly string[]): Promise<void> {
    const unknown = tasks.filter((task) => !origins.has(task) && !strange.has(task));
    if (unknown.length === 0) return;
    for (const task of unknown) strange.add(task);
    await look();
  }

  await look();
  return {
    origins: () => [...new Map([...origins.values()].map((origin) => [`${origin.colour} ${origin.version}`, origin])).values()],
    containers: () => containers,
    look,
    read,
  };
}

/**
 * Reads again and again, each line once, also of tasks and log groups that come later.
 * @throws the signal's reason when it aborts.
 */
export async function* follow(logs: TaskLogs, since: number, { clock, signal, pause }: Following): AsyncIterable<readonly TaskLine[]> {
  /** Lines that may come again, with their times. */
  const shown = new Map<string, number>();
  let from = since;
  let lastLook = clock.now();
  for (;;) {
    let newest = from;
    for await (const page of logs.read(from)) {
      signal.throwIfAborted();
      const fresh = page.filter((line) => !shown.has(nameOf(line)));
      for (const line of fresh) {
        shown.set(nameOf(line), line.at);
        newest = Math.max(newest, line.at);
      }
      yield fresh;
    }
    from = Math.max(from, newest - LATE);
    for (const [name, at] of shown) if (at < from) shown.delete(name);
    await clock.sleep(pause, signal);
    if (clock.now() - lastLook < TASKS_PAUSE) continue;
    lastLook = clock.now();
    await logs.look();
  }
}

function nameOf({ stream, id }: LogLine): string {
  return `${stream}/${id}`;
}

function taskOf(stream: string): string {
  return stream.slice(stream.lastIndexOf('/') + 1);
}

function commonBeginning([first = '', ...others]: readonly string[]): string {
  let length = first.length;
  while (!others.every((other) => other.startsWith(first.slice(0, length)))) length -= 1;
  return first.slice(0, length);
}
