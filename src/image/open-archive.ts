/** An archive of images that lies open: a folder, or a tar archive that was unpacked into one. */
import { mkdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { extract } from 'tar';
import { type CanaryError, messageOf, usageError } from '../errors.ts';
import { isDamage } from './tar-damage.ts';
import { isNoRoom } from './work-folder.ts';

export interface OpenArchive {
  /** What the user calls it. */
  readonly name: string;
  /** Where new blobs may be laid. */
  readonly workDir: string;
  /** The path of a file in it; undefined when there is none. */
  find(path: string): Promise<string | undefined>;
}

/**
 * @param path a folder, or a tar archive, compressed or not
 * @param workDir an empty folder that outlives the archive
 * @throws CanaryError, exit 2; the error of a folder that has no room for it
 */
export async function openArchive(path: string, workDir: string): Promise<OpenArchive> {
  const isFolder = await stat(path).then((found) => found.isDirectory(), (cause) => {
    throw usageError(`${path} can't be read: ${messageOf(cause)}`);
  });
  if (isFolder) return { name: path, workDir, find: (name) => findAt(join(path, name)) };
  const root = join(await realpath(workDir), 'archive');
  await unpack(path, root);
  return {
    name: path,
    workDir,
    async find(name) {
      const found = await findAt(join(root, name));
      // A link may lead to another file of the archive, never out of it.
      return found?.startsWith(root + sep) ? found : undefined;
    },
  };
}

export function damaged({ name }: OpenArchive, why: string): CanaryError {
  return usageError(`${name} is damaged: ${why}.`, 'Write it again.');
}

async function unpack(path: string, root: string): Promise<void> {
  const damage: unknown[] = [];
  await mkdir(root);
  try {
    await extract({
      file: path,
      cwd: root,
      preserveOwner: false,
      noMtime: true,
      onwarn: (code, message, data) => {
        if (isDamage(code)) damage.push(data instanceof Error ? data : message);
      },
    });
  } catch (cause) {
    damage.push(cause);
  }
  const full = damage.find(isNoRoom);
  if (full !== undefined) throw full;
  if (damage.length > 0) throw usageError(`${path} is no whole tar archive: ${messageOf(damage[0])}.`, 'Write it again.');
}

/** Links followed. */
async function findAt(file: string): Promise<string | undefined> {
  try {
    return (await stat(file)).isFile() ? await realpath(file) : undefined;
  } catch {
    return undefined;
  }
}
