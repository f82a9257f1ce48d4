/** ImportCertificate: a certificate that was made elsewhere, new or in the place of one that was imported before. */
import { randomUUID } from 'node:crypto';
import type { ImportCertificateRequest, ImportCertificateResponse } from '@aws-sdk/client-acm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { ImportedCertificate } from '../../world/acm-state.ts';
import { findCertificate, invalid, listenersOf } from './certificates.ts';
import { readDetails } from './details.ts';
import { checkMaterial, type Material } from './material.ts';
import { checkReplacement } from './replacement.ts';
import { addTags } from './tags.ts';

/** Source: "Quotas" of the ACM guide, number of imported certificates. */
const MOST_CERTIFICATES = 2_500;
/** Bytes, by member. */
const LONGEST = { certificate: 32_768, privateKey: 5_120, certificateChain: 2_097_152 };

export async function ImportCertificate(input: ImportCertificateRequest, region: Region): Promise<ImportCertificateResponse> {
  const { CertificateArn, Tags } = input;
  const replaced = CertificateArn === undefined ? undefined : findCertificate(region, CertificateArn);
  if (replaced && Tags && Tags.length > 0) throw new AwsError('ValidationException', 'Tagging is not permitted on re-import.');
  const material: Material = {
    certificate: readMember('certificate', input.Certificate),
    privateKey: readMember('privateKey', input.PrivateKey),
    chain: input.CertificateChain && readMember('certificateChain', input.CertificateChain),
  };
  const importedAt = region.clock.now();
  checkMaterial(material, importedAt);
  const certificate = replaced ? replace(replaced, material, importedAt) : add(material, importedAt, Tags, region);
  region.changed();
  await presentTo(certificate, region);
  return { CertificateArn: certificate.arn };
}

/** The message never holds the value: it may be a key. */
function readMember(name: keyof typeof LONGEST, value: Uint8Array | undefined): string {
  const length = value?.length ?? 0;
  if (length >= 1 && length <= LONGEST[name]) return Buffer.from(value ?? []).toString();
  const bound = length === 0 ? 'greater than or equal to 1' : `less than or equal to ${LONGEST[name]}`;
  throw invalid(`Value at '${name}' failed to satisfy constraint: Member must have length ${bound}`);
}

function add(material: Material, importedAt: Date, tags: ImportCertificateRequest['Tags'], region: Region): ImportedCertificate {
  const { certificates } = region.state.acm;
  if (Object.keys(certificates).length >= MOST_CERTIFICATES) {
    const text = 'You have reached the maximum number of certificates. Delete certificates that are not in use, or contact AWS Support to request an increase.';
    throw new AwsError('LimitExceededException', text);
  }
  const arn = region.arn('acm', `certificate/${randomUUID()}`);
  const certificate = { arn, ...material, tags: tags === undefined ? {} : addTags({}, tags), createdAt: importedAt, importedAt };
  certificates[arn] = certificate;
  return certificate;
}

function replace(replaced: ImportedCertificate, material: Material, importedAt: Date): ImportedCertificate {
  checkReplacement(readDetails(replaced.certificate), readDetails(material.certificate));
  return Object.assign(replaced, { chain: undefined }, material, { importedAt });
}

/** Listeners show the new one to whoever connects from now on. */
async function presentTo({ arn }: ImportedCertificate, region: Region): Promise<void> {
  await Promise.all(listenersOf(region, arn).map(({ description }) => region.loadBalancers.open(description.ListenerArn)));
}
