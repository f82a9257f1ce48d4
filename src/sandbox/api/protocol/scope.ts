/** Who calls which service in which region: read from the request's signature (version 4), which is not verified. */
import { AwsError } from '../../errors.ts';
import { isRegionName } from '../../region-name.ts';
import type { WireProtocol } from './wire.ts';

export interface CredentialScope {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

/**
 * Any credentials are accepted, but there have to be some.
 * @param authorization the Authorization header; presigned requests have none and are refused.
 * @throws AwsError as AWS answers unsigned and wrongly signed requests.
 */
export function readScope(authorization: string | undefined, { codes }: WireProtocol): CredentialScope {
  if (!authorization?.startsWith('AWS4-HMAC-SHA256 ')) {
    throw new AwsError(codes.missingToken, 'Missing Authentication Token', 403);
  }
  const credential = credentialIn(authorization);
  const [terminator, service, region, date, ...accessKeyId] = credential.split('/').toReversed();
  if (accessKeyId.length === 0 || terminator !== 'aws4_request' || !service || !region || !date) {
    throw new AwsError(
      codes.incompleteSignature,
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'`,
    );
  }
  if (!isRegionName(region)) {
    throw new AwsError(codes.invalidSignature, 'Credential should be scoped to a valid region.', 403);
  }
  return { accessKeyId: accessKeyId.toReversed().join('/'), region, service };
}

/** What the request names, whether or not AWS would take it: empty where it names none. */
export function claimedScope(authorization: string | undefined): Pick<CredentialScope, 'service' | 'region'> {
  const [, service = '', region = ''] = credentialIn(authorization).split('/').toReversed();
  return { service, region };
}

/** `<access key>/<date>/<region>/<service>/aws4_request` */
export function credentialIn(authorization = ''): string {
  return /Credential=([^, ]+)/.exec(authorization)?.[1] ?? '';
}
