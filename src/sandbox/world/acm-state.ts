/** Certificates that were imported into ACM, and what listeners present of them. */

export interface AcmState {
  /** By ARN. */
  certificates: Record<string, ImportedCertificate>;
}

export interface ImportedCertificate {
  readonly arn: string;
  /** PEM, the certificate alone. */
  certificate: string;
  /** PEM, from whoever signed it up to its CA; undefined where none was given. */
  chain?: string;
  /** PEM. It leaves the sandbox's folder in no answer and no log. */
  privateKey: string;
  tags: Record<string, string>;
  /** When it was imported first. */
  readonly createdAt: Date;
  /** When it was imported last. */
  importedAt: Date;
}

/** What a server needs to speak TLS. */
export interface StoredCertificate {
  /** PEM, the chain up to its CA after it where there is one. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
}

export function emptyAcm(): AcmState {
  return { certificates: {} };
}

/** The certificate with its key; undefined when this account has none of that ARN. */
export function certificateFor({ certificates }: AcmState, arn: string | undefined): StoredCertificate | undefined {
  const found = arn !== undefined && Object.hasOwn(certificates, arn) ? certificates[arn] : undefined;
  return found && { certificate: [found.certificate, found.chain ?? ''].map(withLineEnd).join(''), privateKey: found.privateKey };
}

/** PEM blocks that are put together need it between them. */
function withLineEnd(pem: string): string {
  return pem === '' || pem.endsWith('\n') ? pem : `${pem}\n`;
}
