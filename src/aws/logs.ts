/** The last lines that a container wrote to CloudWatch Logs. */
import { type Caller, clientOptions, explaining, isAws, once } from './connect.ts';

export interface Logs {
  /** Oldest first; empty when the stream does not exist. */
  lastLines(logGroup: string, logStream: string, count: number): Promise<string[]>;
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
  };
}
