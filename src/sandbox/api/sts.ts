/** STS: who the caller is. */
import type { GetCallerIdentityRequest, GetCallerIdentityResponse } from '@aws-sdk/client-sts';
import type { Region, SandboxConfig } from '../parts.ts';
import type { Caller, Operations } from './service.ts';

export const operations = {
  GetCallerIdentity(_input: GetCallerIdentityRequest, { config }: Region, { accessKeyId }: Caller): GetCallerIdentityResponse {
    return { UserId: 'AIDASANDBOXSANDBOXUSER', Account: config.account, Arn: callerArn(config, accessKeyId) };
  },
} satisfies Operations;

/** The one identity that all credentials stand for, but those that have policies of their own. */
export function callerArn({ account, guard }: SandboxConfig, accessKeyId = ''): string {
  return `arn:aws:iam::${account}:user/${guard?.isUser(accessKeyId) ? accessKeyId : 'sandbox'}`;
}
