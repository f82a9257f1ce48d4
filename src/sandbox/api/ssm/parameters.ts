/** Parameters as the operations see them: found by name or ARN, gone once expired, in the shapes of answers. */
import type { Parameter } from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { ownValue } from '../../own-value.ts';
import type { ParameterState, ParameterVersionState } from '../../world/ssm-state.ts';

/** What a name in a request points at: the parameter in the version asked for. */
export interface FoundParameter {
  readonly parameter: ParameterState;
  readonly version: ParameterVersionState;
  /** `:<version>` where the request named one. */
  readonly selector?: string;
}

/** All parameters that have not expired; expired ones are removed. */
export function parametersOf(region: Region): Record<string, ParameterState> {
  const { parameters } = region.state.ssm;
  for (const parameter of Object.values(parameters)) {
    const { expires } = currentVersion(parameter);
    if (expires && expires <= region.clock.now()) {
      delete parameters[parameter.name];
      region.changed();
    }
  }
  return parameters;
}

/** The parameter of a name or an ARN, without a selector. */
export function findParameter(region: Region, nameOrArn: string): ParameterState | undefined {
  const parameters = parametersOf(region);
  return nameOrArn.startsWith('arn:')
    ? Object.values(parameters).find((parameter) => arnOf(region, parameter) === nameOrArn)
    : ownValue(parameters, nameOrArn);
}

/** The parameter that `name`, `name:version` or an ARN stands for. Throws AwsError ParameterVersionNotFound. */
export function resolveName(region: Region, reference: string): FoundParameter | undefined {
  const [, name = reference, selected] = /^(.*[^:]):(\d+)$/.exec(reference) ?? [];
  const parameter = findParameter(region, name);
  if (!parameter) return undefined;
  if (selected === undefined) return { parameter, version: currentVersion(parameter) };
  const version = parameter.versions.find((candidate) => candidate.version === Number(selected));
  if (!version) {
    const text = `Systems Manager could not find version ${selected} of ${name}. Verify the version and try again.`;
    throw new AwsError('ParameterVersionNotFound', text);
  }
  return { parameter, version, selector: `:${selected}` };
}

export function currentVersion({ name, versions }: ParameterState): ParameterVersionState {
  const current = versions.at(-1);
  if (!current) throw new Error(`parameter ${name} has no version`);
  return current;
}

export function arnOf(region: Region, { name }: ParameterState): string {
  return region.arn('ssm', `parameter${name.startsWith('/') ? '' : '/'}${name}`);
}

/** A parameter's value in an answer. */
export function describeValue(region: Region, { parameter, version, selector }: FoundParameter, withDecryption = false): Parameter {
  return {
    Name: parameter.name,
    Type: parameter.type,
    Value: parameter.type === 'SecureString' && !withDecryption ? encrypt(version.value) : version.value,
    Version: version.version,
    Selector: selector,
    LastModifiedDate: version.modified,
    ARN: arnOf(region, parameter),
    DataType: version.dataType,
  };
}

/** Stands for what KMS would give; nothing in the sandbox is secret. */
export function encrypt(value: string): string {
  return Buffer.from(`sandbox:${value}`).toString('base64');
}

/** Throws AwsError ValidationException unless `value` is within the limits. */
export function checkRange(member: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined && (value < least || value > most)) {
    const bound = value < least ? `greater than or equal to ${least}` : `less than or equal to ${most}`;
    const place = `Value '${value}' at '${member}'`;
    const text = `1 validation error detected: ${place} failed to satisfy constraint: Member must have value ${bound}`;
    throw new AwsError('ValidationException', text);
  }
}

export function invalidToken(): AwsError {
  return new AwsError('InvalidNextToken', "The specified token isn't valid.");
}
