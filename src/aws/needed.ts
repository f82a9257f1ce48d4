/** What the program cannot do without in an answer of AWS. */
import { CanaryError } from '../errors.ts';

/**
 * Hands on a member of an answer.
 * @param call AWS's name of the call, such as `DescribeServices`.
 * @param what the member.
 * @throws CanaryError `bad-answer` where it is missing: a made-up value could be taken for a service without tasks.
 */
export function needed<T>(value: T | undefined, call: string, what: string): T {
  if (value !== undefined) return value;
  throw new CanaryError({
    code: 'bad-answer',
    message: `AWS answered ${call} without ${what}.`,
    next: 'run the same command again; if it stays so, see what answers at AWS_ENDPOINT_URL',
  });
}
