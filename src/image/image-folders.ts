/** The folders of an image, and the links that may lead to them: what decides where a copied file comes to lie. */
import { posix } from 'node:path';
import { list } from 'tar';
import { isDamage } from './tar-damage.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** As Linux has it. */
const MOST_LINKS = 40;

export class ImageFolders {
  readonly #folders = new Set(['/']);
  readonly #links = new Map<string, string>();

  has(path: string): boolean {
    return this.#folders.has(path);
  }

  add(path: string): void {
    this.#folders.add(path);
  }

  /** Where a path leads, links followed; as far as there is something. */
  follow(path: string): string {
    let left = path.split('/').filter((name) => name !== '');
    let found = '/';
    for (let links = 0; left.length > 0;) {
      const [name = '', ...rest] = left;
      const next = posix.join(found, name);
      const target = links < MOST_LINKS ? this.#links.get(next) : undefined;
      left = target === undefined ? rest : [...posix.resolve(found, target).split('/').filter((part) => part !== ''), ...rest];
      found = target === undefined ? next : '/';
      if (target !== undefined) links += 1;
    }
    return found;
  }

  /**
   * Lays a layer on top.
   * @param file a tar archive, compressed or not
   * @throws Error for what cannot be read as one
   */
  async addLayer(file: string): Promise<void> {
    const added = new Map<string, string | null>();
    const gone: string[] = [];
    const emptied: string[] = [];
    const damage: string[] = [];
    await list({
      file,
      onReadEntry: ({ path, type, linkpath = '' }) => {
        const place = posix.resolve('/', path);
        const name = posix.basename(place);
        if (name === OPAQUE) emptied.push(posix.dirname(place));
        else if (name.startsWith(WHITEOUT)) gone.push(posix.join(posix.dirname(place), name.slice(WHITEOUT.length)));
        else if (type === 'Directory') added.set(place, null);
        else gone.push(place);
        if (type === 'SymbolicLink') added.set(place, linkpath);
      },
      onwarn: (code, message) => {
        if (isDamage(code)) damage.push(message);
      },
    });
    if (damage.length > 0) throw new Error(damage[0]);

    // What a layer takes away is below it: what it brings stays.
    this.#remove(new Set(gone), new Set(emptied));
    for (const [place, link] of added) {
      if (link !== null) {
        this.#links.set(place, link);
      } else {
        this.#links.delete(place);
        this.#folders.add(place);
      }
    }
  }

  #remove(gone: ReadonlySet<string>, emptied: ReadonlySet<string>): void {
    for (const known of [this.#folders, this.#links]) {
      for (const place of known.keys()) {
        if (isBelow(place, emptied) || gone.has(place) || isBelow(place, gone)) known.delete(place);
      }
    }
  }
}

function isBelow(place: string, folders: ReadonlySet<string>): boolean {
  for (let above = place; above !== '/';) {
    above = posix.dirname(above);
    if (folders.has(above)) return true;
  }
  return false;
}
