/**
 * Whether ACM takes a certificate, its key and its chain. Sources: "Prerequisites for importing certificates" of the ACM guide, the
 * reference of ImportCertificate, and AWS's article on errors of imports, where the messages are from as far as it has them.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AwsError } from '../../errors.ts';
import { keyAlgorithmOf } from './details.ts';

export interface Material {
  /** PEM, as are the others. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly chain: string | undefined;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const ALGORITHMS = /^(?:RSA-(?:1024|2048|3072|4096)|EC-(?:prime256v1|secp384r1|secp521r1))$/;

/** @param now ACM takes a certificate only while it is valid. @throws AwsError ValidationException that says what is wrong, and never holds the key. */
export function checkMaterial({ certificate, privateKey, chain }: Material, now: Date): void {
  const blocks = certificate.match(BLOCK) ?? [];
  if (blocks.length > 1) throw refused('The certificate field contains more than one certificate. You can specify only one certificate in this field.');
  const leaf = readCertificate(blocks[0] ?? '', 'The certificate body provided is not in a valid PEM format.');
  const key = readKey(privateKey);
  const algorithm = keyAlgorithmOf(leaf.publicKey);
  if (!ALGORITHMS.test(algorithm)) throw refused('The private key is not supported.');
  if (!leaf.checkPrivateKey(key)) throw refused('The private key does not match the certificate.');
  if (now < new Date(leaf.validFrom)) throw refused('The certificate is not in effect yet, is not valid.');
  if (now > new Date(leaf.validTo)) throw refused('The certificate has expired, is not valid.');
  if (chain !== undefined) checkChain(leaf, chain);
}

function readCertificate(pem: string, problem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw refused(problem);
  }
}

/** An encrypted one can't be read either: there is no passphrase. */
function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw refused('The private key is not supported.');
  }
}

/** Each certificate of the chain has to have signed the one before it. Whether it ends in a root is not looked at. */
function checkChain(leaf: X509Certificate, pem: string): void {
  const problem = 'The certificate chain provided is not in a valid PEM format.';
  const chain = (pem.match(BLOCK) ?? []).map((block) => readCertificate(block, problem));
  const [first, ...others] = chain;
  if (!first) throw refused(problem);
  if (first.fingerprint256 === leaf.fingerprint256 && !isSignedBy(leaf, leaf)) throw outOfOrder(0);
  if (!isSignedBy(leaf, first)) throw refused('Could not validate the certificate with the certificate chain.');
  const index = others.findIndex((issuer, below) => !isSignedBy(chain[below] ?? leaf, issuer));
  if (index !== -1) throw outOfOrder(index);
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function outOfOrder(index: number): AwsError {
  return refused(
    'Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any ' +
      `intermediaries in order. The index within the chain of the invalid certificate is: ${index}`,
  );
}

function refused(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
