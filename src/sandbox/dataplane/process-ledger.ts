/**
 * Remembers the processes of tasks on disk, so that a sandbox that was killed without warning does not leave them behind.
 * Each has a file named by its process id, written before anything else can happen.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProcessLedger {
  /** What to give a process in its environment: by it the process is known again, whoever got its id meanwhile. */
  readonly marker: Readonly<Record<string, string>>;
  add(pid: number): void;
  remove(pid: number): void;
  /** Ends what an earlier sandbox of the same folder remembered and still runs. */
  endLeftovers(): void;
}

const MARKER = 'ECS_CANARY_SANDBOX_DIR';

/** @param folder the sandbox's own folder; it need not exist yet. */
export function openLedger(folder: string): ProcessLedger {
  mkdirSync(folder, { recursive: true });
  const file = (pid: number) => join(folder, String(pid));
  return {
    marker: { [MARKER]: folder },
    add: (pid) => writeFileSync(file(pid), ''),
    remove: (pid) => rmSync(file(pid), { force: true }),
    endLeftovers() {
      for (const pid of readdirSync(folder).map(Number).filter(Number.isInteger)) {
        if (environmentOf(pid).some((variable) => variable === `${MARKER}=${folder}`)) {
          endGroup(pid, 'SIGKILL');
        }
        rmSync(file(pid), { force: true });
      }
    },
  };
}

/** Signals a process and all it started in its group; a group that is gone is fine. */
export function endGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // macOS says EPERM of a group of which only the dead leader is left.
    const isGone = typeof error === 'object' && error !== null && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM');
    if (!isGone) {
      throw error;
    }
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    // No /proc (macOS), or the process is gone.
    return spawnSync('ps', ['-Eww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.split(' ') ?? [];
  }
}
