/** A task's life from PROVISIONING to STOPPED: each look takes it as far as its time, its containers and its targets allow. */
import { hexId } from '../../ids.ts';
import type { TaskRunner } from '../../dataplane/runner.ts';
import type { Region } from '../../parts.ts';
import { AwsError } from '../../errors.ts';
import type { TaskRecord } from '../ecs-state.ts';
import { TaskStartError, type TaskContainers, pullTask } from './containers.ts';
import type { Announcements } from './events.ts';
import { definitionOf, isWanted, serviceOf } from './queries.ts';
import { stopTask } from './stop-task.ts';
import {
  ACTIVATING, DEPROVISIONING, DEREGISTRATION_LAG, PROVISIONING, PULL, STOPPED_TASK_KEPT,
} from './timings.ts';

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

/** What is known of a task only while the sandbox runs. */
interface Life {
  status: string;
  /** In AWS time. */
  since: number;
  stopOrderedAt?: number;
  /** Pulling, starting or stopping is under way. */
  work?: Promise<void>;
  start?: () => Promise<TaskContainers>;
  containers?: TaskContainers;
}

/** @param wake called when something happened that the next look should not be late for. */
export function makeTaskLives(region: Region, runner: TaskRunner, announcements: Announcements, wake: () => void): TaskLives {
  const lives = new Map<string, Life>();
  let isStopped = false;

  function lifeOf({ task }: TaskRecord): Life {
    const life = lives.get(task.taskArn) ?? { status: task.lastStatus, since: region.clock.awsNow() };
    lives.set(task.taskArn, life);
    return life;
  }

  function enter(record: TaskRecord, status: string): void {
    const life = lifeOf(record);
    life.status = status;
    life.since = region.clock.awsNow();
    record.task.lastStatus = status;
    record.task.version += 1;
    region.changed();
  }

  function age(record: TaskRecord): number {
    return region.clock.awsNow() - lifeOf(record).since;
  }

  /** Does one thing at a time for a task, in the background; a failed start ends the task. */
  function work(record: TaskRecord, action: () => Promise<void>): void {
    const life = lifeOf(record);
    life.work ??= action().catch((error: unknown) => {
      if (!(error instanceof TaskStartError)) {
        throw error;
      }
      fail(region, record, error);
      deregister(region, record, announcements);
      enter(record, 'DEPROVISIONING');
    }).finally(() => {
      delete life.work;
      wake();
    });
  }

  async function pull(record: TaskRecord): Promise<void> {
    lifeOf(record).start = await pullTask(region, runner, record, (container, code) => containerExited(record, container, code));
  }

  async function start(record: TaskRecord): Promise<void> {
    const life = lifeOf(record);
    life.containers = await life.start?.();
    for (const container of record.task.containers) {
      container.lastStatus = 'RUNNING';
      container.runtimeId ??= `${record.task.taskArn.split('/').at(-1)}-${hexId(10)}`;
    }
  }

  function containerExited(record: TaskRecord, name: string, exitCode: number): void {
    const { task } = record;
    const container = task.containers.find((candidate) => candidate.name === name);
    if (isStopped || !container) {
      return;
    }
    container.lastStatus = 'STOPPED';
    container.exitCode = exitCode;
    const definition = definitionOf(region, task.taskDefinitionArn);
    if (definition.containerDefinitions.find((candidate) => candidate.name === name)?.essential !== false) {
      delete region.state.ecs.endpoints[record.address];
      stopTask(region, record, 'EssentialContainerExited', 'Essential container in task exited');
    }
    region.changed();
    wake();
  }

  const looks: Readonly<Record<string, (record: TaskRecord, life: Life) => void>> = {
    PROVISIONING(record) {
      if (!isWanted(record)) {
        enter(record, 'DEPROVISIONING');
      } else if (age(record) >= PROVISIONING) {
        attachInterface(region, record);
        record.task.pullStartedAt = region.clock.now();
        enter(record, 'PENDING');
      }
    },

    PENDING(record, life) {
      if (!isWanted(record)) {
        enter(record, 'DEPROVISIONING');
      } else if (!life.start) {
        work(record, () => pull(record));
      } else if (age(record) >= PULL) {
        record.task.pullStoppedAt = region.clock.now();
        work(record, async () => {
          await start(record);
          enter(record, 'ACTIVATING');
        });
      }
    },

    ACTIVATING(record, life) {
      if (!isWanted(record)) {
        enter(record, 'STOPPING');
      } else if (!life.containers) {
        work(record, () => revive(record));
      } else if (age(record) >= ACTIVATING) {
        record.task.startedAt = region.clock.now();
        enter(record, 'RUNNING');
        register(region, record, announcements);
      }
    },

    RUNNING(record, life) {
      const hasCrashed = record.task.stopCode === 'EssentialContainerExited';
      if (!life.containers && !hasCrashed) {
        work(record, () => revive(record));
      }
      if (!isWanted(record)) {
        life.stopOrderedAt ??= region.clock.awsNow();
        const lag = hasCrashed || record.targets.length === 0 ? 0 : DEREGISTRATION_LAG;
        if (region.clock.awsNow() - life.stopOrderedAt >= lag) {
          deregister(region, record, announcements);
          enter(record, 'DEACTIVATING');
        }
      }
    },

    DEACTIVATING(record) {
      const hasCrashed = record.task.stopCode === 'EssentialContainerExited';
      if (hasCrashed || record.targets.every(({ targetGroupArn, ip, port }) => !region.targets.health(targetGroupArn, { ip, port }))) {
        record.targets = [];
        enter(record, 'STOPPING');
      }
    },

    STOPPING(record, life) {
      work(record, async () => {
        await life.containers?.stop();
        record.task.executionStoppedAt = region.clock.now();
        enter(record, 'DEPROVISIONING');
      });
    },

    DEPROVISIONING(record) {
      if (age(record) >= DEPROVISIONING) {
        endTask(region, record);
        enter(record, 'STOPPED');
      }
    },

    STOPPED(record) {
      if (age(record) >= STOPPED_TASK_KEPT) {
        delete region.state.ecs.tasks[record.task.taskArn];
        lives.delete(record.task.taskArn);
        region.changed();
      }
    },
  };

  /** After a restart of the sandbox the task goes on as it was; only its processes are new. */
  async function revive(record: TaskRecord): Promise<void> {
    await pull(record);
    await start(record);
  }

  return {
    advance(record) {
      const life = lifeOf(record);
      if (!life.work) {
        looks[record.task.lastStatus]?.(record, life);
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

function attachInterface(region: Region, { task, address }: TaskRecord): void {
  const [attachment] = task.attachments;
  if (!attachment) {
    return;
  }
  attachment.status = 'ATTACHED';
  attachment.details?.push(
    { name: 'networkInterfaceId', value: `eni-${hexId(17)}` },
    { name: 'macAddress', value: `0e:${hexId(10).match(/../g)?.join(':')}` },
    { name: 'privateDnsName', value: `ip-${address.replaceAll('.', '-')}.${region.name}.compute.internal` },
    { name: 'privateIPv4Address', value: address },
  );
  for (const container of task.containers) {
    container.networkInterfaces = [{ attachmentId: attachment.id, privateIpv4Address: address }];
  }
  task.connectivity = 'CONNECTED';
  task.connectivityAt = region.clock.now();
}

function fail(region: Region, record: TaskRecord, error: TaskStartError): void {
  stopTask(region, record, 'TaskFailedToStart', error.stoppedReason);
  for (const container of record.task.containers.filter(({ name }) => error.container === undefined || name === error.container)) {
    container.reason = error.message;
  }
}

function register(region: Region, record: TaskRecord, announcements: Announcements): void {
  const service = serviceOf(region, record);
  for (const { targetGroupArn, containerPort } of service?.service.loadBalancers ?? []) {
    const target = { ip: record.address, port: containerPort };
    try {
      region.targets.register(targetGroupArn, target, record.task.availabilityZone);
    } catch (error) {
      if (!(error instanceof AwsError)) {
        throw error;
      }
      // The group was deleted since: the task never gets healthy, as on AWS.
      continue;
    }
    record.targets.push({ targetGroupArn, ...target });
    if (service) {
      announcements.count(service, `(service ${service.service.serviceName}) registered # targets in (target-group ${targetGroupArn})`);
    }
  }
}

function deregister(region: Region, record: TaskRecord, announcements: Announcements): void {
  const service = serviceOf(region, record);
  for (const { targetGroupArn, ip, port } of record.targets) {
    region.targets.deregister(targetGroupArn, { ip, port });
    if (service) {
      const { serviceName } = service.service;
      announcements.count(service, `(service ${serviceName}) deregistered # targets in (target-group ${targetGroupArn})`);
      announcements.count(service, `(service ${serviceName}, taskSet ${record.task.startedBy}) has begun draining connections on # tasks.`);
    }
  }
}

function endTask(region: Region, { task, address }: TaskRecord): void {
  delete region.state.ecs.endpoints[address];
  task.stoppedAt = region.clock.now();
  for (const attachment of task.attachments) {
    attachment.status = 'DELETED';
  }
  for (const container of task.containers) {
    container.lastStatus = 'STOPPED';
  }
}
