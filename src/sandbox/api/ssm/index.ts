/** Systems Manager: Parameter Store and its tags. */
import type { Operations } from '../service.ts';
import { DeleteParameter, DeleteParameters } from './delete.ts';
import { DescribeParameters, GetParameterHistory, GetParametersByPath } from './list.ts';
import { GetParameter, GetParameters } from './get.ts';
import { PutParameter } from './put.ts';
import { AddTagsToResource, ListTagsForResource, RemoveTagsFromResource } from './tags.ts';

export const operations = {
  AddTagsToResource,
  DeleteParameter,
  DeleteParameters,
  DescribeParameters,
  GetParameter,
  GetParameterHistory,
  GetParameters,
  GetParametersByPath,
  ListTagsForResource,
  PutParameter,
  RemoveTagsFromResource,
} satisfies Operations;
