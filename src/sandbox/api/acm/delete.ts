/** DeleteCertificate: refused while a listener has the certificate. */
import type { DeleteCertificateRequest } from '@aws-sdk/client-acm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { findCertificate, usersOf } from './certificates.ts';

export function DeleteCertificate({ CertificateArn = '' }: DeleteCertificateRequest, region: Region): object {
  const { arn } = findCertificate(region, CertificateArn);
  if (usersOf(region, arn).length > 0) {
    throw new AwsError('ResourceInUseException', `Certificate ${arn} in account ${region.config.account} is in use.`);
  }
  delete region.state.acm.certificates[arn];
  region.changed();
  return {};
}
