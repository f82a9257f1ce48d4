/** Hosted zones, public and private. */
import type {
  CreateHostedZoneRequest, CreateHostedZoneResponse, DeleteHostedZoneRequest, DeleteHostedZoneResponse, GetHostedZoneRequest,
  GetHostedZoneResponse, UpdateHostedZoneCommentRequest, UpdateHostedZoneCommentResponse,
} from '@aws-sdk/client-route-53';
import { randomInt } from 'node:crypto';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import { absoluteName, isDomainName, type StoredRecordSet, type StoredZone } from '../../world/route53-state.ts';
import type { Operations } from '../service.ts';
import { submit } from './changes.ts';
import { describeZone, findZone, invalidInput } from './lookup.ts';
import { checkVpc, refuseConflict } from './vpcs.ts';

/** A private zone has no delegation set, whatever the model says. */
type NewZone = Omit<CreateHostedZoneResponse, 'DelegationSet'> & Partial<CreateHostedZoneResponse>;

export const zoneOperations = {
  CreateHostedZone(input: CreateHostedZoneRequest, region: Region): NewZone {
    const { CallerReference: callerReference = '', VPC, HostedZoneConfig: { Comment: comment, PrivateZone } = {} } = input;
    const { zones } = region.global.state.route53;
    const name = checkDomain(input.Name);
    if (callerReference === '') throw invalidInput("Value '' at 'callerReference' failed to satisfy constraint: Member must have length greater than or equal to 1");
    if (PrivateZone === true && !VPC) throw invalidInput('A private hosted zone must be associated with a VPC when it is created.');
    const vpc = VPC && checkVpc(VPC);
    if (Object.values(zones).some((zone) => zone.callerReference === callerReference)) {
      throw new AwsError('HostedZoneAlreadyExists', 'A hosted zone has already been created with the specified caller reference.');
    }
    if (vpc) refuseConflict(region, vpc, name);
    const id = `Z${hexId(20).toUpperCase()}`;
    const nameServers = vpc ? PRIVATE_NAME_SERVERS : publicNameServers();
    const zone: StoredZone = {
      id, name, callerReference, comment, isPrivate: vpc !== undefined, vpcs: vpc ? [vpc] : [], tags: {}, records: ownRecords(name, nameServers),
    };
    zones[id] = zone;
    return {
      HostedZone: describeZone(zone),
      ChangeInfo: submit(region),
      ...(vpc ? { VPC: vpc } : { DelegationSet: delegationSet(zone) }),
      Location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${id}`,
    };
  },

  GetHostedZone({ Id }: GetHostedZoneRequest, region: Region): GetHostedZoneResponse {
    const zone = findZone(region, Id);
    return { HostedZone: describeZone(zone), ...(zone.isPrivate ? { VPCs: zone.vpcs } : { DelegationSet: delegationSet(zone) }) };
  },

  UpdateHostedZoneComment({ Id, Comment }: UpdateHostedZoneCommentRequest, region: Region): UpdateHostedZoneCommentResponse {
    const zone = findZone(region, Id);
    zone.comment = Comment;
    region.global.changed();
    return { HostedZone: describeZone(zone) };
  },

  /** One that still has records beside its own two is kept. */
  DeleteHostedZone({ Id }: DeleteHostedZoneRequest, region: Region): DeleteHostedZoneResponse {
    const zone = findZone(region, Id);
    if (zone.records.some((record) => !isOwn(zone, record))) {
      throw new AwsError('HostedZoneNotEmpty', 'The specified hosted zone contains non-required resource record sets and so cannot be deleted.');
    }
    delete region.global.state.route53.zones[zone.id];
    return { ChangeInfo: submit(region) };
  },
} satisfies Operations;

/** Whether it is one of the two that every zone has. */
function isOwn(zone: StoredZone, { name, type }: StoredRecordSet): boolean {
  return name === zone.name && (type === 'NS' || type === 'SOA');
}

function checkDomain(given = ''): string {
  const name = absoluteName(given);
  if (!isDomainName(name)) throw new AwsError('InvalidDomainName', `The domain name '${given}' is not valid.`);
  return name;
}

/** Every private zone is told to have these. */
const PRIVATE_NAME_SERVERS = ['ns-1536.awsdns-00.co.uk', 'ns-0.awsdns-00.com', 'ns-1024.awsdns-00.org', 'ns-512.awsdns-00.net'];

function publicNameServers(): string[] {
  return ['co.uk', 'com', 'org', 'net'].map((domain, index) => `ns-${randomInt(index * 512, (index + 1) * 512)}.awsdns-${randomInt(10, 64)}.${domain}`);
}

function ownRecords(name: string, nameServers: readonly string[]): StoredRecordSet[] {
  return [
    { name, type: 'NS', ttl: 172_800, values: nameServers.map((server) => `${server}.`) },
    { name, type: 'SOA', ttl: 900, values: [`${nameServers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`] },
  ];
}

function delegationSet({ name, records }: StoredZone) {
  const { values = [] } = records.find((record) => record.name === name && record.type === 'NS') ?? {};
  return { NameServers: values.map((server) => server.replace(/\.$/, '')) };
}
