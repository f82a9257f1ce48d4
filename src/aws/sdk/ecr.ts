/** What `../ecr.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  DescribeImagesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  GetDownloadUrlForLayerCommand,
  ListImagesCommand,
} from '@aws-sdk/client-ecr';
