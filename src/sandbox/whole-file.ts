/** Files that somebody may read while they are written. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Readers find the old content or the new one. Makes the folder again when somebody removed it: what runs must not end for that. */
export function writeWhole(file: string, content: string | Uint8Array, { mode }: { readonly mode?: number } = {}): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.tmp`;
  // One that a killed sandbox left keeps its mode otherwise.
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, file);
}
