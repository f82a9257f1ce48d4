/** What tar warns of while it reads an archive: which of it is damage. */

/** Of entries that an image has no use for, a device say, and of links that were made relative. */
const HARMLESS = new Set(['TAR_ENTRY_INFO', 'TAR_ENTRY_UNSUPPORTED']);

export function isDamage(code: string): boolean {
  return !HARMLESS.has(code);
}
