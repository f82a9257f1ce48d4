/** A temporary folder of one image, which lives as long as the image. */
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CanaryError, systemCode, messageOf } from '../errors.ts';
import { isRunning, thisProcess } from '../process.ts';

export interface WorkFolder {
  readonly dir: string;
  remove(): Promise<void>;
  /** Does something, and removes the folder if it fails. @throws CanaryError, exit 1 `no-room`, where there was none for the image */
  keptOnSuccess<T>(action: () => Promise<T>): Promise<T>;
}

/** Whose it is: `host`, pid and start of its process. */
const NAME = /^ecs-canary-image-([\da-f]{8})-(\d+)-(\d*)-/;
/** ms after which a folder is left behind whose process can't be seen from here. */
const FORGOTTEN = 24 * 60 * 60_000;

/** Nobody else may read what is in it. What runs left behind that were killed is removed: images are large. */
export async function makeWorkFolder(parent = tmpdir()): Promise<WorkFolder> {
  const { host, pid, started = '' } = thisProcess();
  const here = host.slice(-8);
  await removeLeftovers(parent, here).catch(() => undefined);
  const dir = await mkdtemp(join(parent, `ecs-canary-image-${here}-${pid}-${started}-`));
  const remove = () => rm(dir, { recursive: true, force: true });
  return {
    dir,
    remove,
    async keptOnSuccess(action) {
      try {
        return await action();
      } catch (error) {
        await remove();
        throw isNoRoom(error) ? noRoom(parent, error) : error;
      }
    },
  };
}

async function removeLeftovers(folder: string, here: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, host, pid, started] = NAME.exec(name) ?? [];
    if (host === undefined) continue;
    const path = join(folder, name);
    const { uid, mtimeMs } = await lstat(path);
    // Another container may share the folder, and has processes of its own.
    const over = host === here ? !isRunning({ host, pid: Number(pid), started: started ? Number(started) : undefined }) : mtimeMs < Date.now() - FORGOTTEN;
    // Others may lay what they like into /tmp.
    if (over && uid === (process.getuid?.() ?? uid)) await rm(path, { recursive: true, force: true });
  }
}

/** A full disk, a quota, or files that may not grow so large. */
const NO_ROOM = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Whether what failed is not to blame, but the disk that it was written to. */
export function isNoRoom(error: unknown): boolean {
  return NO_ROOM.has(systemCode(error));
}

function noRoom(parent: string, cause: unknown): CanaryError {
  return new CanaryError({
    code: 'no-room',
    message: `${parent} has no room for the image: ${messageOf(cause)}.`,
    next: 'make room there, or name another folder with TMPDIR; then run the same command again',
    cause,
  });
}
