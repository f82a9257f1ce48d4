/** Finding stacks by what calls name them by, and cutting answers into pages. */
import { AwsError } from '../../errors.ts';
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';
import type { StoredStack } from '../../world/cloudformation-state.ts';
import { invalid } from './section.ts';

/** The stack of that name that is not deleted, or the stack, deleted or not, of that id. */
export function findStack(region: Region, nameOrId: string): StoredStack | undefined {
  const { stacks } = region.state.cloudformation;
  return stacks[nameOrId] ?? Object.values(stacks).find(({ name, status }) => name === nameOrId && status !== 'DELETE_COMPLETE');
}

/** @throws AwsError ValidationError of this message when there is no such stack. */
export function getStack(region: Region, nameOrId: string | undefined, message: string): StoredStack {
  const stack = findStack(region, nameOrId ?? '');
  if (stack) return stack;
  throw invalid(message);
}

/** Entries in a page, for every list that CloudFormation cuts. */
const PAGE = 100;

/**
 * One page of a list and the token of the next one.
 * @throws AwsError ValidationError for a token that is none of ours.
 */
export function page<T>(region: Region, all: readonly T[], token: string | undefined): { items: T[]; NextToken: string | undefined } {
  const start = token === undefined ? 0 : decode(token);
  const end = start + cappedPageSize(region, PAGE);
  return { items: all.slice(start, end), NextToken: end < all.length ? encode(end) : undefined };
}

function encode(position: number): string {
  return Buffer.from(`page:${position}`).toString('base64url');
}

function decode(token: string): number {
  const position = /^page:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  if (position === undefined) throw new AwsError('ValidationError', 'Invalid NextToken');
  return Number(position);
}
