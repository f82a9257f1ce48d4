/** What a command is handed: its streams, its settings, its way to tell how it goes. No global state. */
import type { Progress } from '../progress/events.ts';
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
  /** The environment with `.env` below it and the flags above it. */
  readonly variables: Variables;
  readonly progress: Progress;
  /** Prints a line of the answer: to stdout, or to stderr with `--json`; nowhere with `--quiet`. */
  readonly print: (line: string) => void;
  /** Prints a line that is not part of the answer, to stderr. */
  readonly say: (line: string) => void;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  /** ms that a command's waits may take together. */
  readonly timeout: number;
  /** The command as typed, without the program's name. */
  readonly commandLine: string;
}
