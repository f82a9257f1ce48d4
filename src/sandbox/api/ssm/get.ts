/** Reads of parameters by name. */
import type { GetParameterRequest, GetParameterResult, GetParametersRequest, GetParametersResult } from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { describeValue, type FoundParameter, resolveName } from './parameters.ts';

const MOST_NAMES = 10;

export function GetParameter({ Name = '', WithDecryption }: GetParameterRequest, region: Region): GetParameterResult {
  const found = resolveName(region, Name);
  if (!found) throw new AwsError('ParameterNotFound', '');
  return { Parameter: describeValue(region, found, WithDecryption) };
}

export function GetParameters({ Names = [], WithDecryption }: GetParametersRequest, region: Region): GetParametersResult {
  checkNames(Names);
  const found = new Map(Names.map((name) => [name, tryResolve(region, name)]));
  return {
    Parameters: [...found.values()].flatMap((parameter) => (parameter ? describeValue(region, parameter, WithDecryption) : [])),
    InvalidParameters: [...found].flatMap(([name, parameter]) => (parameter ? [] : name)),
  };
}

/** Throws AwsError ValidationException for more names than one call takes, or none. */
export function checkNames(names: readonly string[]): void {
  if (names.length === 0 || names.length > MOST_NAMES) {
    const bound = names.length === 0 ? 'greater than or equal to 1' : `less than or equal to ${MOST_NAMES}`;
    const place = `Value '[${names.join(', ')}]' at 'names'`;
    const text = `1 validation error detected: ${place} failed to satisfy constraint: Member must have length ${bound}`;
    throw new AwsError('ValidationException', text);
  }
}

function tryResolve(region: Region, name: string): FoundParameter | undefined {
  try {
    return resolveName(region, name);
  } catch {
    return undefined;
  }
}
