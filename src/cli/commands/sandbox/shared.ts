/** What the `sandbox` commands have in common: the folder, and how the sandbox's errors are shown. */
import { CanaryError, messageOf, usageError } from '../../../errors.ts';
import { type Values, option, textOf } from '../../command.ts';

const DEFAULT_DIR = '.ecs-canary/sandbox';

export const NOT_RUNNING = 'The sandbox is not running.';

export const dirOption = () => option('--dir <dir>', `folder of the sandbox (default: ${DEFAULT_DIR})`);
export const dirOf = (values: Values) => textOf(values, 'dir') ?? DEFAULT_DIR;

/** The sandbox words its errors for users, but knows nothing of ours. */
export async function plainly<T>(code: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new CanaryError({ code, message: messageOf(error), cause: error });
  }
}

/** The number that was given for `flag`. Throws a usage error where it is none of the pattern, or out of range. */
export function numberOf(flag: string, text: string, pattern: RegExp, min: number, max: number): number {
  const value = pattern.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usageError(`${flag} is "${text}": it should be a number from ${min} to ${max}.`);
}
