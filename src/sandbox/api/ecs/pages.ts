/** ECS's lists, a page at a time. */
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';
import { type SortedPage, sortedPage } from '../sorted-page.ts';
import { invalidParameter } from './errors.ts';

const PAGE_SIZE = 100;

export interface PageRequest {
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
  /** The last key first. */
  readonly descending?: boolean;
}

/**
 * The page of the items that a request asks for, ordered by their keys.
 * @throws AwsError InvalidParameterException for a token or a page size that can't be.
 */
export function pageOf<T>(region: Region, items: readonly T[], keyOf: (item: T) => string, request: PageRequest): SortedPage<T> {
  const { maxResults = PAGE_SIZE, nextToken, descending = false } = request;
  if (maxResults < 1 || maxResults > PAGE_SIZE) {
    throw invalidParameter(`maxResults must be between 1 and ${PAGE_SIZE}.`);
  }
  const ordered = items.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  return sortedPage(ordered, keyOf, {
    token: nextToken,
    size: cappedPageSize(region, maxResults),
    descending,
    invalid: () => invalidParameter('Invalid token.'),
  });
}
