/** What git calls the commit that a folder is at: the name of a version that nobody gave one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf, usageError } from '../errors.ts';

const run = promisify(execFile);

export interface GitVersion {
  /** By `git describe --always`, with a hyphen for each character that no image's tag may have. */
  readonly name: string;
  /** Whether something in the folder is not as it was committed, or was never committed and is not ignored. */
  readonly dirty: boolean;
}

/** @throws CanaryError `usage` where git does not know the folder, or is not there. */
export async function describeFolder(dir: string): Promise<GitVersion> {
  try {
    const described = await run('git', ['-C', dir, 'describe', '--always']);
    // Of a large tree it may be long.
    const status = await run('git', ['-C', dir, 'status', '--porcelain', '--', '.'], { maxBuffer: Infinity });
    return { name: described.stdout.trim().replaceAll(/[^\w.-]/g, '-'), dirty: status.stdout !== '' };
  } catch (error) {
    // Node's message is the command, and below it what git said.
    const said = messageOf(error).trimEnd().split('\n').at(-1) ?? '';
    throw usageError(`--tag is missing: the name of the version, such as 1.0. Git has none for ${dir}: ${said.replace(/\.$/, '')}.`);
  }
}
