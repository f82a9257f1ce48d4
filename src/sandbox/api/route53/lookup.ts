/** Finds what requests name, and words what is wrong with them. */
import type { HostedZone } from '@aws-sdk/client-route-53';
import { AwsError } from '../../errors.ts';
import { ownValue } from '../../own-value.ts';
import type { Region } from '../../parts.ts';
import type { StoredZone } from '../../world/route53-state.ts';

/** Throws AwsError NoSuchHostedZone. @param id with or without `/hostedzone/`. */
export function findZone(region: Region, id = ''): StoredZone {
  const bare = id.replace(/^\/hostedzone\//, '');
  const zone = ownValue(region.global.state.route53.zones, bare);
  if (!zone) throw new AwsError('NoSuchHostedZone', `No hosted zone found with ID: ${bare}`);
  return zone;
}

export function describeZone({ id, name, callerReference, comment, isPrivate, records }: StoredZone): HostedZone {
  return {
    Id: `/hostedzone/${id}`,
    Name: name,
    CallerReference: callerReference,
    Config: { Comment: comment, PrivateZone: isPrivate },
    ResourceRecordSetCount: records.length,
  };
}

export function invalidInput(message: string): AwsError {
  return new AwsError('InvalidInput', message);
}

/** How Route 53 sorts names: by their labels from the last one on. */
export function compareNames(left: string, right: string): number {
  const [a, b] = [sortKey(left), sortKey(right)];
  return a === b ? 0 : a < b ? -1 : 1;
}

/** `www.example.com.` becomes `com.example.www.`. */
function sortKey(name: string): string {
  return name.split('.').slice(0, -1).toReversed().map((label) => `${label}.`).join('');
}

/** How many items a page has. Throws AwsError InvalidInput for a number that is none. */
export function pageLimit(region: Region, given: number | undefined, most: number): number {
  if (given !== undefined && !(Number.isInteger(given) && given > 0)) throw invalidInput('Invalid value for MaxItems');
  return Math.min(given ?? most, most, region.config.pageSize ?? most);
}
