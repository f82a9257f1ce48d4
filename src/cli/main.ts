/** Where the program begins. Only what every start needs is loaded here. */
import type { Terminal } from './context.ts';

declare const ECS_CANARY_VERSION: string;

/** Runs the command line and returns the exit code. Never throws; never ends the process. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  ignoreOutputErrors(terminal);
  const args = argv.slice(2);
  // Scripts ask for the version at every turn; it needs no parser.
  if (args.length === 1 && args[0] === '--version') {
    terminal.stdout.write(`${ECS_CANARY_VERSION}\n`);
    return 0;
  }
  const { runProgram } = await import('./program.ts');
  return runProgram(args, terminal, ECS_CANARY_VERSION);
}

/** A closed pipe, a full disk, a terminal that is gone: what can't be shown must not stop a rollback on its way. */
function ignoreOutputErrors(terminal: Terminal): void {
  for (const stream of [terminal.stdout, terminal.stderr]) stream.on('error', () => undefined);
}
