/** Lists of hosted zones. */
import type {
  GetHostedZoneCountRequest, GetHostedZoneCountResponse, ListHostedZonesByNameRequest, ListHostedZonesByNameResponse,
  ListHostedZonesByVPCRequest, ListHostedZonesByVPCResponse, ListHostedZonesRequest, ListHostedZonesResponse,
} from '@aws-sdk/client-route-53';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { absoluteName, type StoredZone } from '../../world/route53-state.ts';
import type { Operations } from '../service.ts';
import { compareNames, describeZone, pageLimit } from './lookup.ts';

const MOST_LISTED = 100;

export const zoneListOperations = {
  GetHostedZoneCount(_input: GetHostedZoneCountRequest, region: Region): GetHostedZoneCountResponse {
    return { HostedZoneCount: allZones(region).length };
  },

  /** The oldest first. A marker is the id of the next page's first zone. */
  ListHostedZones({ Marker, MaxItems, HostedZoneType }: ListHostedZonesRequest, region: Region): ListHostedZonesResponse {
    const zones = allZones(region).filter(({ isPrivate }) => HostedZoneType !== 'PrivateHostedZone' || isPrivate);
    const size = pageLimit(region, MaxItems, MOST_LISTED);
    const { page, next } = pageFrom(zones, startOf(zones, Marker), size);
    return {
      HostedZones: page.map(describeZone), IsTruncated: next !== undefined, MaxItems: size, Marker, NextMarker: next?.id,
    };
  },

  ListHostedZonesByName(input: ListHostedZonesByNameRequest, region: Region): ListHostedZonesByNameResponse {
    const { DNSName, HostedZoneId, MaxItems } = input;
    if (HostedZoneId !== undefined && DNSName === undefined) throw new AwsError('InvalidInput', 'HostedZoneId can only be given with DNSName.');
    const zones = allZones(region).toSorted(byName);
    const from = DNSName === undefined ? 0 : firstFrom(zones, { name: absoluteName(DNSName), id: HostedZoneId?.replace(/^\/hostedzone\//, '') ?? '' });
    const size = pageLimit(region, MaxItems, MOST_LISTED);
    const { page, next } = pageFrom(zones, from, size);
    return {
      HostedZones: page.map(describeZone), DNSName, HostedZoneId, IsTruncated: next !== undefined, MaxItems: size,
      NextDNSName: next?.name, NextHostedZoneId: next?.id,
    };
  },

  ListHostedZonesByVPC(input: ListHostedZonesByVPCRequest, region: Region): ListHostedZonesByVPCResponse {
    const { VPCId, VPCRegion, MaxItems, NextToken } = input;
    const zones = allZones(region).filter(({ vpcs }) => vpcs.some((vpc) => vpc.VPCId === VPCId && vpc.VPCRegion === VPCRegion));
    const from = NextToken === undefined ? 0 : zones.findIndex(({ id }) => id === NextToken);
    if (from < 0) throw new AwsError('InvalidPaginationToken', 'The value that you specified for NextToken is not valid.');
    const size = pageLimit(region, MaxItems, MOST_LISTED);
    const { page, next } = pageFrom(zones, from, size);
    const Owner = { OwningAccount: region.config.account };
    return { HostedZoneSummaries: page.map(({ id, name }) => ({ HostedZoneId: id, Name: name, Owner })), MaxItems: size, NextToken: next?.id };
  },
} satisfies Operations;

function allZones(region: Region): StoredZone[] {
  return Object.values(region.global.state.route53.zones);
}

function startOf(zones: readonly StoredZone[], marker: string | undefined): number {
  if (marker === undefined) return 0;
  const found = zones.findIndex(({ id }) => id === marker);
  if (found < 0) throw new AwsError('NoSuchHostedZone', `No hosted zone found with ID: ${marker}`);
  return found;
}

type NamedZone = Pick<StoredZone, 'name' | 'id'>;

function byName(left: NamedZone, right: NamedZone): number {
  return compareNames(left.name, right.name) || (left.id < right.id ? -1 : Number(left.id !== right.id));
}

function firstFrom(sorted: readonly StoredZone[], start: NamedZone): number {
  const found = sorted.findIndex((zone) => byName(zone, start) >= 0);
  return found < 0 ? sorted.length : found;
}

function pageFrom(zones: readonly StoredZone[], from: number, size: number): { page: StoredZone[]; next: StoredZone | undefined } {
  return { page: zones.slice(from, from + size), next: zones[from + size] };
}
