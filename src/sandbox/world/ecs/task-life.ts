/** The lives of a region's tasks, from PROVISIONING to STOPPED: each look takes a task as far as it can go by now. */
import type { TaskRunner } from '../../dataplane/runner.ts';
import type { Region } from '../../parts.ts';
import type { TaskRecord } from '../ecs-state.ts';
import { type Exited, TaskStartError, pullTask } from './containers.ts';
import type { Announcements } from './events.ts';
import { definitionOf } from './queries.ts';
import { stopTask } from './stop-task.ts';
import { deregisterTargets } from './task-network.ts';
import { type Life, taskSteps } from './task-steps.ts';

export interface TaskLives {
  /** Takes the task on. Call it again and again. */
  readonly advance: (record: TaskRecord) => void;
  /** How long the task has had its present status, in ms of AWS time; counted anew after a restart. */
  readonly age: (record: TaskRecord) => number;
  /** Ends all containers, without a trace in the state: the next start takes the tasks up again. */
  readonly stop: () => Promise<void>;
}

/** How long processes may take to end when the sandbox ends, in real ms. */
const SHUTDOWN_GRACE = 3_000;

/** @param wake called when something happened that the next look should not be late for. */
export function makeTaskLives(region: Region, runner: TaskRunner, announcements: Announcements, wake: () => void): TaskLives {
  const lives = new Map<string, Life>();
  let isStopped = false;

  function lifeOf({ task }: TaskRecord): Life {
    const life = lives.get(task.taskArn) ?? { since: region.clock.awsNow() };
    lives.set(task.taskArn, life);
    return life;
  }

  const age = (record: TaskRecord) => region.clock.awsNow() - lifeOf(record).since;

  function enter(record: TaskRecord, status: string): void {
    lifeOf(record).since = region.clock.awsNow();
    record.task.lastStatus = status;
    record.task.version += 1;
    region.changed();
  }

  function work(record: TaskRecord, action: () => Promise<void>): void {
    const life = lifeOf(record);
    life.work ??= action().catch((error: unknown) => {
      if (!(error instanceof TaskStartError)) {
        throw error;
      }
      failStart(region, record, error);
      deregisterTargets(region, record, announcements);
      enter(record, 'DEPROVISIONING');
    }).finally(() => {
      delete life.work;
      wake();
    });
  }

  function exited(record: TaskRecord, ...end: Parameters<Exited>): void {
    if (!isStopped) {
      endContainer(region, record, ...end);
      wake();
    }
  }

  return {
    advance(record) {
      const life = lifeOf(record);
      if (!life.work) {
        taskSteps[record.task.lastStatus]?.({
          region,
          record,
          life,
          announcements,
          age: age(record),
          pull: () => pullTask(region, runner, record, (...end) => exited(record, ...end)),
          enter: (status) => enter(record, status),
          work: (action) => work(record, action),
          forget() {
            delete region.state.ecs.tasks[record.task.taskArn];
            lives.delete(record.task.taskArn);
            region.changed();
          },
        });
      }
    },
    age,
    async stop() {
      isStopped = true;
      await Promise.all([...lives.values()].map(async (life) => {
        await life.work;
        await life.containers?.stop(SHUTDOWN_GRACE);
      }));
    },
  };
}

function failStart(region: Region, record: TaskRecord, error: TaskStartError): void {
  stopTask(region, record, 'TaskFailedToStart', error.stoppedReason);
  for (const container of record.task.containers.filter(({ name }) => error.container === undefined || name === error.container)) {
    container.reason = error.message;
  }
}

/** A container ended, by itself or as it was told; with an essential one the task ends. */
function endContainer(region: Region, record: TaskRecord, ...[name, exitCode, reason]: Parameters<Exited>): void {
  const { task } = record;
  const definition = definitionOf(region, task.taskDefinitionArn).containerDefinitions.find((candidate) => candidate.name === name);
  const container = task.containers.find((candidate) => candidate.name === name);
  if (container) {
    container.lastStatus = 'STOPPED';
    container.exitCode = exitCode;
    if (reason !== undefined) container.reason = reason;
  }
  if (definition?.essential !== false) {
    delete region.state.ecs.endpoints[record.address];
    stopTask(region, record, 'EssentialContainerExited', 'Essential container in task exited');
  }
  region.changed();
}
