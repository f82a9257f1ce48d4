/** The one family of errors: what happened, what state users are in, what to type next, and the exit code. */

/** Exit codes, in the words of the contract: the state of the users comes first. */
export const ExitCode = {
  done: 0,
  /** Failed; traffic is where it was before. */
  failed: 1,
  /** Wrong usage or configuration; nothing was tried. */
  usage: 2,
  /** A command that was to go forward went back by itself; users are safe. */
  rolledBack: 3,
  /** Paused, inconclusive or timed out while the canary has weight. */
  paused: 4,
  /** Traffic could not be put back: act now. */
  stuck: 5,
  locked: 6,
  /** A wait timed out with the weights as before the run. */
  timeout: 124,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface ErrorDetails {
  /** Stable, for scripts: `no-canary`, `image-not-found`, … */
  code: string;
  /** What happened, in one or more plain sentences. */
  message: string;
  exitCode?: ExitCode;
  /** What state users of the service are in; omitted where nothing about it was looked at. */
  usersAre?: string;
  /** The command to type next. */
  next?: string;
  cause?: unknown;
}

/** State of users when nothing was written. */
export const UNCHANGED = 'where they were before; nothing was changed.';

/** An error that is shown to the user as it is. Anything else that is thrown is a defect of ours. */
export class CanaryError extends Error {
  override readonly name = 'CanaryError';
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly usersAre: string | undefined;
  readonly next: string | undefined;

  constructor({ code, message, exitCode = ExitCode.failed, usersAre, next, cause }: ErrorDetails) {
    super(message, { cause });
    this.code = code;
    this.exitCode = exitCode;
    this.usersAre = usersAre;
    this.next = next;
  }

  /** The same error with what only its caller knows: the state of users, a worse exit code, another next command. */
  with(details: Partial<ErrorDetails>): CanaryError {
    const { code, message, exitCode, usersAre, next, cause } = this;
    return new CanaryError({ code, message, exitCode, usersAre, next, cause, ...details });
  }
}

/** Whether somebody ended the work, and nothing was wrong with it. */
export function isInterruption(error: unknown): error is CanaryError {
  return error instanceof CanaryError && error.exitCode === ExitCode.interrupted;
}

/** `ENOENT` and the like, of an error of the operating system; undefined for what has no code. */
export function systemCode(thrown: unknown): unknown {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
}

/** What a thrown value says: anything can be thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Wrong usage or configuration: exit 2, nothing was tried. */
export function usageError(message: string, next?: string): CanaryError {
  return new CanaryError({ code: 'usage', message, exitCode: ExitCode.usage, next });
}
