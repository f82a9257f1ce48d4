/** The release log in the parameter store: append-only, one path per pair, and the only lock there is. */
import { createHash } from 'node:crypto';
import type { Parameters } from '../aws/ssm.ts';
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { type LogEntry, type NewEntry, VALUE_LIMIT, parse, serialize } from './log-entry.ts';
import type { Pair } from './model.ts';

/** Older entries are removed; what a rollback needs is always in the newest ones. */
const KEPT = 20;

/** Where the entries of two target groups are, whichever of them is the primary. */
export function logPath(pair: Pair): string {
  const key = createHash('sha256').update([pair.primary, pair.canary].toSorted().join('\n')).digest('hex');
  return `/ecs-canary/${key.slice(0, 32)}`;
}

/**
 * All entries, oldest first; a damaged one is left out.
 * @throws CanaryError `log-damaged` when it is the newest one, which alone says who owns production.
 */
export async function readLog(parameters: Parameters, pair: Pair): Promise<LogEntry[]> {
  const found = await parameters.list(logPath(pair));
  const entries = found.filter(({ name }) => numberOf(name) > 0).flatMap(({ name, value }) => parse(numberOf(name), value) ?? []).toSorted((a, b) => a.number - b.number);
  if ((entries.at(-1)?.number ?? 0) !== newestOf(found)) {
    throw new CanaryError({ code: 'log-damaged', message: 'The newest entry of the release log cannot be read; a newer ecs-canary may have written it.' });
  }
  return entries;
}

/** 0 for a name that is none of ours. */
function numberOf(name: string): number {
  const last = name.slice(name.lastIndexOf('/') + 1);
  return /^[1-9]\d{0,8}$/.test(last) ? Number(last) : 0;
}

/** 0 for an empty log. */
function newestOf(found: readonly { readonly name: string }[]): number {
  return Math.max(0, ...found.map(({ name }) => numberOf(name)));
}

/** The log as one run writes it. */
export interface LogWriter {
  /**
   * Makes the entry durable; the pair is this run's from then on.
   * @throws CanaryError `locked` (exit 6) when another run wrote since the log was read; `entry-too-large` before anything
   *   moved.
   */
  append(entry: NewEntry): Promise<void>;
  /**
   * Makes the entry durable whatever others wrote meanwhile: the way of the emergency exit.
   * @returns a warning when it could not be written.
   */
  takeOver(entry: NewEntry): Promise<string | undefined>;
  /** @throws CanaryError `locked` when another run wrote since this one last did. */
  ensureNewest(): Promise<void>;
}

export interface Author {
  /** Who runs the command, and where. */
  readonly by: string;
  readonly command: string;
}

/** @param newest number of the newest entry that this run knows of; 0 for an empty log. */
export function logWriter(parameters: Parameters, pair: Pair, author: Author, newest: number): LogWriter {
  const path = logPath(pair);
  let known = newest;

  async function create(entry: NewEntry): Promise<boolean> {
    const full: LogEntry = { ...entry, ...author, number: known + 1, at: new Date().toISOString() };
    const text = serialize(full);
    if (Buffer.byteLength(text) > VALUE_LIMIT) {
      throw new CanaryError({
        code: 'entry-too-large',
        message: `The pair stands in ${Object.keys(entry.before).length} listener rules: more than one entry of the release log can hold.`,
        usersAre: 'on the weights they had before; nothing was changed.',
      });
    }
    const name = `${path}/${full.number}`;
    const created = (await parameters.create(name, text, 'ecs-canary release log')) || (await holds(name, text));
    if (created) known = full.number;
    return created;
  }

  /** When an answer is lost, the SDK asks again and is told that the entry exists: it is this run's own. */
  async function holds(name: string, text: string): Promise<boolean> {
    return (await parameters.list(path)).some((found) => found.name === name && found.value === text);
  }

  /** The newest entry, as far as it can be read, when it is not this run's. */
  async function newer(): Promise<{ number: number; entry: LogEntry | undefined } | undefined> {
    const found = await parameters.list(path);
    const number = newestOf(found);
    if (number <= known) return undefined;
    const value = found.find(({ name }) => numberOf(name) === number)?.value;
    return { number, entry: value === undefined ? undefined : parse(number, value) };
  }

  /** Bookkeeping only: whatever goes wrong here is no reason to stop a release. */
  async function prune(): Promise<void> {
    if (known <= KEPT) return;
    const oldest = Array.from({ length: Math.min(10, known - KEPT) }, (_, index) => `${path}/${known - KEPT - index}`);
    await parameters.remove(oldest).catch(() => undefined);
  }

  return {
    async append(entry) {
      if (!(await create(entry))) throw locked((await newer())?.entry);
      await prune();
    },

    async takeOver(entry) {
      try {
        // Looked up first, because pruned numbers below the newest one are free again.
        known = (await newer())?.number ?? known;
        while (!(await create(entry))) known = (await newer())?.number ?? known + 1;
        return undefined;
      } catch (error) {
        return `The release log could not be written: ${messageOf(error)}`;
      }
    },

    async ensureNewest() {
      const found = await newer();
      if (found) throw locked(found.entry);
    },
  };
}

/** Whether an error says that another run has the pair. */
export function isLocked(error: unknown): boolean {
  return error instanceof CanaryError && error.exitCode === ExitCode.locked;
}

function locked(holder: LogEntry | undefined): CanaryError {
  const who = holder ? `${holder.by} holds it with "${holder.command}" since ${holder.at}` : 'another run holds it';
  return new CanaryError({
    code: 'locked',
    message: `Another run is changing this pair: ${who}.`,
    exitCode: ExitCode.locked,
    next: 'wait for it to end, then run the same command again',
  });
}
