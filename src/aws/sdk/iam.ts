/** What `../iam.ts` uses of the SDK, by name: only this much is bundled and loaded. */
export {
  CreateServiceLinkedRoleCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
