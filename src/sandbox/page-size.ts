/** How many items a page of a listing has. */
import type { Region } from './parts.ts';

/** `size`, or what the sandbox was started with where that is less: small pages show which clients read the first one only. */
export function cappedPageSize({ config }: Region, size: number): number {
  return Math.min(size, config.pageSize ?? size);
}
