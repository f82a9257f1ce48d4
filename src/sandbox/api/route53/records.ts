/** Records of a zone: listed, and changed in batches that take effect as a whole or not at all. */
import type {
  Change, ChangeResourceRecordSetsRequest, ChangeResourceRecordSetsResponse, ListResourceRecordSetsRequest, ListResourceRecordSetsResponse,
  ResourceRecordSet,
} from '@aws-sdk/client-route-53';
import { isDeepStrictEqual } from 'node:util';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { absoluteName, type StoredRecordSet, type StoredZone } from '../../world/route53-state.ts';
import type { Operations } from '../service.ts';
import { submit } from './changes.ts';
import { compareNames, findZone, invalidInput, pageLimit } from './lookup.ts';
import { readRecordSet, whyRefused } from './record-rules.ts';

const MOST_LISTED = 300;

export const recordOperations = {
  ChangeResourceRecordSets(input: ChangeResourceRecordSetsRequest, region: Region): ChangeResourceRecordSetsResponse {
    const zone = findZone(region, input.HostedZoneId);
    const { Changes = [], Comment } = input.ChangeBatch ?? {};
    if (Changes.length === 0) throw invalidInput('1 validation error detected: Value at \'changeBatch.changes\' failed to satisfy constraint: Member must have length greater than or equal to 1');
    zone.records = afterChanges(zone, Changes);
    return { ChangeInfo: submit(region, Comment) };
  },

  ListResourceRecordSets(input: ListResourceRecordSetsRequest, region: Region): ListResourceRecordSetsResponse {
    const { records } = findZone(region, input.HostedZoneId);
    const { StartRecordName, StartRecordType: type, MaxItems } = input;
    if (type !== undefined && StartRecordName === undefined) throw invalidInput('The input is not valid: a record type needs a record name.');
    const start = StartRecordName === undefined ? undefined : { name: absoluteName(StartRecordName), type: type ?? '' };
    const from = start === undefined ? records : records.filter((record) => compareRecords(record, start) >= 0);
    const size = pageLimit(region, MaxItems, MOST_LISTED);
    const next = from[size];
    return {
      ResourceRecordSets: from.slice(0, size).map(describe), IsTruncated: next !== undefined, MaxItems: size,
      NextRecordName: next?.name, NextRecordType: next?.type,
    };
  },
} satisfies Operations;

function describe({ name, type, ttl, values, alias }: StoredRecordSet): ResourceRecordSet {
  return { Name: name, Type: type, TTL: ttl, ResourceRecords: values?.map((Value) => ({ Value })), AliasTarget: alias };
}

type Key = Readonly<{ name: string; type: string }>;

function compareRecords(left: Key, right: Key): number {
  return compareNames(left.name, right.name) || (left.type < right.type ? -1 : Number(left.type !== right.type));
}

/** The records that the zone has then. Throws AwsError InvalidChangeBatch with all that is wrong, and InvalidInput. */
function afterChanges(zone: StoredZone, changes: readonly Change[]): StoredRecordSet[] {
  const problems: string[] = [];
  const added = new Set<string>();
  let records = zone.records;
  for (const change of changes) {
    const record = readRecordSet(change);
    const problem = whyNot(change, record, records, added) ?? (change.Action === 'DELETE' ? undefined : whyRefused(zone, record, records));
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    records = records.filter((other) => keyOf(other) !== keyOf(record));
    if (change.Action === 'DELETE') continue;
    records.push(record);
    added.add(keyOf(record));
  }
  const has = (type: string) => records.some((record) => record.name === zone.name && record.type === type);
  if (!has('SOA')) problems.push('A HostedZone must contain exactly one SOA record.');
  if (!has('NS')) problems.push('A HostedZone must contain at least one NS record for the zone itself.');
  if (problems.length > 0) throw new AwsError('InvalidChangeBatch', `[${problems.join(', ')}]`);
  return records.toSorted(compareRecords);
}

function whyNot({ Action }: Change, record: StoredRecordSet, records: readonly StoredRecordSet[], added: ReadonlySet<string>): string | undefined {
  const { name, type } = record;
  const named = `[name='${name}', type='${type}']`;
  const known = records.find((other) => keyOf(other) === keyOf(record));
  if (Action !== 'DELETE' && added.has(keyOf(record))) {
    return `The request contains an invalid set of changes for a resource record set '${type} ${name}'`;
  }
  if (Action === 'CREATE' && known) return `Tried to create resource record set ${named} but it already exists`;
  if (Action !== 'DELETE') return undefined;
  if (!known) return `Tried to delete resource record set ${named} but it was not found`;
  return isDeepStrictEqual(inOrder(known), inOrder(record))
    ? undefined
    : `Tried to delete resource record set ${named} but the values provided do not match the current values`;
}

/** A record's values have no order. */
function inOrder(record: StoredRecordSet): StoredRecordSet {
  return record.values ? { ...record, values: record.values.toSorted() } : record;
}

function keyOf({ name, type }: Key): string {
  return `${name} ${type}`;
}
