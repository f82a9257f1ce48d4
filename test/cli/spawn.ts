/** The built program, run as a user runs it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/ecs-canary.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface Ended {
  /** Exit code; null for a program that a signal ended. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** Variables beside PATH; nothing else of this process's environment is handed on. */
  readonly env?: Record<string, string>;
  /** A folder without a `.env` unless told. */
  readonly cwd?: string;
  /** Nobody reads standard output: its pipe is closed before the program can write to it. */
  readonly closedStdout?: boolean;
  /** It can write to no file, as on a disk that is full. */
  readonly noRoom?: boolean;
}

/** Standard input, output and error are no terminals. */
export function cli(args: readonly string[], { env = {}, cwd = tmpdir(), closedStdout = false, noRoom = false }: Surroundings = {}): Promise<Ended> {
  if (!existsSync(BUILT)) throw new Error('dist/ is missing: these tests run the built program. Run npm run build first.');
  const given = { PATH: process.env['PATH'], HOME: '/nowhere', AWS_EC2_METADATA_DISABLED: 'true', ...env };
  return new Promise((resolve, reject) => {
    const command = [process.execPath, PROGRAM, ...args];
    const [program = '', ...rest] = noRoom ? ['/bin/sh', '-c', 'ulimit -f 0 && exec "$0" "$@"', ...command] : command;
    const child = spawn(program, rest, { cwd, env: given, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    if (closedStdout) child.stdout.destroy();
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
