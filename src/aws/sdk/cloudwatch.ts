/** What `../cloudwatch.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  CloudWatchClient,
  GetMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
