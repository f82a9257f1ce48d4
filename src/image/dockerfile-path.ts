/** Where the Dockerfile of a build is. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { usageError } from '../errors.ts';

/**
 * @param file undefined for the one in the folder
 * @returns its absolute path
 * @throws CanaryError, exit 2, when it is not there
 */
export async function dockerfileOf(dir: string, file: string = join(dir, 'Dockerfile')): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw usageError(`There is no Dockerfile ${file}.`, 'write one, or say with --file which it is');
  return resolve(file);
}
