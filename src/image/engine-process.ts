/** Runs an engine: without a shell, its output line by line, and never longer than somebody waits for it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What engines are run in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

export interface RunOptions extends Surroundings {
  /** Takes each line that it prints. */
  readonly output?: (line: string) => void;
}

export interface EngineEnd {
  /** `exit code 1`, `signal SIGKILL`; undefined where all went well. */
  readonly failure: string | undefined;
  /** The last lines that it printed. */
  readonly lines: readonly string[];
}

const LAST_LINES = 10;
/** ms from asking a program to end to ending it. */
const GRACE = 5_000;

/**
 * Runs `program` to its end.
 * @throws the error of an operating system that cannot start it, `ENOENT` where it is not there; the signal's reason when it
 *   aborts, once the program has ended
 */
export async function runEngine(program: string, args: readonly string[], { env, output, signal }: RunOptions): Promise<EngineEnd> {
  signal?.throwIfAborted();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      if (line.trim() === '') return;
      output?.(line);
      if (lines.push(line) > LAST_LINES) lines.shift();
    });
  }
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill('SIGTERM');
    timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
  };
  signal?.addEventListener('abort', end, { once: true });
  try {
    const failure = await new Promise<string | undefined>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, killer) => resolve(killer ? `signal ${killer}` : code === 0 ? undefined : `exit code ${code}`));
      // What it started may still hold its output.
      child.on('exit', () => signal?.aborted && [child.stdout, child.stderr].forEach((stream) => stream.destroy()));
    });
    signal?.throwIfAborted();
    return { failure, lines };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}
