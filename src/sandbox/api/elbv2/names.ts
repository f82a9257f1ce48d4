/** Names of load balancers and target groups. */
import { validationError } from './lookup.ts';

const LONGEST_NAME = 32;

/** Throws AwsError ValidationError for a name that AWS refuses. */
export function checkName(kind: 'load balancer' | 'target group', name = ''): string {
  const what = kind.charAt(0).toUpperCase() + kind.slice(1);
  if (name === '') throw validationError(`${what} name cannot be empty`);
  if (name.length > LONGEST_NAME) throw validationError(`${what} name '${name}' cannot be longer than '${LONGEST_NAME}' characters`);
  if (!/^[A-Za-z0-9-]+$/.test(name)) {
    throw validationError(`${what} name '${name}' can only contain characters that are alphanumeric characters or hyphens(-)`);
  }
  if (/^-|-$/.test(name)) throw validationError(`${what} name '${name}' cannot begin or end with '-'`);
  return name;
}
