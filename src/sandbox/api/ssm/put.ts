/** PutParameter: a new parameter, or a new version of one. */
import type { PutParameterRequest, PutParameterResult } from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { ParameterState, ParameterVersionState } from '../../world/ssm-state.ts';
import { ownValue } from '../../own-value.ts';
import { callerArn } from '../sts.ts';
import { checkName } from './names.ts';
import { currentVersion, parametersOf } from './parameters.ts';
import { readPolicies } from './policies.ts';
import { checkTags } from './tags.ts';

const KEPT_VERSIONS = 100;
/** Bytes of a value, by tier. */
const MOST_BYTES = { Standard: 4_096, Advanced: 8_192 };
type Tier = keyof typeof MOST_BYTES;

export function PutParameter(input: PutParameterRequest, region: Region): PutParameterResult {
  const name = input.Name ?? '';
  checkName(name);
  const parameters = parametersOf(region);
  const existing = ownValue(parameters, name);
  if (existing) checkOverwrite(input, existing);
  const version = nextVersion(input, region, existing);
  const parameter = existing ?? createParameter(input);
  parameter.versions = [...parameter.versions, version].slice(-KEPT_VERSIONS);
  parameters[name] = parameter;
  region.changed();
  return { Version: version.version, Tier: version.tier };
}

function checkOverwrite(input: PutParameterRequest, existing: ParameterState): void {
  if (!input.Overwrite) {
    const text = 'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.';
    throw new AwsError('ParameterAlreadyExists', text);
  }
  if (input.Tags && input.Tags.length > 0) {
    throw invalid(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. " +
        'To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.',
    );
  }
  if (input.Type && input.Type !== existing.type) {
    throw new AwsError(
      'HierarchyTypeMismatchException',
      `The parameter type ${input.Type} can't replace ${existing.type}. You must create a new, unique parameter.`,
    );
  }
}

function createParameter({ Name = '', Type, Tags = [] }: PutParameterRequest): ParameterState {
  if (!Type) throw invalid('A parameter type is required when you create a parameter.');
  return { name: Name, type: Type, tags: checkTags({}, Tags), versions: [] };
}

function nextVersion(input: PutParameterRequest, { clock, config }: Region, existing: ParameterState | undefined): ParameterVersionState {
  const previous = existing && currentVersion(existing);
  const value = input.Value ?? '';
  const tier = chooseTier(input, previous?.tier);
  checkValue(value, tier, input.AllowedPattern);
  return {
    version: (previous?.version ?? 0) + 1,
    value,
    modified: clock.now(),
    modifiedBy: callerArn(config),
    tier,
    dataType: input.DataType ?? 'text',
    description: input.Description,
    allowedPattern: input.AllowedPattern,
    keyId: (input.Type ?? existing?.type) === 'SecureString' ? (input.KeyId ?? 'alias/aws/ssm') : undefined,
    ...readPolicies(input.Policies, tier),
  };
}

/** An advanced parameter can't become a standard one again; intelligent tiering takes what the value needs. */
function chooseTier({ Tier, Value = '', Policies }: PutParameterRequest, previous: string | undefined): Tier {
  const needsAdvanced = Buffer.byteLength(Value) > MOST_BYTES.Standard || Policies !== undefined;
  const advanced = Tier === 'Advanced' || previous === 'Advanced' || (Tier === 'Intelligent-Tiering' && needsAdvanced);
  return advanced ? 'Advanced' : 'Standard';
}

function checkValue(value: string, tier: Tier, allowedPattern: string | undefined): void {
  if (value === '') {
    throw invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
  }
  if (Buffer.byteLength(value) > MOST_BYTES[tier]) {
    throw invalid(
      `${tier} tier parameters support a maximum parameter value of ${MOST_BYTES[tier]} characters.` +
        (tier === 'Standard' ? ' To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.' : ''),
    );
  }
  if (allowedPattern !== undefined && !compile(allowedPattern).test(value)) {
    const text = `Parameter value, cannot be validated against allowedPattern: ${allowedPattern}`;
    throw new AwsError('ParameterPatternMismatchException', text);
  }
}

function compile(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch {
    throw new AwsError('InvalidAllowedPatternException', `The request doesn't meet the regular expression requirement: ${pattern}`);
  }
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
