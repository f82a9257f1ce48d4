/** Containers' output, on its way into CloudWatch Logs. */
import { ownValue } from './own-value.ts';
import type { LogSink, Region } from './parts.ts';
import { addEvents, addStream } from './world/logs-state.ts';

/** Lines can come many a second: they ask for a write of the state only this often (real ms). */
const SAVE_EVERY_MS = 1_000;

/** Writes into the log groups of the region's state. */
export function makeLogSink({ state, clock, changed }: Pick<Region, 'state' | 'clock' | 'changed'>): LogSink {
  let saving = false;
  const saveSoon = () => {
    if (saving) return;
    saving = true;
    setTimeout(() => {
      saving = false;
      changed();
    }, SAVE_EVERY_MS).unref();
  };
  return {
    exists: (logGroup) => Object.hasOwn(state.logs.groups, logGroup),
    write(logGroup, logStream, line) {
      const group = ownValue(state.logs.groups, logGroup);
      if (!group) return;
      const now = clock.now().getTime();
      const stream = ownValue(group.streams, logStream) ?? addStream(group, logStream, now);
      addEvents(stream, [{ timestamp: now, ingested: now, message: line }]);
      saveSoon();
    },
  };
}
