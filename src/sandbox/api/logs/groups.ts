/** Log groups. */
import type {
  CreateLogGroupRequest,
  DeleteLogGroupRequest,
  DeleteRetentionPolicyRequest,
  DescribeLogGroupsRequest,
  DescribeLogGroupsResponse,
  LogGroup,
  PutRetentionPolicyRequest,
} from '@aws-sdk/client-cloudwatch-logs';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { LogGroupState } from '../../world/logs-state.ts';
import { sortedByName, sortedPage } from '../sorted-page.ts';
import { findGroup, groupArn, invalid, invalidToken, pageSize } from './lookup.ts';

const MOST_GROUPS = 50;
/** Days that a group may keep its events. */
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export function CreateLogGroup({ logGroupName = '', tags = {} }: CreateLogGroupRequest, region: Region): object {
  const { groups } = region.state.logs;
  if (!/^[\w.\-/#]{1,512}$/.test(logGroupName)) {
    throw invalid(
      `1 validation error detected: Value '${logGroupName}' at 'logGroupName' failed to satisfy constraint: ` +
        'Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+',
    );
  }
  if (Object.hasOwn(groups, logGroupName)) {
    throw new AwsError('ResourceAlreadyExistsException', 'The specified log group already exists');
  }
  groups[logGroupName] = { name: logGroupName, created: region.clock.now().getTime(), tags, streams: {} };
  region.changed();
  return {};
}

export function DeleteLogGroup({ logGroupName }: DeleteLogGroupRequest, region: Region): object {
  const { name } = findGroup(region, { logGroupName });
  delete region.state.logs.groups[name];
  region.changed();
  return {};
}

export function PutRetentionPolicy({ logGroupName, retentionInDays = 0 }: PutRetentionPolicyRequest, region: Region): object {
  const group = findGroup(region, { logGroupName });
  if (!RETENTIONS.includes(retentionInDays)) {
    throw invalid(
      `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to satisfy constraint: ` +
        `Member must satisfy enum value set: [${RETENTIONS.join(', ')}]`,
    );
  }
  group.retentionInDays = retentionInDays;
  region.changed();
  return {};
}

export function DeleteRetentionPolicy({ logGroupName }: DeleteRetentionPolicyRequest, region: Region): object {
  delete findGroup(region, { logGroupName }).retentionInDays;
  region.changed();
  return {};
}

export function DescribeLogGroups(input: DescribeLogGroupsRequest, region: Region): DescribeLogGroupsResponse {
  const { logGroupNamePrefix, logGroupNamePattern, limit, nextToken: token } = input;
  if (logGroupNamePrefix !== undefined && logGroupNamePattern !== undefined) {
    throw invalid('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
  }
  const found = sortedByName(region.state.logs.groups).filter(
    ({ name }) =>
      name.startsWith(logGroupNamePrefix ?? '') && name.toLowerCase().includes((logGroupNamePattern ?? '').toLowerCase()),
  );
  const { items, nextToken } = sortedPage(found, ({ name }) => name, { token, size: pageSize(region, limit, MOST_GROUPS), invalid: invalidToken });
  return { logGroups: items.map((group) => describe(group, region)), nextToken };
}

function describe({ name, created, retentionInDays, streams }: LogGroupState, region: Region): LogGroup {
  const messages = Object.values(streams).flatMap(({ events }) => events.map(({ message }) => message.length));
  return {
    logGroupName: name,
    creationTime: created,
    retentionInDays,
    metricFilterCount: 0,
    arn: `${groupArn(region, name)}:*`,
    logGroupArn: groupArn(region, name),
    storedBytes: messages.reduce((sum, bytes) => sum + bytes, 0),
    logGroupClass: 'STANDARD',
  };
}
