/** What `../logs.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  CloudWatchLogsClient,
  FilterLogEventsCommand,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
