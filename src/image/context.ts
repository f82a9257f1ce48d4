/** The files of a folder that a build may use: all but those its `.dockerignore` leaves out. */
import { existsSync } from 'node:fs';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type IgnoreRules, parseDockerignore } from './dockerignore.ts';

export interface ContextEntry {
  /** Relative to the folder, with slashes. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Of a file: it may be executed. */
  readonly executable: boolean;
  /** Of a symlink: where it points. */
  readonly target?: string;
}

/** All entries below `dir` that are not ignored, each folder before what is in it. Sockets, pipes and devices are left out. */
export async function readContext(dir: string): Promise<ContextEntry[]> {
  const ignoreFile = join(dir, '.dockerignore');
  const rules = parseDockerignore(existsSync(ignoreFile) ? await readFile(ignoreFile, 'utf8') : '');
  const entries: ContextEntry[] = [];
  for await (const entry of walk(dir, '', rules)) entries.push(entry);
  return entries;
}

async function* walk(dir: string, folder: string, rules: IgnoreRules): AsyncGenerator<ContextEntry> {
  const names = await readdir(join(dir, folder));
  // Code units, not the machine's locale: the order must be the same everywhere.
  for (const name of names.toSorted()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const ignored = rules.ignores(path);
    if (ignored && !rules.takesBack) continue;
    const entry = await readEntry(dir, path);
    if (!ignored && entry) yield entry;
    if (entry?.kind === 'directory') yield* walk(dir, path, rules);
  }
}

async function readEntry(dir: string, path: string): Promise<ContextEntry | undefined> {
  const file = join(dir, path);
  const stats = await lstat(file);
  if (stats.isDirectory()) return { path, kind: 'directory', executable: false };
  if (stats.isFile()) return { path, kind: 'file', executable: (stats.mode & 0o100) !== 0 };
  if (stats.isSymbolicLink()) return { path, kind: 'symlink', executable: false, target: await readlink(file) };
  return undefined;
}
