/** Reads of one certificate. None of them gives its key away. */
import type {
  CertificateDetail, DescribeCertificateRequest, ExportCertificateRequest, GetCertificateRequest, GetCertificateResponse,
} from '@aws-sdk/client-acm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { findCertificate, usersOf } from './certificates.ts';
import { readDetails } from './details.ts';

/** AWS writes the algorithm in another way than its API reference: see `readDetails`. */
type Described = Omit<CertificateDetail, 'KeyAlgorithm'> & { readonly KeyAlgorithm: string };

export function DescribeCertificate({ CertificateArn = '' }: DescribeCertificateRequest, region: Region): { Certificate: Described } {
  const { arn, certificate, createdAt, importedAt } = findCertificate(region, CertificateArn);
  const details = readDetails(certificate);
  return {
    Certificate: {
      CertificateArn: arn,
      DomainName: details.domainName,
      SubjectAlternativeNames: details.names,
      Serial: details.serial,
      Subject: details.subject,
      Issuer: details.issuer,
      CreatedAt: createdAt,
      ImportedAt: importedAt,
      Status: region.clock.now() > details.notAfter ? 'EXPIRED' : 'ISSUED',
      NotBefore: details.notBefore,
      NotAfter: details.notAfter,
      KeyAlgorithm: details.keyAlgorithm,
      SignatureAlgorithm: details.signatureAlgorithm,
      InUseBy: usersOf(region, arn),
      Type: 'IMPORTED',
      KeyUsages: details.keyUsages.map((Name) => ({ Name })),
      ExtendedKeyUsages: details.extendedKeyUsages.map(({ name, oid }) => ({ Name: name, OID: oid })),
      RenewalEligibility: 'INELIGIBLE',
      Options: { CertificateTransparencyLoggingPreference: 'DISABLED' },
      CertificateKeyPairOrigin: 'CUSTOMER_PROVIDED',
    },
  };
}

export function GetCertificate({ CertificateArn = '' }: GetCertificateRequest, region: Region): GetCertificateResponse {
  const { certificate, chain } = findCertificate(region, CertificateArn);
  return { Certificate: certificate, CertificateChain: chain };
}

/** Only what ACM issued can be exported. */
export function ExportCertificate({ CertificateArn = '' }: ExportCertificateRequest, region: Region): never {
  const { arn } = findCertificate(region, CertificateArn);
  throw new AwsError('ValidationException', `Certificate ARN: ${arn} is not a private certificate, and export is not enabled for it.`);
}
