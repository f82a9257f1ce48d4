/** What a task does next in each of its statuses, once its time, its containers and its targets allow it. */
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import type { TaskRecord } from '../ecs-state.ts';
import type { TaskContainers } from './containers.ts';
import type { Announcements } from './events.ts';
import { idOf, isWanted } from './queries.ts';
import { attachInterface, deregisterTargets, detachInterface, registerTargets } from './task-network.ts';
import {
  ACTIVATING, DEPROVISIONING, DEREGISTRATION_LAG, PROVISIONING, PULL, STOPPED_TASK_KEPT,
} from './timings.ts';

/** What is known of a task only while the sandbox runs. */
export interface Life {
  /** When it took its present status, and when it was ordered to stop while it ran, in AWS time. */
  since: number;
  stopOrderedAt?: number;
  /** Pulling, starting or stopping is under way. */
  work?: Promise<void>;
  /** Starts the containers: their images are pulled. */
  start?: () => Promise<TaskContainers>;
  containers?: TaskContainers;
}

export interface Situation {
  readonly region: Region;
  readonly record: TaskRecord;
  readonly life: Life;
  readonly announcements: Announcements;
  /** How long it has had its present status, in ms of AWS time. */
  readonly age: number;
  readonly pull: () => Promise<() => Promise<TaskContainers>>;
  readonly enter: (status: string) => void;
  /** Does something in the background; the task takes no step meanwhile. */
  readonly work: (action: () => Promise<void>) => void;
  readonly forget: () => void;
}

export const taskSteps: Readonly<Record<string, (situation: Situation) => void>> = {
  PROVISIONING({ region, record, age, enter }) {
    if (!isWanted(record)) {
      enter('DEPROVISIONING');
    } else if (age >= PROVISIONING) {
      attachInterface(region, record);
      record.task.pullStartedAt = region.clock.now();
      enter('PENDING');
    }
  },

  PENDING(situation) {
    const { region, record, life, age, enter, work } = situation;
    if (!isWanted(record)) {
      enter('DEPROVISIONING');
    } else if (!life.start) {
      work(() => pull(situation));
    } else if (age >= PULL) {
      record.task.pullStoppedAt = region.clock.now();
      work(async () => {
        await start(situation);
        enter('ACTIVATING');
      });
    }
  },

  ACTIVATING(situation) {
    const { region, record, life, age, announcements, enter, work } = situation;
    if (!isWanted(record)) {
      enter('STOPPING');
    } else if (!life.containers) {
      work(() => revive(situation));
    } else if (age >= ACTIVATING) {
      record.task.startedAt = region.clock.now();
      enter('RUNNING');
      registerTargets(region, record, announcements);
    }
  },

  RUNNING(situation) {
    const { region, record, life, announcements, enter, work } = situation;
    if (!life.containers && !hasCrashed(record)) {
      work(() => revive(situation));
    }
    if (isWanted(record)) {
      return;
    }
    life.stopOrderedAt ??= region.clock.awsNow();
    const lag = hasCrashed(record) || record.targets.length === 0 ? 0 : DEREGISTRATION_LAG;
    if (region.clock.awsNow() - life.stopOrderedAt >= lag) {
      deregisterTargets(region, record, announcements);
      enter('DEACTIVATING');
    }
  },

  /** A task that serves still is told to end only once nothing is sent to it any more. */
  DEACTIVATING({ region, record, enter }) {
    const isDrained = record.targets.every(({ targetGroupArn, ip, port }) => !region.targets.health(targetGroupArn, { ip, port }));
    if (isDrained || hasCrashed(record)) {
      record.targets = [];
      enter('STOPPING');
    }
  },

  STOPPING({ region, record, life, enter, work }) {
    work(async () => {
      await life.containers?.stop();
      record.task.executionStoppedAt = region.clock.now();
      enter('DEPROVISIONING');
    });
  },

  DEPROVISIONING({ region, record, age, enter }) {
    if (age >= DEPROVISIONING) {
      detachInterface(region, record);
      record.task.stoppedAt = region.clock.now();
      for (const container of record.task.containers) {
        container.lastStatus = 'STOPPED';
      }
      enter('STOPPED');
    }
  },

  STOPPED({ age, forget }) {
    if (age >= STOPPED_TASK_KEPT) {
      forget();
    }
  },
};

function hasCrashed({ task }: TaskRecord): boolean {
  return task.stopCode === 'EssentialContainerExited';
}

async function pull({ life, pull: pullImages }: Situation): Promise<void> {
  life.start = await pullImages();
}

async function start({ record, life }: Situation): Promise<void> {
  life.containers = await life.start?.();
  for (const container of record.task.containers) {
    container.lastStatus = 'RUNNING';
    container.runtimeId ??= `${idOf(record.task.taskArn)}-${hexId(10)}`;
  }
}

/** After a restart of the sandbox a task goes on as it was; only its processes are new. */
async function revive(situation: Situation): Promise<void> {
  await pull(situation);
  await start(situation);
}
