/** A temporary folder of one image, which lives as long as the image. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CanaryError, messageOf } from '../errors.ts';

export interface WorkFolder {
  readonly dir: string;
  remove(): Promise<void>;
  /** Does something, and removes the folder if it fails. @throws CanaryError, exit 1 `no-room`, where there was none for the image */
  keptOnSuccess<T>(action: () => Promise<T>): Promise<T>;
}

/** Nobody else may read what is in it. */
export async function makeWorkFolder(): Promise<WorkFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'ecs-canary-image-'));
  const remove = () => rm(dir, { recursive: true, force: true });
  return {
    dir,
    remove,
    async keptOnSuccess(action) {
      try {
        return await action();
      } catch (error) {
        await remove();
        throw isNoRoom(error) ? noRoom(error) : error;
      }
    },
  };
}

/** A full disk, a quota, or files that may not grow so large. */
const NO_ROOM = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Whether what failed is not to blame, but the disk that it was written to. */
export function isNoRoom(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && NO_ROOM.has(error.code);
}

function noRoom(cause: unknown): CanaryError {
  return new CanaryError({
    code: 'no-room',
    message: `${tmpdir()} has no room for the image: ${messageOf(cause)}.`,
    next: 'make room there, or name another folder with TMPDIR; then run the same command again',
    cause,
  });
}
