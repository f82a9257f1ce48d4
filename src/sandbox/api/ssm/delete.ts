/** Deletes of parameters. */
import type { DeleteParameterRequest, DeleteParameterResult, DeleteParametersRequest, DeleteParametersResult } from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { checkNames } from './get.ts';
import { findParameter } from './parameters.ts';

export function DeleteParameter({ Name = '' }: DeleteParameterRequest, region: Region): DeleteParameterResult {
  if (!remove(region, Name)) throw new AwsError('ParameterNotFound', '');
  return {};
}

export function DeleteParameters({ Names = [] }: DeleteParametersRequest, region: Region): DeleteParametersResult {
  checkNames(Names);
  const removed = new Map(Names.map((name) => [name, remove(region, name)]));
  return {
    DeletedParameters: [...removed].flatMap(([name, done]) => (done ? name : [])),
    InvalidParameters: [...removed].flatMap(([name, done]) => (done ? [] : name)),
  };
}

function remove(region: Region, name: string): boolean {
  const parameter = findParameter(region, name);
  if (parameter) {
    delete region.state.ssm.parameters[parameter.name];
    region.changed();
  }
  return parameter !== undefined;
}
