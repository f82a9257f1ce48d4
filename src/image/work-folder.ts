/** A temporary folder of one image, which lives as long as the image. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface WorkFolder {
  readonly dir: string;
  remove(): Promise<void>;
  /** Does something, and removes the folder if it fails. */
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
        throw error;
      }
    },
  };
}
