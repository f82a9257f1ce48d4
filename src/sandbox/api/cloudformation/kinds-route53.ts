/** Hosted zones and their records as resources of a stack. */
import { randomUUID } from 'node:crypto';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { absoluteName } from '../../world/route53-state.ts';
import { callWith, type ResourceContext, type ResourceKind, tagChanges, tagsOf, textAt } from './kind.ts';
import { isSection, type Section } from './section.ts';

const call = (region: Region, operation: string, input: object) => callWith(region, 'route53', operation, input);

export const hostedZoneKind: ResourceKind = {
  // CloudFormation waits until the change has reached all name servers.
  duration: 40_000,
  replacedBy: ['Name'],
  taggable: true,
  async create(properties, context) {
    const { region } = context;
    const [first, ...others] = vpcsOf(properties);
    const zone = { Name: properties['Name'], HostedZoneConfig: properties['HostedZoneConfig'], VPC: first, CallerReference: randomUUID() };
    const answer = await call(region, 'CreateHostedZone', zone);
    const id = textAt(answer, 'HostedZone.Id').replace('/hostedzone/', '');
    for (const VPC of others) await call(region, 'AssociateVPCWithHostedZone', { HostedZoneId: id, VPC });
    await setTags(region, id, {}, properties);
    const servers = textAt(answer, 'DelegationSet.NameServers');
    return { physicalId: id, attributes: { Id: id, ...(servers !== '' && { NameServers: servers.split(',') }) } };
  },
  async update(physicalId, properties, before, { region }) {
    const [wanted, old] = [vpcsOf(properties), vpcsOf(before)];
    const comment = (of: Section) => textAt(of, 'HostedZoneConfig.Comment');
    if (comment(properties) !== comment(before)) await call(region, 'UpdateHostedZoneComment', { Id: physicalId, Comment: comment(properties) });
    for (const VPC of wanted.filter((vpc) => !includes(old, vpc))) await call(region, 'AssociateVPCWithHostedZone', { HostedZoneId: physicalId, VPC });
    for (const VPC of old.filter((vpc) => !includes(wanted, vpc))) await call(region, 'DisassociateVPCFromHostedZone', { HostedZoneId: physicalId, VPC });
    await setTags(region, physicalId, before, properties);
  },
  async delete(physicalId, { region }) {
    await gone('NoSuchHostedZone', call(region, 'DeleteHostedZone', { Id: physicalId }));
  },
};

/** Ref gives the record's name, as the template has it. */
export const recordSetKind: ResourceKind = {
  duration: 30_000,
  replacedBy: ['HostedZoneId', 'HostedZoneName', 'Name'],
  taggable: false,
  async create(properties, context) {
    await change(context, properties, [['CREATE', properties]]);
    return { physicalId: textAt(properties, 'Name'), attributes: {} };
  },
  async update(_physicalId, properties, before, context) {
    const isSame = properties['Type'] === before['Type'];
    await change(context, properties, isSame ? [['UPSERT', properties]] : [['DELETE', before], ['CREATE', properties]]);
  },
  async delete(_physicalId, context) {
    const { properties } = context;
    try {
      await change(context, properties, [['DELETE', properties]]);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  },
};

/** A zone, or a record, that somebody else has deleted already counts as deleted. */
function isGone(error: unknown): boolean {
  return error instanceof AwsError && (error.code === 'NoSuchHostedZone' || error.message.endsWith('but it was not found]'));
}

async function change({ region }: ResourceContext, properties: Section, changes: readonly (readonly [string, Section])[]): Promise<void> {
  const HostedZoneId = textAt(properties, 'HostedZoneId') || zoneNamed(region, textAt(properties, 'HostedZoneName'));
  const Changes = changes.map(([Action, of]) => ({ Action, ResourceRecordSet: recordSetOf(of) }));
  await call(region, 'ChangeResourceRecordSets', { HostedZoneId, ChangeBatch: { Comment: properties['Comment'], Changes } });
}

/** Throws AwsError ValidationError where there is none, or more than one. */
function zoneNamed(region: Region, name: string): string {
  const [zone, other] = Object.values(region.global.state.route53.zones).filter((one) => one.name === absoluteName(name));
  if (!zone || other) throw new AwsError('ValidationError', `${zone ? 'More than one hosted zone' : 'No hosted zone'} named ${name} found`);
  return zone.id;
}

/** A template lists a record's values as texts. */
function recordSetOf({ ResourceRecords, ...properties }: Section): Section {
  return Array.isArray(ResourceRecords) ? { ...properties, ResourceRecords: ResourceRecords.map((Value: unknown) => ({ Value })) } : properties;
}

function vpcsOf({ VPCs }: Section): Section[] {
  return Array.isArray(VPCs) ? VPCs.filter(isSection) : [];
}

function includes(vpcs: readonly Section[], vpc: Section): boolean {
  return vpcs.some(({ VPCId, VPCRegion }) => VPCId === vpc['VPCId'] && VPCRegion === vpc['VPCRegion']);
}

/** A zone's own tags stand in `HostedZoneTags`, those of the stack in `Tags`. */
function withTags(properties: Section): Section {
  const own = tagsOf({ Tags: properties['HostedZoneTags'] });
  return { Tags: [...tagsOf(properties).filter(({ Key }) => !own.some((tag) => tag.Key === Key)), ...own] };
}

async function setTags(region: Region, id: string, before: Section, after: Section): Promise<void> {
  const { set, removed } = tagChanges(withTags(before), withTags(after));
  if (set.length === 0 && removed.length === 0) return;
  await call(region, 'ChangeTagsForResource', { ResourceType: 'hostedzone', ResourceId: id, AddTags: set, RemoveTagKeys: removed });
}

async function gone(notFound: string, deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof AwsError && error.code === notFound)) throw error;
  }
}
