/** Percentages as options take them. */
import { usageError } from '../errors.ts';

/**
 * A whole number from 0 to 100.
 * @throws CanaryError `usage`.
 */
export function parsePercent(flag: string, text: string): number {
  const value = /^\d{1,3}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 100) return value;
  throw usageError(`${flag} is "${text}": it should be a whole number from 0 to 100.`, 'ecs-canary route --help');
}
