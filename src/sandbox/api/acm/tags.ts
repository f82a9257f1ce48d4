/** Tags of certificates. */
import type {
  AddTagsToCertificateRequest, ListTagsForCertificateRequest, ListTagsForCertificateResponse, RemoveTagsFromCertificateRequest, Tag,
} from '@aws-sdk/client-acm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { findCertificate, invalid } from './certificates.ts';

const MOST_TAGS = 50;
const LONGEST_KEY = 128;
const LONGEST_VALUE = 256;

export function AddTagsToCertificate({ CertificateArn = '', Tags = [] }: AddTagsToCertificateRequest, region: Region): object {
  const certificate = findCertificate(region, CertificateArn);
  certificate.tags = addTags(certificate.tags, Tags);
  region.changed();
  return {};
}

/** A tag that is named with a value goes only where it has that value. */
export function RemoveTagsFromCertificate({ CertificateArn = '', Tags = [] }: RemoveTagsFromCertificateRequest, region: Region): object {
  const certificate = findCertificate(region, CertificateArn);
  checkTags(Tags);
  const isRemoved = ([key, value]: readonly [string, string]) => Tags.some(({ Key, Value }) => Key === key && (Value === undefined || Value === value));
  certificate.tags = Object.fromEntries(Object.entries(certificate.tags).filter((tag) => !isRemoved(tag)));
  region.changed();
  return {};
}

export function ListTagsForCertificate({ CertificateArn = '' }: ListTagsForCertificateRequest, region: Region): ListTagsForCertificateResponse {
  return { Tags: Object.entries(findCertificate(region, CertificateArn).tags).map(([Key, Value]) => ({ Key, Value })) };
}

/** The tags after `added`. Throws AwsError for what is no tag of a user's, and when they are too many. */
export function addTags(tags: Readonly<Record<string, string>>, added: readonly Tag[]): Record<string, string> {
  checkTags(added);
  const all = { ...tags, ...Object.fromEntries(added.map(({ Key = '', Value = '' }) => [Key, Value])) };
  if (Object.keys(all).length > MOST_TAGS) throw new AwsError('TooManyTagsException', `A certificate can have at most ${MOST_TAGS} tags.`);
  return all;
}

function checkTags(tags: readonly Tag[]): void {
  if (tags.length === 0) throw invalid("Value '[]' at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1");
  for (const { Key = '', Value = '' } of tags) {
    if (Key === '' || Key.length > LONGEST_KEY || Value.length > LONGEST_VALUE) {
      throw invalid(`Value '${Key}' at 'tags' failed to satisfy constraint: A key has 1 to ${LONGEST_KEY} characters, and a value at most ${LONGEST_VALUE}`);
    }
    if (/^aws:/i.test(Key)) throw new AwsError('InvalidTagException', `Invalid tag key: ${Key}. Keys that begin with aws: are AWS's own.`);
  }
}
