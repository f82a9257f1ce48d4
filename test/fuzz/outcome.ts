/** Runs the program on any input, and judges how it ends: an exit code, one message, and never a defect of ours. */
import { Writable } from 'node:stream';
import { runProgram } from '../../src/cli/program.ts';

export interface Input {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In this process, as if nobody sat at a terminal. */
export async function runHere({ args, env }: Input): Promise<Outcome> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const stdin = Object.assign(new (await import('node:stream')).PassThrough(), { isTTY: false });
  const code = await runProgram(args, { stdin, stdout, stderr, env: { ...env } }, '0.0.0');
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** How a run may not end, whatever it was given; undefined for one that is as it should be. */
export function whatIsWrong({ args, env }: Input, { code, stdout, stderr }: Outcome, codes: readonly number[]): string | undefined {
  if (code === null || !codes.includes(code)) return `exit ${code}`;
  const all = stdout + stderr;
  const asked = [...args, ...Object.values(env)].join('\n');
  const verbose = args.some((arg) => /^-[a-z]*v|^--verb/i.test(arg)) || 'ECS_CANARY_VERBOSE' in env;
  if (!verbose && /^\s+at .*[:(]/m.test(all) && !/^\s+at /m.test(asked)) return 'a stack trace';
  const defect = DEFECT.exec(all)?.[0];
  if (defect && !asked.includes(defect)) return `a defect of ours: ${defect}`;
  if (UNPRINTABLE.test(stderr)) return 'control characters on the terminal';
  const messages = stderr.match(/^Error: /gm)?.length ?? 0;
  if (messages !== (code === 0 || quietly(code, stdout) ? 0 : 1) && !/^Error: /m.test(asked)) return `${messages} messages`;
  return undefined;
}

/** What JavaScript says of values that nobody looked at. */
const DEFECT = /Cannot (?:read|set|convert|destructure|access) |is not (?:a function|iterable|defined|extensible|a constructor)|\b(?:Type|Range|Reference|Syntax)Error\b|Unexpected (?:token|end)|Invalid (?:time value|array length|string length)|\[object |circular structure|Maximum call stack|"defect"/;
/** All but the ends of lines and tabs: they could move the cursor, or worse. */
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** `probe` counts errors without being one. */
function quietly(code: number, stdout: string): boolean {
  return code === 1 && /^Errors: +[1-9]|"errors":[1-9]/m.test(stdout);
}
