/** Where COPY puts things: Docker's rules for sources, destinations and folders that are made on the way. */
import { posix } from 'node:path';
import type { ContextEntry } from './context.ts';
import { type CopyStep, dockerfileError } from './dockerfile.ts';
import { globSource } from './glob.ts';
import type { ImageFolders } from './image-folders.ts';
import type { LayerEntry } from './layer.ts';

/** The folders an image has so far; each step adds to them and says what its layer must hold. What the base has stays as it is. */
export class ImageTree {
  readonly #folders: ImageFolders;

  constructor(folders: ImageFolders) {
    this.#folders = folders;
  }

  /** What makes `path` a folder; nothing where it is one already. */
  makeDirectory(path: string): LayerEntry[] {
    const place = this.#folders.follow(path);
    if (this.#folders.has(place)) return [];
    const above = this.makeDirectory(posix.dirname(place));
    this.#folders.add(place);
    return [...above, { path: place, kind: 'directory', executable: false }];
  }

  /**
   * The layer of one COPY, sorted. Where two sources meet, the later one wins.
   * @throws CanaryError when a source is not there
   */
  copy(context: readonly ContextEntry[], step: CopyStep): LayerEntry[] {
    const sources = step.sources.flatMap((source) => selectSources(context, source, step.line));
    const destination = this.#folders.follow(step.destination);
    const intoDirectory = step.destination.endsWith('/') || sources.length > 1 || this.#folders.has(destination);
    const entries = sources.flatMap((source) => {
      if (source.kind === 'directory') return this.#copyDirectory(context, source, destination);
      return this.#place(source, intoDirectory ? posix.join(destination, posix.basename(source.path)) : destination);
    });
    const byPath = new Map(entries.map((entry) => [entry.path, entry]));
    return [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Of a folder what is in it is copied, not the folder itself. */
  #copyDirectory(context: readonly ContextEntry[], { path: folder }: ContextEntry, destination: string): LayerEntry[] {
    const inside = context.filter(({ path }) => folder === '' || path.startsWith(`${folder}/`));
    const placed = inside.flatMap((entry) => this.#place(entry, posix.join(destination, posix.relative(folder, entry.path))));
    return [...this.makeDirectory(destination), ...placed];
  }

  #place(entry: ContextEntry, path: string): LayerEntry[] {
    if (entry.kind === 'directory') return this.makeDirectory(path);
    const folder = this.#folders.follow(posix.dirname(path));
    return [...this.makeDirectory(folder), { ...entry, path: posix.join(folder, posix.basename(path)), source: entry.path }];
  }
}

/** The whole context as a source: the folder itself. */
const ROOT: ContextEntry = { path: '', kind: 'directory', executable: false };

function selectSources(context: readonly ContextEntry[], source: string, line: number): ContextEntry[] {
  const path = posix.join('/', source).replace(/\/$/, '').slice(1);
  if (/^\.\.(\/|$)/.test(posix.normalize(source))) {
    throw dockerfileError(line, `COPY ${source} reaches outside the folder`, 'move the file into the folder');
  }
  const pattern = new RegExp(`^${globSource(path)}$`);
  const found = path === '' ? [ROOT] : context.filter((entry) => pattern.test(entry.path));
  if (found.length === 0) {
    throw dockerfileError(line, `COPY ${source} finds no such file in the folder`, 'check its name, and that .dockerignore does not leave it out');
  }
  const link = found.find(({ kind }) => kind === 'symlink');
  if (link) throw dockerfileError(line, `COPY ${source} names the symbolic link ${link.path}`, 'name what it points to');
  return found;
}
