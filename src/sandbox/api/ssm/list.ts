/** Lists of parameters and of a parameter's versions, in pages. */
import type {
  DescribeParametersRequest,
  DescribeParametersResult,
  GetParameterHistoryRequest,
  GetParameterHistoryResult,
  GetParametersByPathRequest,
  GetParametersByPathResult,
  ParameterHistory,
  ParameterMetadata,
} from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';
import type { ParameterState, ParameterVersionState } from '../../world/ssm-state.ts';
import { sortedByName, sortedPage } from '../sorted-page.ts';
import { isBelow, parameterFilter } from './filters.ts';
import { checkPath } from './names.ts';
import { arnOf, checkRange, currentVersion, describeValue, encrypt, findParameter, invalidToken, parametersOf } from './parameters.ts';
import { describePolicies } from './policies.ts';

const PATH_PAGE = 10;
const DESCRIBE_PAGE = 50;

export function GetParametersByPath(input: GetParametersByPathRequest, region: Region): GetParametersByPathResult {
  const { Path = '', Recursive = false, ParameterFilters, MaxResults = PATH_PAGE, NextToken, WithDecryption } = input;
  checkPath(Path);
  checkRange('maxResults', MaxResults, 1, PATH_PAGE);
  const passes = parameterFilter(ParameterFilters);
  const found = sortedByName(parametersOf(region)).filter((parameter) => isBelow(parameter.name, Path, Recursive) && passes(parameter));
  const { items, nextToken } = sortedPage(found, byName, { token: NextToken, size: cappedPageSize(region, MaxResults), invalid: invalidToken });
  return {
    Parameters: items.map((parameter) => describeValue(region, { parameter, version: currentVersion(parameter) }, WithDecryption)),
    NextToken: nextToken,
  };
}

export function DescribeParameters(input: DescribeParametersRequest, region: Region): DescribeParametersResult {
  const { Filters, ParameterFilters, MaxResults = DESCRIBE_PAGE, NextToken } = input;
  checkRange('maxResults', MaxResults, 1, DESCRIBE_PAGE);
  if (Filters?.length && ParameterFilters?.length) {
    throw new AwsError('ValidationException', 'You can use either Filters or ParameterFilters in a single request.');
  }
  const older = Filters?.map(({ Key, Values }) => ({ Key, Values, Option: Key === 'Name' ? 'BeginsWith' : 'Equals' }));
  const found = sortedByName(parametersOf(region)).filter(parameterFilter(ParameterFilters ?? older));
  const { items, nextToken } = sortedPage(found, byName, { token: NextToken, size: cappedPageSize(region, MaxResults), invalid: invalidToken });
  return {
    Parameters: items.map((parameter) => ({
      ...describeVersion(parameter, currentVersion(parameter)),
      ARN: arnOf(region, parameter),
    })),
    NextToken: nextToken,
  };
}

export function GetParameterHistory(input: GetParameterHistoryRequest, region: Region): GetParameterHistoryResult {
  const { Name = '', MaxResults = DESCRIBE_PAGE, NextToken, WithDecryption } = input;
  checkRange('maxResults', MaxResults, 1, DESCRIBE_PAGE);
  const parameter = findParameter(region, Name);
  if (!parameter) throw new AwsError('ParameterNotFound', '');
  const size = cappedPageSize(region, MaxResults);
  const { items, nextToken } = sortedPage(parameter.versions, byVersion, { token: NextToken, size, invalid: invalidToken });
  return {
    Parameters: items.map((version): ParameterHistory => ({
      ...describeVersion(parameter, version),
      Value: parameter.type === 'SecureString' && !WithDecryption ? encrypt(version.value) : version.value,
      Labels: [],
    })),
    NextToken: nextToken,
  };
}

function describeVersion({ name, type }: ParameterState, version: ParameterVersionState): ParameterMetadata {
  return {
    Name: name,
    Type: type,
    KeyId: version.keyId,
    LastModifiedDate: version.modified,
    LastModifiedUser: version.modifiedBy,
    Description: version.description,
    AllowedPattern: version.allowedPattern,
    Version: version.version,
    Tier: version.tier,
    Policies: describePolicies(version),
    DataType: version.dataType,
  };
}

const byName = ({ name }: ParameterState) => name;
/** As text that sorts as the numbers do. */
const byVersion = ({ version }: ParameterVersionState) => String(version).padStart(12, '0');
