/** What containers wrote to CloudWatch Logs. */
import type { FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import { type Caller, clientOptions, explaining, isAws, once } from './connect.ts';

export interface Logs {
  /** Oldest first; empty when the stream does not exist. */
  lastLines(logGroup: string, logStream: string, count: number): Promise<string[]>;
  /**
   * What all streams whose names begin so have since then (epoch ms), in the order of time, a page after the other; a page may be
   * empty. Nothing where the group does not exist.
   */
  lines(logGroup: string, streamPrefix: string, since: number): AsyncIterable<readonly LogLine[]>;
}

export interface LogLine {
  /** No other line of its stream has it. */
  readonly id: string;
  readonly stream: string;
  /** Epoch ms. */
  readonly at: number;
  readonly text: string;
}

export function logs(caller: Caller): Logs {
  const connect = once(async () => {
    const sdk = await import('./sdk/logs.ts');
    return { sdk, client: explaining('logs', new sdk.CloudWatchLogsClient(await clientOptions(caller))) };
  });
  return {
    async lastLines(logGroup, logStream, count) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(
          new sdk.GetLogEventsCommand({ logGroupName: logGroup, logStreamName: logStream, limit: count, startFromHead: false }),
        );
        return (answer.events ?? []).map(({ message = '' }) => message.trimEnd());
      } catch (error) {
        if (isAws(error, 'ResourceNotFoundException')) return [];
        throw error;
      }
    },

    async *lines(logGroup, streamPrefix, since) {
      const { sdk, client } = await connect();
      const question = { logGroupName: logGroup, logStreamNamePrefix: streamPrefix || undefined, startTime: since };
      let nextToken: string | undefined;
      do {
        const answer = await client.send(new sdk.FilterLogEventsCommand({ ...question, nextToken })).catch((error: unknown) => {
          if (isAws(error, 'ResourceNotFoundException')) return { events: [], nextToken: undefined };
          throw error;
        });
        yield (answer.events ?? []).map(toLine);
        ({ nextToken } = answer);
      } while (nextToken);
    },
  };
}

function toLine({ eventId = '', logStreamName = '', timestamp = 0, message = '' }: FilteredLogEvent): LogLine {
  return { id: eventId, stream: logStreamName, at: timestamp, text: message.trimEnd() };
}
