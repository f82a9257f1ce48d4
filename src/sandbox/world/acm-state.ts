/** Certificates for HTTPS listeners, as they are stored. */

export interface AcmState {
  /** By ARN. */
  certificates: Record<string, StoredCertificate>;
}

export interface StoredCertificate {
  /** PEM, the chain up to its CA after it where there is one. */
  certificate: string;
  /** PEM. */
  privateKey: string;
}

export function emptyAcm(): AcmState {
  return { certificates: {} };
}

/** The certificate with its key; undefined when this account has none of that ARN. */
export function certificateFor({ certificates }: AcmState, arn: string | undefined): StoredCertificate | undefined {
  return arn !== undefined && Object.hasOwn(certificates, arn) ? certificates[arn] : undefined;
}
