/** What a command is handed: its streams, its settings, its way to tell how it goes. No global state. */
import type { Progress } from '../progress/events.ts';
import type { CommandLine } from './command-line.ts';
import type { Variables } from '../settings/connection.ts';

/** The parts of Node's process that the program uses. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

export interface Context {
  readonly terminal: Terminal;
  /**
   * The environment with `.env` below it and the flags above it.
   * @throws CanaryError `usage` for a settings file that cannot be read: of no matter to a command that never asks.
   */
  variables(): Variables;
  readonly progress: Progress;
  /** Prints a line of the answer: to stdout, or to stderr with `--json`. */
  readonly print: (line: string) => void;
  /** Prints a line that is not part of the answer to stderr, unless `--quiet`. */
  readonly say: (line: string) => void;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  /** ms that each wait may take. */
  readonly timeout: number;
  /** What was typed, without the program's name. */
  readonly commandLine: CommandLine;
}
