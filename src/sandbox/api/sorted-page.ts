/** Pages of a list that is sorted by a key. A token names the last key given out, so pages stay right while things come and go. */

export interface SortedPage<Item> {
  readonly items: Item[];
  /** For the next page; undefined after the last one. */
  readonly nextToken?: string;
}

/**
 * @param items sorted by `keyOf`, in code unit order.
 * @param request.size how many items a page has.
 * @param request.descending gives them out in the opposite order.
 * @param request.invalid makes the error for a token that no answer gave out.
 */
export function sortedPage<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  request: { readonly token: string | undefined; readonly size: number; readonly descending?: boolean; readonly invalid: () => Error },
): SortedPage<Item> {
  const { token, size, descending = false, invalid } = request;
  const ordered = descending ? items.toReversed() : items;
  const after = token === undefined ? undefined : readToken(token, invalid);
  const rest = after === undefined ? ordered : ordered.filter((item) => (descending ? keyOf(item) < after : keyOf(item) > after));
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return { items: page, nextToken: last !== undefined && page.length < rest.length ? writeToken(keyOf(last)) : undefined };
}

const PREFIX = 'after:';

function writeToken(key: string): string {
  return Buffer.from(`${PREFIX}${key}`).toString('base64url');
}

function readToken(token: string, invalid: () => Error): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith(PREFIX)) throw invalid();
  return text.slice(PREFIX.length);
}

/** Things by name, as a list sorted by name in code unit order. */
export function sortedByName<Item extends { readonly name: string }>(things: Readonly<Record<string, Item>>): Item[] {
  return Object.values(things).toSorted((left, right) => (left.name < right.name ? -1 : 1));
}
