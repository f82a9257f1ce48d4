/** What ACM tells of a certificate, read from the certificate. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { ExtendedKeyUsageName, KeyUsageName } from '@aws-sdk/client-acm';
import { keyUsageBits, signatureOid } from './der.ts';

export interface Details {
  /** Undefined for a certificate that is for no domain, such as one for an address only. */
  readonly domainName: string | undefined;
  readonly names: string[];
  readonly serial: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** `RSA-2048`, `EC-prime256v1`: so AWS answers, where its reference and its filters have `RSA_2048`. Source: recorded answers. */
  readonly keyAlgorithm: string;
  /** `SHA256WITHRSA` */
  readonly signatureAlgorithm: string;
  /** `ANY` where the certificate does not say. Source: recorded answers, as `NONE` below. */
  readonly keyUsages: readonly KeyUsageName[];
  readonly extendedKeyUsages: readonly { readonly name: ExtendedKeyUsageName; readonly oid?: string }[];
}

const SIGNATURES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.5': 'SHA1WITHRSA',
  '1.2.840.113549.1.1.11': 'SHA256WITHRSA',
  '1.2.840.113549.1.1.12': 'SHA384WITHRSA',
  '1.2.840.113549.1.1.13': 'SHA512WITHRSA',
  '1.2.840.10045.4.3.2': 'SHA256WITHECDSA',
  '1.2.840.10045.4.3.3': 'SHA384WITHECDSA',
  '1.2.840.10045.4.3.4': 'SHA512WITHECDSA',
};

/** By their bits. Source: RFC 5280, section 4.2.1.3. */
const KEY_USAGES: readonly KeyUsageName[] = [
  'DIGITAL_SIGNATURE', 'NON_REPUDIATION', 'KEY_ENCIPHERMENT', 'DATA_ENCIPHERMENT', 'KEY_AGREEMENT', 'CERTIFICATE_SIGNING', 'CRL_SIGNING',
  'ENCIPHER_ONLY', 'DECIPHER_ONLY',
];

/** Source: `ExtendedKeyUsage` of the API reference. */
const EXTENDED_KEY_USAGES: Readonly<Record<string, ExtendedKeyUsageName>> = {
  '1.3.6.1.5.5.7.3.1': 'TLS_WEB_SERVER_AUTHENTICATION',
  '1.3.6.1.5.5.7.3.2': 'TLS_WEB_CLIENT_AUTHENTICATION',
  '1.3.6.1.5.5.7.3.3': 'CODE_SIGNING',
  '1.3.6.1.5.5.7.3.4': 'EMAIL_PROTECTION',
  '1.3.6.1.5.5.7.3.5': 'IPSEC_END_SYSTEM',
  '1.3.6.1.5.5.7.3.6': 'IPSEC_TUNNEL',
  '1.3.6.1.5.5.7.3.7': 'IPSEC_USER',
  '1.3.6.1.5.5.7.3.8': 'TIME_STAMPING',
  '1.3.6.1.5.5.7.3.9': 'OCSP_SIGNING',
  '2.5.29.37.0': 'ANY',
};

const DOMAIN = /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/;

/** @param pem a certificate that was taken already. */
export function readDetails(pem: string): Details {
  const certificate = new X509Certificate(pem);
  const common = fieldOf(certificate.subject, 'CN');
  const signature = signatureOid(certificate.raw);
  const names = [...(common !== undefined && DOMAIN.test(common) ? [common] : []), ...alternativeNames(certificate)];
  return {
    domainName: names[0],
    names: [...new Set(names)],
    serial: (certificate.serialNumber.toLowerCase().match(/../g) ?? []).join(':'),
    subject: certificate.subject.split('\n').join(', '),
    issuer: fieldOf(certificate.issuer, 'O') ?? fieldOf(certificate.issuer, 'CN') ?? '',
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    keyAlgorithm: keyAlgorithmOf(certificate.publicKey),
    signatureAlgorithm: SIGNATURES[signature] ?? signature,
    keyUsages: keyUsageBits(certificate.raw)?.flatMap((bit) => KEY_USAGES[bit] ?? []) ?? ['ANY'],
    extendedKeyUsages: certificate.keyUsage?.map((oid) => ({ name: EXTENDED_KEY_USAGES[oid] ?? 'CUSTOM', oid })) ?? [{ name: 'NONE' }],
  };
}

/** As `Details` has it. */
export function keyAlgorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'rsa') return `RSA-${asymmetricKeyDetails?.modulusLength}`;
  if (asymmetricKeyType === 'ec') return `EC-${asymmetricKeyDetails?.namedCurve}`;
  return String(asymmetricKeyType);
}

/** Node writes a name with a line for each field. */
function fieldOf(name: string, field: string): string | undefined {
  return name.split('\n').find((line) => line.startsWith(`${field}=`))?.slice(field.length + 1);
}

/** Those of a domain. Node quotes names with unusual characters, which no domain has. */
function alternativeNames({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap((name) => (name.startsWith('DNS:') ? name.slice('DNS:'.length) : []));
}
