/** Shows an error in one place: what happened, what state users are in, what to type next. */
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { printable, readable } from '../progress/printable.ts';
import { type CommandLine, withWhere } from './command-line.ts';
import type { Terminal } from './context.ts';
import { policyFor } from './permissions.ts';

export interface Reporting {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly commandLine: CommandLine;
}

/** @returns the exit code. */
export function reportError(thrown: unknown, terminal: Terminal, { json, verbose, commandLine }: Reporting): number {
  const error = asCanaryError(thrown);
  if (error.exitCode === ExitCode.done) return error.exitCode;
  const { code, message, usersAre } = error;
  const next = error.next === undefined ? undefined : withWhere(error.next, commandLine);
  const lines = [`Error: ${readable(message)}`];
  if (usersAre) lines.push(`Users are ${usersAre}`);
  if (next) lines.push(`Next: ${next}`);
  const policy = policyFor(thrown, commandLine);
  if (policy) lines.push(`Permissions: ${policy} has those that this command needs.`);
  terminal.stderr.write(`${printable(lines.join('\n'))}\n`);
  if (verbose) terminal.stderr.write(`${printable(stackOf(thrown))}\n`);
  if (json) terminal.stdout.write(`${JSON.stringify({ schemaVersion: 1, error: { code, message, usersAre: usersAre ?? null, next: next ?? null } })}\n`);
  return error.exitCode;
}

function asCanaryError(thrown: unknown): CanaryError {
  if (thrown instanceof CanaryError) return thrown;
  const aws = thrown instanceof Error && '$metadata' in thrown;
  return new CanaryError({
    code: aws ? 'aws-error' : 'defect',
    message: `${aws ? `AWS answered ${thrown.name}: ` : ''}${messageOf(thrown)}`,
    next: 'run the same command again; with --verbose it shows where this comes from',
    cause: thrown,
  });
}

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? (thrown.stack ?? '') : `${thrown.stack ?? ''}\ncaused by ${stackOf(thrown.cause)}`;
}
