/** ListCertificates: filtered, in pages. */
import type { CertificateSummary, Filters, ListCertificatesRequest } from '@aws-sdk/client-acm';
import { AwsError } from '../../errors.ts';
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';
import type { ImportedCertificate } from '../../world/acm-state.ts';
import { sortedPage } from '../sorted-page.ts';
import { invalid, usersOf } from './certificates.ts';
import { type Details, readDetails } from './details.ts';

const MOST_ITEMS = 1_000;
/** Names in a summary. */
const MOST_NAMES = 100;
/** What is listed unless `keyTypes` says otherwise. Source: `Filters` of the API reference. */
const USUAL_KEYS = ['RSA_1024', 'RSA_2048'];

/** AWS writes the algorithm in another way than its API reference: see `readDetails`. */
type Summary = Omit<CertificateSummary, 'KeyAlgorithm'> & { readonly KeyAlgorithm: string };

interface Listed {
  readonly stored: ImportedCertificate;
  readonly details: Details;
  readonly status: 'ISSUED' | 'EXPIRED';
}

export function ListCertificates(input: ListCertificatesRequest, region: Region): { CertificateSummaryList: Summary[]; NextToken: string | undefined } {
  const { MaxItems = MOST_ITEMS, NextToken, SortBy, SortOrder } = input;
  if (MaxItems < 1 || MaxItems > MOST_ITEMS) {
    const bound = MaxItems < 1 ? 'greater than or equal to 1' : `less than or equal to ${MOST_ITEMS}`;
    throw invalid(`Value '${MaxItems}' at 'maxItems' failed to satisfy constraint: Member must have value ${bound}`);
  }
  if ((SortBy === undefined) !== (SortOrder === undefined)) throw invalidArgs('SortBy and SortOrder must be specified together.');
  const now = region.clock.now();
  const found = Object.values(region.state.acm.certificates)
    .map((stored): Listed => {
      const details = readDetails(stored.certificate);
      return { stored, details, status: now > details.notAfter ? 'EXPIRED' : 'ISSUED' };
    })
    .filter((listed) => isListed(listed, input))
    .toSorted((left, right) => (ageKey(left) < ageKey(right) ? -1 : 1));
  const { items, nextToken } = sortedPage(found, ageKey, {
    token: NextToken,
    size: cappedPageSize(region, MaxItems),
    descending: SortOrder === 'DESCENDING',
    invalid: () => invalidArgs('The NextToken is not valid.'),
  });
  return { CertificateSummaryList: items.map((listed) => summaryOf(listed, region)), NextToken: nextToken };
}

/** Puts the oldest first. */
function ageKey({ stored }: Listed): string {
  return `${stored.createdAt.toISOString()} ${stored.arn}`;
}

function isListed({ details, status }: Listed, { CertificateStatuses, CertificateKeyPairOrigins, Includes = {} }: ListCertificatesRequest): boolean {
  return isAmong(status, CertificateStatuses) && isAmong('CUSTOMER_PROVIDED', CertificateKeyPairOrigins) && passes(details, Includes);
}

/** Certificates without a domain, too, are listed only for whoever names key types. */
function passes({ keyAlgorithm, domainName, keyUsages, extendedKeyUsages }: Details, { keyTypes, keyUsage, extendedKeyUsage, exportOption, managedBy }: Filters): boolean {
  if (keyTypes === undefined && domainName === undefined) return false;
  if (!isAmong(keyAlgorithm.replace('-', '_'), keyTypes ?? USUAL_KEYS)) return false;
  if (exportOption === 'ENABLED' || managedBy !== undefined) return false;
  return shareOne(keyUsages, keyUsage) && shareOne(extendedKeyUsages.map(({ name }) => name), extendedKeyUsage);
}

function isAmong(value: string, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.includes(value);
}

function shareOne(values: readonly string[], wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || values.some((value) => wanted.includes(value));
}

function summaryOf({ stored, details, status }: Listed, region: Region): Summary {
  return {
    CertificateArn: stored.arn,
    DomainName: details.domainName,
    SubjectAlternativeNameSummaries: details.names.slice(0, MOST_NAMES),
    HasAdditionalSubjectAlternativeNames: details.names.length > MOST_NAMES,
    Status: status,
    Type: 'IMPORTED',
    KeyAlgorithm: details.keyAlgorithm,
    KeyUsages: [...details.keyUsages],
    ExtendedKeyUsages: details.extendedKeyUsages.map(({ name }) => name),
    InUse: usersOf(region, stored.arn).length > 0,
    RenewalEligibility: 'INELIGIBLE',
    NotBefore: details.notBefore,
    NotAfter: details.notAfter,
    CreatedAt: stored.createdAt,
    ImportedAt: stored.importedAt,
    CertificateKeyPairOrigin: 'CUSTOMER_PROVIDED',
  };
}

function invalidArgs(message: string): AwsError {
  return new AwsError('InvalidArgsException', message);
}
