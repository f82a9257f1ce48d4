/** What a record may be, in Route 53's words for what it may not. */
import { type Change, ChangeAction, RRType } from '@aws-sdk/client-route-53';
import { isIPv4, isIPv6 } from 'node:net';
import { LOAD_BALANCER_ADDRESS, LOAD_BALANCER_ZONE } from '../../world/elbv2-state.ts';
import { absoluteName, isDomainName, isWithin, type StoredRecordSet, type StoredZone } from '../../world/route53-state.ts';
import { invalidInput } from './lookup.ts';

/** Throws AwsError InvalidInput for a change that is not whole, and for routing policies, which the sandbox does not have. */
export function readRecordSet({ Action, ResourceRecordSet: given }: Change): StoredRecordSet {
  const { Name = '', Type, TTL, ResourceRecords, AliasTarget, SetIdentifier } = given ?? {};
  requireOneOf('Action', Action, Object.values(ChangeAction));
  requireOneOf('Type', Type, Object.values(RRType));
  if (TTL !== undefined && !(Number.isInteger(TTL) && TTL >= 0 && TTL <= LONGEST_TTL)) {
    throw invalidInput(`The value of 'TTL' is not valid: it is a whole number from 0 to ${LONGEST_TTL}.`);
  }
  if (SetIdentifier !== undefined) throw invalidInput('The sandbox knows simple records only: one without SetIdentifier.');
  const isPlain = TTL !== undefined && ResourceRecords !== undefined && ResourceRecords.length > 0;
  if (isPlain === (AliasTarget !== undefined)) {
    throw invalidInput(
      'Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found '
      + `${isPlain ? 'more than one' : 'none'} in Change with [Action=${Action ?? ''}, Name=${Name}, Type=${Type}, SetIdentifier=null]`,
    );
  }
  const key = { name: absoluteName(Name), type: Type };
  if (!AliasTarget) return { ...key, ttl: TTL, values: (ResourceRecords ?? []).map(({ Value = '' }) => Value) };
  const { HostedZoneId = '', DNSName = '', EvaluateTargetHealth = false } = AliasTarget;
  const alias = { HostedZoneId: HostedZoneId.replace(/^\/hostedzone\//, ''), DNSName: absoluteName(DNSName), EvaluateTargetHealth };
  return { ...key, alias };
}

/** Source: `TTL` of the API reference. */
const LONGEST_TTL = 2_147_483_647;

function requireOneOf<Value extends string>(member: string, value: string | undefined, allowed: readonly Value[]): asserts value is Value {
  if (allowed.some((one) => one === value)) return;
  throw invalidInput(`Value '${value ?? ''}' at '${member}' failed to satisfy constraint: Member must satisfy enum value set: [${allowed.join(', ')}]`);
}

/** Why the zone can't have that record beside those it has; undefined when it can. */
export function whyRefused(zone: StoredZone, record: StoredRecordSet, records: readonly StoredRecordSet[]): string | undefined {
  const { name, type, values = [] } = record;
  if (!isDomainName(name)) return `The resource record set name ${name} is not a valid domain name`;
  if (type === 'CNAME' && values.length > 1) return `RRSet of type CNAME with DNS name ${name} has more than one value`;
  if (new Set(values).size < values.length) return `Duplicate Resource Record: '${values.find((value, index) => values.indexOf(value) !== index)}'`;
  if (!isWithin(zone, name)) return `RRSet with DNS name ${name} is not permitted in zone ${zone.name}`;
  if (type === 'CNAME' && name === zone.name) return `RRSet of type CNAME with DNS name ${name} is not permitted at apex in zone ${zone.name}`;
  const others = records.filter((other) => other.name === name && other.type !== type);
  if (type === 'CNAME' && others.length > 0) {
    return `RRSet of type CNAME with DNS name ${name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone.name}`;
  }
  if (others.some((other) => other.type === 'CNAME')) {
    return `RRSet of type ${type} with DNS name ${name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone ${zone.name}`;
  }
  return whyNoAlias(zone, record, records) ?? whyNoValue(type, values);
}

/** Aliases lead to load balancers and to other records of the zone. */
function whyNoAlias(zone: StoredZone, { type, alias }: StoredRecordSet, records: readonly StoredRecordSet[]): string | undefined {
  if (!alias) return undefined;
  const { HostedZoneId, DNSName } = alias;
  const tried = `Tried to create an alias that targets ${DNSName}, type ${type} in zone ${HostedZoneId}, but`;
  if (HostedZoneId === LOAD_BALANCER_ZONE && DNSName === absoluteName(LOAD_BALANCER_ADDRESS)) return undefined;
  if (HostedZoneId !== zone.id || !isWithin(zone, DNSName)) return `${tried} the alias target name does not lie within the target zone`;
  return records.some((other) => other.name === DNSName && other.type === type) ? undefined : `${tried} that target was not found`;
}

function whyNoValue(type: string, values: readonly string[]): string | undefined {
  const [is, code, what] = type === 'A' ? [isIPv4, 'ARRDATAIllegalIPv4Address', 'IPv4 address'] as const
    : type === 'AAAA' ? [isIPv6, 'AAAARRDATAIllegalIPv6Address', 'IPv6 address'] as const
    : [() => true, '', ''] as const;
  const wrong = values.find((value) => !is(value));
  return wrong === undefined ? undefined : `Invalid Resource Record: 'FATAL problem: ${code} (Value is not a valid ${what}) encountered with '${wrong}''`;
}
