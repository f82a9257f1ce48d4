/** The way into the registry. */
import type { GetAuthorizationTokenRequest, GetAuthorizationTokenResponse } from '@aws-sdk/client-ecr';
import type { Region } from '../../parts.ts';
import type { Caller } from '../service.ts';
import { issuePassword } from '../../world/ecr-tokens.ts';

export function GetAuthorizationToken(
  _input: GetAuthorizationTokenRequest,
  region: Region,
  { accessKeyId }: Caller,
): GetAuthorizationTokenResponse {
  const { password, expiresAt } = issuePassword(region, accessKeyId);
  const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
  return { authorizationData: [{ authorizationToken, expiresAt, proxyEndpoint: `http://127.0.0.1:${region.config.port}` }] };
}
