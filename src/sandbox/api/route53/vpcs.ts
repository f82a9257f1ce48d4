/** Which networks a private zone's names resolve in. */
import type {
  AssociateVPCWithHostedZoneRequest, AssociateVPCWithHostedZoneResponse, DisassociateVPCFromHostedZoneRequest,
  DisassociateVPCFromHostedZoneResponse, VPC,
} from '@aws-sdk/client-route-53';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StoredVpc } from '../../world/route53-state.ts';
import type { Operations } from '../service.ts';
import { submit } from './changes.ts';
import { findZone } from './lookup.ts';

export const vpcOperations = {
  AssociateVPCWithHostedZone(input: AssociateVPCWithHostedZoneRequest, region: Region): AssociateVPCWithHostedZoneResponse {
    const zone = findZone(region, input.HostedZoneId);
    const vpc = checkVpc(input.VPC ?? {});
    if (!zone.isPrivate) throw new AwsError('PublicZoneVPCAssociation', 'The hosted zone is public: only private ones can be associated with a VPC.');
    refuseConflict(region, vpc, zone.name);
    zone.vpcs.push(vpc);
    return { ChangeInfo: submit(region, input.Comment) };
  },

  DisassociateVPCFromHostedZone(input: DisassociateVPCFromHostedZoneRequest, region: Region): DisassociateVPCFromHostedZoneResponse {
    const zone = findZone(region, input.HostedZoneId);
    const vpc = checkVpc(input.VPC ?? {});
    const left = zone.vpcs.filter((other) => !isSame(other, vpc));
    if (left.length === zone.vpcs.length) {
      throw new AwsError('VPCAssociationNotFound', `The VPC ${vpc.VPCId} in region ${vpc.VPCRegion} is not associated with the hosted zone ${zone.id}.`);
    }
    if (left.length === 0) {
      throw new AwsError('LastVPCAssociation', `The VPC ${vpc.VPCId} is the last one of the private hosted zone ${zone.id}.`);
    }
    zone.vpcs = left;
    return { ChangeInfo: submit(region, input.Comment) };
  },
} satisfies Operations;

/** Throws AwsError InvalidVPCId. */
export function checkVpc({ VPCId, VPCRegion }: VPC): StoredVpc {
  if (VPCId === undefined || VPCRegion === undefined || !/^vpc-[0-9a-z]+$/.test(VPCId)) {
    throw new AwsError('InvalidVPCId', `The VPC ${VPCId ?? ''} in region ${VPCRegion ?? ''} is not valid.`);
  }
  return { VPCId, VPCRegion };
}

/** Throws AwsError ConflictingDomainExists where the VPC has a zone of that name already. */
export function refuseConflict(region: Region, vpc: StoredVpc, name: string): void {
  const other = Object.values(region.global.state.route53.zones).find((zone) => zone.name === name && zone.vpcs.some((known) => isSame(known, vpc)));
  if (!other) return;
  throw new AwsError(
    'ConflictingDomainExists',
    `The VPC ${vpc.VPCId} in region ${vpc.VPCRegion} has already been associated with the hosted zone ${other.id} with the same domain name.`,
  );
}

function isSame(left: StoredVpc, right: StoredVpc): boolean {
  return left.VPCId === right.VPCId && left.VPCRegion === right.VPCRegion;
}
