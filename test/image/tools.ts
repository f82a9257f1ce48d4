/** Programs that only some machines have: their tests say that they are skipped, and why. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `test`, or, where one of the programs is missing, a skipped one that names it. */
export function testWith(...programs: string[]): (name: string, action: () => Promise<void>, timeout?: number) => void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return test;
  return (name, action) => test.skip(`${name} (skipped: ${missing.join(' and ')} not installed)`, action);
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a program to its end; what it writes to stdout. */
export function runTool(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args[0]} ended with ${status}: ${error?.message ?? stderr}`);
  return stdout;
}
