/** Certificates of AWS Certificate Manager. */
import { allPages, type Caller, clientOptions, explaining, isAws, once } from './connect.ts';
import { needed } from './needed.ts';

export interface Certificate {
  readonly arn: string;
  /** Undefined where AWS does not say. */
  readonly notAfter: Date | undefined;
}

/** All as PEM. */
export interface NewCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  /** Those that signed it, up to the root. */
  readonly chain: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Certificates {
  /** Those that somebody imported for a name, and that carry a tag; in a fixed order. */
  imported(name: string, tag: readonly [key: string, value: string]): Promise<Certificate[]>;
  /** What whoever checks the certificate has to trust: its chain, or itself where it has none. PEM. */
  authority(arn: string): Promise<string>;
  /** @returns the ARN. Each call makes another one. */
  import(certificate: NewCertificate): Promise<string>;
  /** @returns false where something still uses it. One that does not exist is no error. */
  remove(arn: string): Promise<boolean>;
}

export function certificates(caller: Caller): Certificates {
  const connect = once(async () => {
    const sdk = await import('./sdk/acm.ts');
    return { sdk, client: explaining('acm', new sdk.ACMClient(await clientOptions(caller))) };
  });
  async function hasTag(arn: string, [key, value]: readonly [string, string]): Promise<boolean> {
    const { sdk, client } = await connect();
    try {
      const { Tags = [] } = await client.send(new sdk.ListTagsForCertificateCommand({ CertificateArn: arn }));
      return Tags.some((tag) => tag.Key === key && tag.Value === value);
    } catch (error) {
      if (isAws(error, 'ResourceNotFoundException')) return false;
      throw error;
    }
  }
  return {
    async imported(name, tag) {
      const { sdk, client } = await connect();
      // Without their names AWS leaves out keys that are not RSA.
      const Includes = { keyTypes: Object.values(sdk.KeyAlgorithm) };
      const all = await allPages(async (NextToken) => {
        const answer = await client.send(new sdk.ListCertificatesCommand({ Includes, NextToken }));
        return [answer.CertificateSummaryList ?? [], answer.NextToken];
      });
      const named = all.filter(
        ({ Type, DomainName, SubjectAlternativeNameSummaries = [] }) =>
          Type === 'IMPORTED' && [DomainName, ...SubjectAlternativeNameSummaries].includes(name),
      );
      const found = named.map(({ CertificateArn, NotAfter }) => ({ arn: needed(CertificateArn, 'ListCertificates', 'the ARN of a certificate'), notAfter: NotAfter }));
      const tagged = await Promise.all(found.map(({ arn }) => hasTag(arn, tag)));
      return found.filter((_, index) => tagged[index]).toSorted((one, other) => one.arn.localeCompare(other.arn));
    },

    async authority(arn) {
      const { sdk, client } = await connect();
      const { Certificate, CertificateChain } = await client.send(new sdk.GetCertificateCommand({ CertificateArn: arn }));
      return needed(CertificateChain ?? Certificate, 'GetCertificate', 'the certificate').trim();
    },

    async import({ certificate, privateKey, chain, tags }) {
      const { sdk, client } = await connect();
      const answer = await client.send(
        new sdk.ImportCertificateCommand({
          Certificate: Buffer.from(certificate),
          PrivateKey: Buffer.from(privateKey),
          CertificateChain: Buffer.from(chain),
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        }),
      );
      return needed(answer.CertificateArn, 'ImportCertificate', 'the ARN of the certificate');
    },

    async remove(arn) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.DeleteCertificateCommand({ CertificateArn: arn }));
      } catch (error) {
        if (isAws(error, 'ResourceInUseException')) return false;
        if (!isAws(error, 'ResourceNotFoundException')) throw error;
      }
      return true;
    },
  };
}
