/** CloudWatch Logs: groups, streams, events and tags. */
import type { Operations } from '../service.ts';
import { FilterLogEvents, GetLogEvents, PutLogEvents } from './events.ts';
import { CreateLogGroup, DeleteLogGroup, DeleteRetentionPolicy, DescribeLogGroups, PutRetentionPolicy } from './groups.ts';
import { CreateLogStream, DeleteLogStream, DescribeLogStreams } from './streams.ts';
import { ListTagsForResource, ListTagsLogGroup, TagLogGroup, TagResource, UntagLogGroup, UntagResource } from './tags.ts';

export const operations = {
  CreateLogGroup,
  CreateLogStream,
  DeleteLogGroup,
  DeleteLogStream,
  DeleteRetentionPolicy,
  DescribeLogGroups,
  DescribeLogStreams,
  FilterLogEvents,
  GetLogEvents,
  ListTagsForResource,
  ListTagsLogGroup,
  PutLogEvents,
  PutRetentionPolicy,
  TagLogGroup,
  TagResource,
  UntagLogGroup,
  UntagResource,
} satisfies Operations;
