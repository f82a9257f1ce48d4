/** Cuts lists into pages. */
import { cappedPageSize } from '../../page-size.ts';
import type { Region } from '../../parts.ts';
import { validationError } from './lookup.ts';

const LARGEST_PAGE = 400;
/** AWS documents no default; a small one shows which clients read the first page only. */
const USUAL_PAGE = 100;

/**
 * One page of `items`, and the marker of the next one where there is one.
 * Throws AwsError ValidationError for a page size outside 1..400 or a marker that is not one.
 */
export function page<T>(
  region: Region,
  items: readonly T[],
  request: { Marker?: string; PageSize?: number },
): { items: T[]; NextMarker?: string } {
  const { Marker, PageSize = USUAL_PAGE } = request;
  if (PageSize < 1) throw sizeError(PageSize, 'greater than or equal to 1');
  if (PageSize > LARGEST_PAGE) throw sizeError(PageSize, `less than or equal to ${LARGEST_PAGE}`);
  const from = Marker === undefined ? 0 : offsetOf(Marker);
  const to = from + cappedPageSize(region, PageSize);
  return { items: items.slice(from, to), ...(to < items.length && { NextMarker: markerOf(to) }) };
}

function markerOf(offset: number): string {
  return Buffer.from(`offset:${offset}`).toString('base64url');
}

function offsetOf(marker: string): number {
  const offset = /^offset:(\d+)$/.exec(Buffer.from(marker, 'base64url').toString())?.[1];
  if (offset === undefined) throw validationError(`The marker '${marker}' is not valid`);
  return Number(offset);
}

function sizeError(size: number, constraint: string) {
  return validationError(
    `1 validation error detected: Value '${size}' at 'pageSize' failed to satisfy constraint: Member must have value ${constraint}`,
  );
}
