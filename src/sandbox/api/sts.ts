/** STS: who the caller is. */
import type { GetCallerIdentityRequest, GetCallerIdentityResponse } from '@aws-sdk/client-sts';
import type { Region, SandboxConfig } from '../parts.ts';
import type { Operations } from './service.ts';

export const operations = {
  GetCallerIdentity(_input: GetCallerIdentityRequest, { config }: Region): GetCallerIdentityResponse {
    return { UserId: 'AIDASANDBOXSANDBOXUSER', Account: config.account, Arn: callerArn(config) };
  },
} satisfies Operations;

/** The one identity that all credentials stand for. */
export function callerArn({ account }: SandboxConfig): string {
  return `arn:aws:iam::${account}:user/sandbox`;
}
