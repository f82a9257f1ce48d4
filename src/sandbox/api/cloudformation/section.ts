/** Values as templates have them, and the error for what they should not have. */
import { AwsError } from '../../errors.ts';

export type Section = Readonly<Record<string, unknown>>;

export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value where CloudFormation wants text. */
export function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(',');
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

export function invalid(message: string): AwsError {
  return new AwsError('ValidationError', message);
}
