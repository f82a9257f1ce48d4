/** What an AWS call, or CloudFormation for a resource, needs to be allowed: actions, on which resources, under which keys. */
import type { Region } from '../parts.ts';

/** What is known of a call when IAM is asked about it. */
export interface Asked {
  readonly region: Region;
  /** The call's own members; for a resource of a stack its properties, with their `Tags` those of the stack. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Of a resource of a stack: what Ref gives. A resource that is still to be made has none. */
  readonly physicalId?: string;
  /** Of a resource of a stack: the name that it gets, or one as CloudFormation makes them up. */
  readonly name?: string;
}

export interface Need {
  /** `ecs:UpdateService` */
  readonly action: string;
  /** ARNs, each of which must be allowed; none where the call does not need the action after all. Not given: `*`, no resource. */
  readonly on?: (asked: Asked) => readonly string[];
  /** Tags that the request gives to what it makes: `aws:RequestTag/…` and `aws:TagKeys`. */
  readonly tags?: (asked: Asked) => ReadonlyMap<string, string>;
  /** Further condition keys. */
  readonly keys?: (asked: Asked) => Readonly<Record<string, string | readonly string[]>>;
}

/** Actions that are about no resource. */
export function onNothing(...actions: string[]): Need[] {
  return actions.map((action) => ({ action }));
}

/** Actions on the same resources. */
export function all(actions: readonly string[], on: NonNullable<Need['on']>, more: Omit<Need, 'action' | 'on'> = {}): Need[] {
  return actions.map((action) => ({ action, on, ...more }));
}

/** The text of a member; empty where it has none. */
export function text({ input }: Asked, name: string): string {
  const value = input[name];
  return typeof value === 'string' ? value : '';
}

/** The texts of a member that is a list, or of one that is a single text. */
export function texts({ input }: Asked, name: string): string[] {
  const value = input[name];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((item) => (typeof item === 'string' && item !== '' ? item : []));
}

/** Tags of a request, however its service spells them. */
export function requestTags({ input }: Asked): ReadonlyMap<string, string> {
  const given = input['Tags'] ?? input['tags'];
  if (!Array.isArray(given)) return new Map();
  return new Map(given.map(({ Key, Value, key, value }: RequestTag) => [Key ?? key ?? '', Value ?? value ?? '']));
}

type RequestTag = Readonly<Partial<Record<'Key' | 'Value' | 'key' | 'value', string>>>;

/**
 * Condition keys of a change of records. Source: "Using IAM policy conditions for fine-grained access control" of the Route 53 guide: names
 * are in lower case there, without the dot at their end.
 */
export function recordKeys(records: readonly Readonly<Record<'name' | 'type' | 'action', string>>[]): Readonly<Record<string, readonly string[]>> {
  return {
    'route53:ChangeResourceRecordSetsNormalizedRecordNames': records.map(({ name }) => name.toLowerCase().replace(/\.$/, '')),
    'route53:ChangeResourceRecordSetsRecordTypes': records.map(({ type }) => type),
    'route53:ChangeResourceRecordSetsActions': records.map(({ action }) => action),
  };
}

/** The ARN itself, or that of the resource which a name stands for. */
export function arnOr(region: Region, service: string, nameOrArn: string, prefix: string): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn : region.arn(service, `${prefix}${nameOrArn}`);
}
