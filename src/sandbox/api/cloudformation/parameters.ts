/** Checks the parameters of a CreateStack or UpdateStack call against what the template declares, and resolves them. */
import type { Parameter } from '@aws-sdk/client-cloudformation';
import type { Region } from '../../parts.ts';
import type { StackDefinition } from '../../world/cloudformation-state.ts';
import { invalid } from './section.ts';
import { type ParameterDeclaration, readTemplate, type Template } from './template.ts';

/** What NoEcho parameters read as. */
const HIDDEN = '****';

/** A definition's parameters as answers show them. */
export function shownParameters({ template, parameters }: StackDefinition): Parameter[] {
  if (template === '') return [];
  const declared = readTemplate(template).parameters;
  return parameters.map((parameter) =>
    declared[parameter.ParameterKey ?? '']?.noEcho ? { ...parameter, ParameterValue: HIDDEN } : parameter,
  );
}

/**
 * One value for each parameter of the template: the one given, the previous one where that is asked for, or the default.
 * @param previous the stack's parameters before an update; empty for a new stack.
 * @throws AwsError ValidationError, worded as CloudFormation words it.
 */
export async function resolveParameters(
  template: Template,
  given: readonly Parameter[],
  previous: readonly Parameter[],
  region: Region,
): Promise<Parameter[]> {
  const unknown = given.map(({ ParameterKey }) => ParameterKey ?? '').filter((key) => !Object.hasOwn(template.parameters, key));
  if (unknown.length > 0) throw invalid(`Parameters: [${unknown.join(', ')}] do not exist in the template`);
  const values = new Map<string, string>();
  for (const [key, declaration] of Object.entries(template.parameters)) {
    const value = chooseValue(key, declaration, given, previous);
    if (value !== undefined) values.set(key, value);
  }
  const missing = Object.keys(template.parameters).filter((key) => !values.has(key));
  if (missing.length > 0) throw invalid(`Parameters: [${missing.join(', ')}] must have values`);
  return Promise.all(
    [...values].map(async ([key, value]): Promise<Parameter> => {
      const declaration = template.parameters[key];
      if (declaration) check(key, value, declaration);
      if (!declaration?.type.startsWith('AWS::SSM::Parameter::Value<')) return { ParameterKey: key, ParameterValue: value };
      return { ParameterKey: key, ParameterValue: value, ResolvedValue: await readSsmParameter(value, region) };
    }),
  );
}

/** What Ref gives for a parameter: a list for the list types. */
export function parameterValue({ ParameterValue, ResolvedValue }: Parameter, type: string): unknown {
  const value = ResolvedValue ?? ParameterValue ?? '';
  return /^(CommaDelimitedList|List<|AWS::SSM::Parameter::Value<(List<|CommaDelimitedList))/.test(type)
    ? value.split(',').map((item) => item.trim())
    : value;
}

/**
 * The value of an SSM parameter (`name` or `name:version`). AWS's public AMI parameters are there in every region.
 * @throws AwsError ValidationError when there is no such parameter.
 */
export async function readSsmParameter(reference: string, region: Region): Promise<string> {
  if (reference.startsWith('/aws/service/ami-')) return 'ami-0a1b2c3d4e5f67890';
  try {
    const { Parameter: found } = await region.call('ssm', 'GetParameter', { Name: reference });
    const value = typeof found === 'object' && found !== null && 'Value' in found ? found.Value : undefined;
    if (typeof value === 'string') return value;
  } catch (error) {
    throw Object.assign(unreadable(reference), { cause: error });
  }
  throw unreadable(reference);
}

function unreadable(reference: string): Error {
  return invalid(`Unable to fetch parameters [${reference}] from parameter store for this account.`);
}

function chooseValue(
  key: string,
  declaration: ParameterDeclaration,
  given: readonly Parameter[],
  previous: readonly Parameter[],
): string | undefined {
  const own = given.find(({ ParameterKey }) => ParameterKey === key);
  if (own?.UsePreviousValue) {
    const before = previous.find(({ ParameterKey }) => ParameterKey === key)?.ParameterValue;
    if (before === undefined) {
      throw invalid(
        `Invalid input for parameter key ${key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
      );
    }
    return before;
  }
  if (own?.ParameterValue !== undefined) return own.ParameterValue;
  return declaration.default;
}

function check(key: string, value: string, declaration: ParameterDeclaration): void {
  const problem = findProblem(value, declaration);
  if (problem === undefined) return;
  const { constraintDescription: own } = declaration;
  throw invalid(`Parameter '${key}' ${own === undefined ? problem : `failed to satisfy constraint: ${own}`}`);
}

function findProblem(value: string, declaration: ParameterDeclaration): string | undefined {
  const { type, allowedValues, allowedPattern, minLength = 0, maxLength = Infinity } = declaration;
  if (allowedValues && !allowedValues.includes(value)) return 'must be one of AllowedValues';
  if (allowedPattern !== undefined && !new RegExp(`^(?:${allowedPattern})$`).test(value)) return `must match pattern ${allowedPattern}`;
  if (value.length < minLength) return `must contain at least ${minLength} characters`;
  if (value.length > maxLength) return `must contain at most ${maxLength} characters`;
  return type === 'Number' ? findNumberProblem(value, declaration) : undefined;
}

function findNumberProblem(value: string, { minValue = -Infinity, maxValue = Infinity }: ParameterDeclaration): string | undefined {
  const number = Number(value);
  if (value.trim() === '' || Number.isNaN(number)) return 'must be a number';
  if (number < minValue) return `must be a number not less than ${minValue}`;
  if (number > maxValue) return `must be a number not greater than ${maxValue}`;
  return undefined;
}
