/** Log streams. */
import type {
  CreateLogStreamRequest,
  DeleteLogStreamRequest,
  DescribeLogStreamsRequest,
  DescribeLogStreamsResponse,
  LogStream,
} from '@aws-sdk/client-cloudwatch-logs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { addStream, type LogGroupState, type LogStreamState } from '../../world/logs-state.ts';
import { sortedPage } from '../sorted-page.ts';
import { findGroup, findStream, groupArn, invalid, invalidToken, pageSize } from './lookup.ts';

const MOST_STREAMS = 50;

export function CreateLogStream({ logGroupName, logStreamName = '' }: CreateLogStreamRequest, region: Region): object {
  if (!/^[^:*]{1,512}$/.test(logStreamName)) {
    throw invalid(
      `1 validation error detected: Value '${logStreamName}' at 'logStreamName' failed to satisfy constraint: ` +
        'Member must satisfy regular expression pattern: [^:*]*',
    );
  }
  const group = findGroup(region, { logGroupName });
  if (Object.hasOwn(group.streams, logStreamName)) {
    throw new AwsError('ResourceAlreadyExistsException', 'The specified log stream already exists');
  }
  addStream(group, logStreamName, region.clock.now().getTime());
  region.changed();
  return {};
}

export function DeleteLogStream({ logGroupName, logStreamName = '' }: DeleteLogStreamRequest, region: Region): object {
  const group = findGroup(region, { logGroupName });
  const { name } = findStream(group, logStreamName);
  delete group.streams[name];
  region.changed();
  return {};
}

export function DescribeLogStreams(input: DescribeLogStreamsRequest, region: Region): DescribeLogStreamsResponse {
  const { logStreamNamePrefix = '', orderBy = 'LogStreamName', descending = false, limit, nextToken: token } = input;
  if (orderBy === 'LastEventTime' && logStreamNamePrefix !== '') {
    throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.');
  }
  const group = findGroup(region, input);
  const keyOf = orderBy === 'LastEventTime' ? byLastEvent : ({ name }: LogStreamState) => name;
  const found = Object.values(group.streams)
    .filter(({ name }) => name.startsWith(logStreamNamePrefix))
    .toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  const size = pageSize(region, limit, MOST_STREAMS);
  const { items, nextToken } = sortedPage(found, keyOf, { token, size, descending, invalid: invalidToken });
  return { logStreams: items.map((stream) => describe(stream, group, region)), nextToken };
}

function describe(stream: LogStreamState, group: LogGroupState, region: Region): LogStream {
  const last = stream.events.at(-1);
  return {
    logStreamName: stream.name,
    creationTime: stream.created,
    firstEventTimestamp: stream.events[0]?.timestamp,
    lastEventTimestamp: last?.timestamp,
    lastIngestionTime: last?.ingested,
    arn: `${groupArn(region, group.name)}:log-stream:${stream.name}`,
    storedBytes: 0,
  };
}

/** As text that sorts as the times do; streams without events come first. */
function byLastEvent({ name, events }: LogStreamState): string {
  return `${String(events.at(-1)?.timestamp ?? 0).padStart(16, '0')}/${name}`;
}
