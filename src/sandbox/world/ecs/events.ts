/** A service's event stream, worded as ECS words it. */
import { randomUUID } from 'node:crypto';
import type { Region } from '../../parts.ts';
import type { ServiceRecord, TaskRecord } from '../ecs-state.ts';
import { idOf } from './queries.ts';

const EVENTS_KEPT = 100;

/** What happened to several tasks at once is one event: these are collected and written together. */
export interface Announcements {
  /** @param message with `#` for how many. */
  count(record: ServiceRecord, message: string): void;
  write(): void;
}

/** Writes `(service NAME) message`. */
export function announce(region: Region, record: ServiceRecord, message: string): void {
  append(region, record, `(service ${record.service.serviceName}) ${message}`);
}

/** As `announce`, unless the service's newest event says just that. */
export function announceOnce(region: Region, record: ServiceRecord, message: string): void {
  if (!record.service.events[0]?.message?.endsWith(message)) {
    announce(region, record, message);
  }
}

export function collectAnnouncements(region: Region): Announcements {
  const counts = new Map<ServiceRecord, Map<string, number>>();
  return {
    count(record, message) {
      const ofService = counts.get(record) ?? new Map<string, number>();
      counts.set(record, ofService.set(message, (ofService.get(message) ?? 0) + 1));
    },
    write() {
      for (const [record, messages] of counts) {
        for (const [message, count] of messages) {
          append(region, record, message.replace('#', String(count)));
        }
      }
      counts.clear();
    },
  };
}

/** `(task ID) (task ID)` */
export function taskList(records: readonly TaskRecord[]): string {
  return records.map(({ task }) => `(task ${idOf(task.taskArn)})`).join(' ');
}

function append(region: Region, { service }: ServiceRecord, message: string): void {
  service.events.unshift({ id: randomUUID(), createdAt: region.clock.now(), message });
  service.events.length = Math.min(service.events.length, EVENTS_KEPT);
  region.changed();
}
