/** CloudWatch Logs: groups, their streams, and the last lines of each. */

export interface LogsState {
  /** By name. */
  groups: Record<string, LogGroupState>;
}

export interface LogGroupState {
  readonly name: string;
  /** Epoch ms, as all times of this service. */
  readonly created: number;
  retentionInDays?: number;
  tags: Record<string, string>;
  /** By name. */
  streams: Record<string, LogStreamState>;
}

export interface LogStreamState {
  readonly name: string;
  readonly created: number;
  /** Oldest first; only the last ones are kept. */
  events: LogEventState[];
  /** How many older events are gone, so that an event's place in the stream never changes. */
  dropped: number;
}

export interface LogEventState {
  readonly timestamp: number;
  readonly ingested: number;
  readonly message: string;
}

export function emptyLogs(): LogsState {
  return { groups: {} };
}

/** How many events a stream keeps. */
const KEPT_EVENTS = 1_000;

/** An empty stream in the group. */
export function addStream(group: LogGroupState, name: string, created: number): LogStreamState {
  const stream: LogStreamState = { name, created, events: [], dropped: 0 };
  group.streams[name] = stream;
  return stream;
}

/** Appends events, and forgets the oldest beyond what a stream keeps. */
export function addEvents(stream: LogStreamState, events: readonly LogEventState[]): void {
  stream.events.push(...events);
  const surplus = Math.max(0, stream.events.length - KEPT_EVENTS);
  stream.events.splice(0, surplus);
  stream.dropped += surplus;
}
