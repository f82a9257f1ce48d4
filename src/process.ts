/** Processes, as far as they can be told apart: who wrote an entry of the release log, and whether it still runs. */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';
import type { Process } from './release/log-entry.ts';

/** Where nothing else tells: no other process has this. */
const UNIQUE = randomUUID();

/**
 * This process. No process on another machine or in another container has the same `host`, whatever they are called.
 * @param proc where the kernel tells of processes. Without one, as on macOS and Windows, no other process has the same `host`.
 */
export function thisProcess(proc = '/proc'): Process {
  const { pid } = process;
  try {
    // One that shows the processes of another namespace says nothing of those that have numbers here.
    if (readlinkSync(`${proc}/self`) !== String(pid)) throw new Error('foreign /proc');
    const kernel = [readFileSync(`${proc}/sys/kernel/random/boot_id`, 'utf8'), readlinkSync(`${proc}/self/ns/pid`)];
    return { host: hostId(kernel.join()), pid, started: statOf(pid, proc).started };
  } catch {
    return { host: hostId(UNIQUE), pid };
  }
}

/** @param there a process with the `host` of this one. */
export function isRunning({ pid, started }: Process): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return systemCode(error) !== 'ESRCH';
  }
  try {
    const stat = statOf(pid, '/proc');
    return stat.state !== 'Z' && (started === undefined || stat.started === started);
  } catch {
    return true;
  }
}

function hostId(text: string): string {
  return `${hostname()}/${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

/** `state` is `Z` for a process that is dead but not yet buried. */
function statOf(pid: number, proc: string): { state: string | undefined; started: number } {
  const text = readFileSync(`${proc}/${pid}/stat`, 'utf8');
  // The program's name comes second, in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], started: Number(fields[19]) };
}
