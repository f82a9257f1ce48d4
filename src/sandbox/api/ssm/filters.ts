/** The filters of parameter lists. */
import type { ParameterStringFilter } from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { ParameterState } from '../../world/ssm-state.ts';
import { ownValue } from '../../own-value.ts';
import { currentVersion } from './parameters.ts';

const KEYS = /^(?:Name|Type|KeyId|Tier|DataType|Path|tag:.+)$/;

/** What tells whether a parameter passes all of the filters. Throws AwsError for a filter that AWS does not have. */
export function parameterFilter(filters: readonly ParameterStringFilter[] = []): (parameter: ParameterState) => boolean {
  const unknown = filters.find(({ Key = '' }) => !KEYS.test(Key));
  if (unknown) throw new AwsError('InvalidFilterKey', `The specified key isn't valid: ${unknown.Key}`);
  return (parameter) => filters.every((filter) => matchesFilter(parameter, filter));
}

/** Whether a name is below a path: right below it, or at any depth. */
export function isBelow(name: string, path: string, recursive: boolean): boolean {
  const folder = path.endsWith('/') ? path : `${path}/`;
  const isRoot = folder === '/';
  const inside = isRoot && !name.startsWith('/') ? `/${name}` : name;
  return inside.startsWith(folder) && (recursive || !inside.slice(folder.length).includes('/'));
}

function matchesFilter(parameter: ParameterState, { Key = '', Option, Values = [] }: ParameterStringFilter): boolean {
  if (Key === 'Path') return Values.some((path) => isBelow(parameter.name, path, Option === 'Recursive'));
  const actual = filteredValue(parameter, Key);
  if (actual === undefined) return false;
  return Values.length === 0 || Values.some((value) => compare(actual, value, Option ?? 'Equals'));
}

function filteredValue(parameter: ParameterState, key: string): string | undefined {
  const { tier, keyId, dataType } = currentVersion(parameter);
  const values: Readonly<Record<string, string | undefined>> = {
    Name: parameter.name,
    Type: parameter.type,
    KeyId: keyId,
    Tier: tier,
    DataType: dataType,
  };
  return key.startsWith('tag:') ? ownValue(parameter.tags, key.slice('tag:'.length)) : values[key];
}

function compare(actual: string, wanted: string, option: string): boolean {
  switch (option) {
    case 'Equals':
      return actual === wanted;
    case 'BeginsWith':
      return actual.startsWith(wanted);
    case 'Contains':
      return actual.includes(wanted);
    default:
      throw new AwsError('InvalidFilterOption', `The specified filter option isn't valid: ${option}`);
  }
}
