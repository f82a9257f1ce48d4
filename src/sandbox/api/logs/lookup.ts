/** Log groups and streams as requests name them. */
import { AwsError } from '../../errors.ts';
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';
import type { LogGroupState, LogStreamState } from '../../world/logs-state.ts';
import { ownValue } from '../../own-value.ts';

/** How a request names a group: by its name, or in the newer member by name or ARN. */
export interface GroupReference {
  readonly logGroupName?: string;
  readonly logGroupIdentifier?: string;
}

/** Throws AwsError ResourceNotFoundException, or InvalidParameterException where no group is named. */
export function findGroup({ state }: Region, { logGroupName, logGroupIdentifier }: GroupReference): LogGroupState {
  const reference = logGroupName ?? logGroupIdentifier;
  if (reference === undefined || (logGroupName !== undefined && logGroupIdentifier !== undefined)) {
    throw invalid('Exactly one of logGroupName and logGroupIdentifier must be given.');
  }
  const group = ownValue(state.logs.groups, nameOf(reference));
  if (!group) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
  return group;
}

/** Throws AwsError ResourceNotFoundException. */
export function findStream(group: LogGroupState, name: string): LogStreamState {
  const stream = ownValue(group.streams, name);
  if (!stream) throw new AwsError('ResourceNotFoundException', 'The specified log stream does not exist.');
  return stream;
}

/** `arn:aws:logs:<region>:<account>:log-group:<name>` */
export function groupArn(region: Region, name: string): string {
  return region.arn('logs', `log-group:${name}`);
}

export function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

/** The size of a page, at most `most`. Throws AwsError InvalidParameterException. */
export function pageSize(region: Region, limit: number | undefined, most: number): number {
  const size = limit ?? most;
  if (size < 1 || size > most) {
    const bound = size < 1 ? 'greater than or equal to 1' : `less than or equal to ${most}`;
    throw invalid(`1 validation error detected: Value '${size}' at 'limit' failed to satisfy constraint: Member must have value ${bound}`);
  }
  return cappedPageSize(region, size);
}

export function invalidToken(): AwsError {
  return invalid('The specified nextToken is invalid.');
}

function nameOf(reference: string): string {
  return reference.replace(/^arn:[^:]+:logs:[^:]+:[^:]+:log-group:/, '').replace(/:\*$/, '');
}
