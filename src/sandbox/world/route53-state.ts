/** What the sandbox's Route 53 holds. It is one for the account, whatever region asks. */
import type { AliasTarget, RRType, VPC } from '@aws-sdk/client-route-53';

export interface Route53State {
  /** By id, `Z…`. */
  zones: Record<string, StoredZone>;
  /** By id, `C…`; the oldest are forgotten. */
  changes: Record<string, StoredChange>;
}

export interface StoredZone {
  readonly id: string;
  /** In lower case, with the dot at its end. */
  readonly name: string;
  readonly callerReference: string;
  readonly isPrivate: boolean;
  comment?: string | undefined;
  /** A private zone always has some, a public one never. */
  vpcs: StoredVpc[];
  tags: Record<string, string>;
  /** Sorted as Route 53 lists them; those of the zone itself are among them. */
  records: StoredRecordSet[];
}

export type StoredVpc = Required<{ [K in keyof VPC]: NonNullable<VPC[K]> }>;

export interface StoredRecordSet {
  /** In lower case, with the dot at its end. */
  readonly name: string;
  readonly type: RRType;
  readonly ttl?: number;
  readonly values?: readonly string[];
  readonly alias?: { readonly [K in keyof AliasTarget]: NonNullable<AliasTarget[K]> };
}

export interface StoredChange {
  readonly submittedAt: Date;
  readonly comment?: string | undefined;
}

export function emptyRoute53(): Route53State {
  return { zones: {}, changes: {} };
}

/** `name` as it is stored: names have no case, and all of them are absolute. */
export function absoluteName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower : `${lower}.`;
}

/** Of an absolute name. Source: "DNS domain name format" of the guide. */
export function isDomainName(name: string): boolean {
  return name.length <= 255 && name.slice(0, -1).split('.').every((label) => label.length <= 63 && /^[!-~]+$/.test(label));
}

/** Whether a name is the zone's own or stands below it. */
export function isWithin(zone: StoredZone, name: string): boolean {
  return name === zone.name || name.endsWith(`.${zone.name}`);
}
