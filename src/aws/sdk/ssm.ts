/** What `../ssm.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  DeleteParametersCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
