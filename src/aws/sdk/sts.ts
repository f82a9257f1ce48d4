/** What `../sts.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
