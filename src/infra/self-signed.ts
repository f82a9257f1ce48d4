/** The certificate of `--self-signed`: one for a project's private names, signed by an authority that signs nothing else. */
import { webcrypto } from 'node:crypto';

/** All as PEM. */
export interface SelfSigned {
  readonly certificate: string;
  /** Of the certificate. PKCS #8, in clear: it goes to ACM and nowhere else. */
  readonly privateKey: string;
  /** Certificate of the authority, which is all that clients need to trust. Nobody has its key any more. */
  readonly authority: string;
}

const YEARS = 10;
/** ms. ACM takes no certificate of the future, and clocks differ. */
const BEFORE = 24 * 3_600_000;

const KEYS = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

/**
 * Both are valid from a day ago for ten years.
 * @param zone such as `echo.internal`: the certificate is for it and all names one level below.
 */
export async function selfSigned(zone: string, now: Date): Promise<SelfSigned> {
  const x509 = await loadX509();
  const [ofAuthority, keys] = await Promise.all([newKeys(), newKeys()]);
  const valid = { notBefore: new Date(now.getTime() - BEFORE), notAfter: yearsLater(now) };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`${zone} authority`] }],
    ...valid,
    keys: ofAuthority,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(ofAuthority.publicKey),
    ],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [wildcardOf(zone)] }],
    issuer: authority.subjectName,
    ...valid,
    publicKey: keys.publicKey,
    signingKey: ofAuthority.privateKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([wildcardOf(zone), zone].map((value) => ({ type: 'dns', value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(ofAuthority.publicKey),
    ],
  });
  const exported = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: certificate.toString('pem').trim(),
    privateKey: x509.PemConverter.encode(exported, 'PRIVATE KEY'),
    authority: authority.toString('pem').trim(),
  };
}

/** All names one level below a zone. */
export function wildcardOf(zone: string): string {
  return `*.${zone}`;
}

/** It takes its time to load, and a project needs it once. Its parts are put together by reflection, which has to be there before. */
async function loadX509() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
}

function yearsLater(now: Date): Date {
  const date = new Date(now);
  date.setUTCFullYear(date.getUTCFullYear() + YEARS);
  return date;
}
