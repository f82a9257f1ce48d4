/** Log events: written, read along a stream in both directions, and searched. */
import type {
  FilteredLogEvent,
  FilterLogEventsRequest,
  FilterLogEventsResponse,
  GetLogEventsRequest,
  GetLogEventsResponse,
  PutLogEventsRequest,
  PutLogEventsResponse,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Region } from '../../parts.ts';
import { addEvents, type LogEventState, type LogGroupState, type LogStreamState } from '../../world/logs-state.ts';
import { sortedByName, sortedPage } from '../sorted-page.ts';
import { matchesPattern } from './filter-pattern.ts';
import { findGroup, findStream, invalid, invalidToken, pageSize } from './lookup.ts';

const MOST_EVENTS = 10_000;
const DAY_MS = 86_400_000;
const OLDEST_MS = 14 * DAY_MS;
const NEWEST_MS = DAY_MS / 12;

export function PutLogEvents(input: PutLogEventsRequest, region: Region): PutLogEventsResponse {
  const { logGroupName, logStreamName = '', logEvents = [] } = input;
  const stream = findStream(findGroup(region, { logGroupName }), logStreamName);
  const ingested = region.clock.now().getTime();
  const events = logEvents.map(({ timestamp = 0, message = '' }): LogEventState => ({ timestamp, ingested, message }));
  if (events.some(({ timestamp }, index) => timestamp < (events[index - 1]?.timestamp ?? 0))) {
    throw invalid('Log events in a single PutLogEvents request must be in chronological order.');
  }
  const tooOld = events.filter(({ timestamp }) => timestamp < ingested - OLDEST_MS).length;
  const firstTooNew = events.findIndex(({ timestamp }) => timestamp > ingested + NEWEST_MS);
  addEvents(stream, events.slice(tooOld, firstTooNew === -1 ? undefined : firstTooNew));
  region.changed();
  const rejected = {
    ...(tooOld > 0 ? { tooOldLogEventEndIndex: tooOld } : {}),
    ...(firstTooNew === -1 ? {} : { tooNewLogEventStartIndex: firstTooNew }),
  };
  return { rejectedLogEventsInfo: Object.keys(rejected).length > 0 ? rejected : undefined };
}

/** An event with its place in the stream, which never changes. */
interface PlacedEvent extends LogEventState {
  readonly place: number;
}

/**
 * Both tokens always come. One that leads nowhere yet (the end, or the beginning, is reached) comes back as it was given.
 * Without a token the last events come, with `startFromHead` the first ones.
 */
export function GetLogEvents(input: GetLogEventsRequest, region: Region): GetLogEventsResponse {
  const stream = findStream(findGroup(region, input), input.logStreamName ?? '');
  const limit = pageSize(region, input.limit, MOST_EVENTS);
  const { direction, place } = readPosition(input, stream);
  const events = placedEvents(stream).filter(({ timestamp }) => isWithin(timestamp, input));
  const page =
    direction === 'f'
      ? events.filter((event) => event.place >= place).slice(0, limit)
      : events.filter((event) => event.place < place).slice(-limit);
  const first = page[0]?.place ?? place;
  const last = page.at(-1)?.place;
  return {
    events: page.map(({ timestamp, ingested, message }) => ({ timestamp, ingestionTime: ingested, message })),
    nextForwardToken: writePosition('f', last === undefined ? place : last + 1),
    nextBackwardToken: writePosition('b', first),
  };
}

export function FilterLogEvents(input: FilterLogEventsRequest, region: Region): FilterLogEventsResponse {
  const { filterPattern = '', limit, nextToken: token } = input;
  const found = searchedStreams(input, findGroup(region, input))
    .flatMap((stream) => placedEvents(stream).map((event) => describe(event, stream)))
    .filter((event) => isWithin(event.timestamp ?? 0, input) && matchesPattern(event.message ?? '', filterPattern))
    .toSorted((left, right) => (byTime(left) < byTime(right) ? -1 : 1));
  const { items, nextToken } = sortedPage(found, byTime, { token, size: pageSize(region, limit, MOST_EVENTS), invalid: invalidToken });
  return { events: items, searchedLogStreams: [], nextToken };
}

function searchedStreams({ logStreamNames, logStreamNamePrefix }: FilterLogEventsRequest, group: LogGroupState): LogStreamState[] {
  if (logStreamNames && logStreamNamePrefix !== undefined) {
    throw invalid('Cannot use logStreamNames and logStreamNamePrefix together.');
  }
  if (logStreamNames) return logStreamNames.map((name) => findStream(group, name));
  return sortedByName(group.streams).filter(({ name }) => name.startsWith(logStreamNamePrefix ?? ''));
}

function placedEvents({ events, dropped }: LogStreamState): PlacedEvent[] {
  return events.map((event, index) => ({ ...event, place: dropped + index }));
}

function describe({ timestamp, ingested, message, place }: PlacedEvent, { name }: LogStreamState): FilteredLogEvent {
  return { logStreamName: name, timestamp, message, ingestionTime: ingested, eventId: `${timestamp}${String(place).padStart(43, '0')}` };
}

/** As text that sorts as the times do; unique, because no stream has two events in one place. */
function byTime({ timestamp = 0, logStreamName = '', eventId = '' }: FilteredLogEvent): string {
  return `${String(timestamp).padStart(16, '0')}/${logStreamName}/${eventId}`;
}

/** `startTime` is within, `endTime` is not. */
function isWithin(timestamp: number, { startTime = 0, endTime = Infinity }: { startTime?: number; endTime?: number }): boolean {
  return timestamp >= startTime && timestamp < endTime;
}

function readPosition({ nextToken, startFromHead }: GetLogEventsRequest, stream: LogStreamState): { direction: string; place: number } {
  if (nextToken === undefined) {
    return startFromHead ? { direction: 'f', place: 0 } : { direction: 'b', place: stream.dropped + stream.events.length };
  }
  const [, direction, digits] = /^([fb])\/(\d{56})\/s$/.exec(nextToken) ?? [];
  if (direction === undefined || digits === undefined) throw invalidToken();
  return { direction, place: Number(digits) };
}

function writePosition(direction: 'f' | 'b', place: number): string {
  return `${direction}/${String(place).padStart(56, '0')}/s`;
}
