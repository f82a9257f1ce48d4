/** Finds certificates by ARN, and who uses them. */
import { AwsError } from '../../errors.ts';
import { ownValue } from '../../own-value.ts';
import type { Region } from '../../parts.ts';
import type { ImportedCertificate } from '../../world/acm-state.ts';
import type { StoredListener } from '../../world/elbv2-state.ts';

/** As the API reference has it. */
const ARN = /^arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(?:\/[\w+=,.@-]+)*$/;
const ARN_TEXT = String.raw`arn:[\w+=/,.@-]+:acm:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*`;

/** Throws AwsError for what is no ARN of a certificate, and for one that is not there. */
export function findCertificate({ config, state }: Region, arn: string): ImportedCertificate {
  if (!ARN.test(arn)) throw invalid(`Value '${arn}' at 'certificateArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ${ARN_TEXT}`);
  if (!/:certificate\/[^/]+$/.test(arn)) throw new AwsError('InvalidArnException', `Invalid ARN: ${arn}`);
  const found = ownValue(state.acm.certificates, arn);
  if (!found) throw new AwsError('ResourceNotFoundException', `Could not find certificate ${arn} in account ${config.account}.`);
  return found;
}

/** The listeners that have the certificate, as their default one or beside it. */
export function listenersOf({ state }: Region, arn: string): StoredListener[] {
  return Object.values(state.elbv2.listeners).filter(({ description, certificates = [] }) => {
    return [...(description.Certificates ?? []).map(({ CertificateArn }) => CertificateArn), ...certificates].includes(arn);
  });
}

/** ARNs of the load balancers whose listeners have the certificate. */
export function usersOf(region: Region, arn: string): string[] {
  return [...new Set(listenersOf(region, arn).map(({ description }) => description.LoadBalancerArn))];
}

/** A refusal by the API model's own constraints. */
export function invalid(problem: string): AwsError {
  return new AwsError('ValidationException', `1 validation error detected: ${problem}`);
}
