/** What `../ecr.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  BatchDeleteImageCommand,
  DescribeImagesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  ListImagesCommand,
} from '@aws-sdk/client-ecr';
