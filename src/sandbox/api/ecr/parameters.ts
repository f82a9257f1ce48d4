/** What ECR checks in the parameters of many operations, and its pages. */
import { AwsError } from '../../errors.ts';
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';

interface PageRequest {
  readonly maxResults?: number;
  readonly nextToken?: string;
}

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;

/** ECR's own wording for a parameter it does not take. */
export function invalidParameter(name: string, constraint: string): AwsError {
  return new AwsError('InvalidParameterException', `Invalid parameter at '${name}' failed to satisfy constraint: '${constraint}'`);
}

/** @throws AwsError InvalidParameterException */
export function requireMatch(name: string, value: string | undefined, pattern: RegExp): void {
  if (value === undefined || !new RegExp(`^(?:${pattern.source})$`).test(value)) {
    throw invalidParameter(name, `must satisfy regular expression '${pattern.source}'`);
  }
}

/**
 * One page of a list.
 * @throws AwsError InvalidParameterException for a page size outside 1..1000 or a token that was not given out
 */
export function page<T>(
  region: Region,
  items: readonly T[],
  { maxResults = DEFAULT_PAGE, nextToken }: PageRequest,
): { items: T[]; nextToken?: string } {
  if (maxResults < 1 || maxResults > LARGEST_PAGE) throw invalidParameter('maxResults', `must be between 1 and ${LARGEST_PAGE}`);
  const start = nextToken === undefined ? 0 : readToken(nextToken);
  const end = start + cappedPageSize(region, maxResults);
  return { items: items.slice(start, end), nextToken: end < items.length ? writeToken(end) : undefined };
}

function writeToken(position: number): string {
  return Buffer.from(`ecr:${position}`).toString('base64');
}

function readToken(token: string): number {
  const position = /^ecr:(\d+)$/.exec(Buffer.from(token, 'base64').toString('utf8'))?.[1];
  if (position === undefined) throw invalidParameter('nextToken', 'must be a token of an earlier answer');
  return Number(position);
}
