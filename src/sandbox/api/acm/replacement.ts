/** Which certificate may take the place of another. Source: "Reimport a certificate" of the ACM guide. */
import { AwsError } from '../../errors.ts';
import type { Details } from './details.ts';

/** It may go: public authorities do not give it any more. Source: "Import certificates" of the ACM guide. */
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

/** Throws AwsError ValidationException where `next` lacks what `current` has. */
export function checkReplacement(current: Details, next: Details): void {
  if (next.keyAlgorithm !== current.keyAlgorithm) {
    throw refused(`The key type and size of a certificate cannot be changed: ${current.keyAlgorithm} is imported, and the new certificate has ${next.keyAlgorithm}.`);
  }
  if (current.domainName !== undefined && next.domainName === undefined) throw refused('The new certificate has no domain name.');
  if (isMissing(current.keyUsages, next.keyUsages)) {
    throw refused('New certificate is missing one or more Key Usages supported by the currently imported certificate');
  }
  if (isMissing(idsOf(current).filter((id) => id !== CLIENT_AUTHENTICATION), idsOf(next))) {
    throw refused('New certificate is missing one or more Extended Key Usages supported by the currently imported certificate');
  }
}

/** A certificate that does not say what it is for has no usages that another could lack. */
function isMissing(had: readonly string[], has: readonly string[]): boolean {
  return had.some((usage) => usage !== 'ANY' && usage !== 'NONE' && !has.includes(usage));
}

function idsOf({ extendedKeyUsages }: Details): string[] {
  return extendedKeyUsages.map(({ oid, name }) => oid ?? name);
}

function refused(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
