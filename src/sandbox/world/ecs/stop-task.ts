/** The decision that a task is to stop; what follows is its life's. */
import type { TaskStopCode } from '@aws-sdk/client-ecs';
import type { Region } from '../../parts.ts';
import type { TaskRecord } from '../ecs-state.ts';
import { isWanted } from './queries.ts';

/** Orders a task to stop, and why. One that is stopping already keeps its first reason. */
export function stopTask(region: Region, record: TaskRecord, stopCode: TaskStopCode, stoppedReason: string): void {
  if (!isWanted(record)) {
    return;
  }
  const { task } = record;
  task.desiredStatus = 'STOPPED';
  task.stopCode = stopCode;
  task.stoppedReason = stoppedReason;
  task.stoppingAt = region.clock.now();
  task.version += 1;
  region.changed();
}
