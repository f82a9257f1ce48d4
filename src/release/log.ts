/** The release log in the parameter store: one path per pair, append-only, and the only lock there is. */
import { createHash } from 'node:crypto';
import type { Parameter, Parameters } from '../aws/ssm.ts';
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import type { Clock } from '../time.ts';
import { BEAT, lastRun, mayBeAtWork } from './holder.ts';
import { type Facts, type LogEntry, type NewEntry, type Process, VALUE_LIMIT, parse, serialize } from './log-entry.ts';
import type { Pair } from './model.ts';

/** The log as one run writes it. */
export interface LogWriter {
  /**
   * Makes the entry durable; the pair is this run's from then on.
   * @throws CanaryError `locked` (exit 6) when another run wrote since the log was read; `entry-too-large` before anything
   *   moved.
   */
  append(entry: NewEntry): Promise<void>;
  /** The same for an entry that takes the pair from everybody and holds nothing itself: what it says was true before. */
  appendEnded(entry: Facts): Promise<void>;
  /** Makes the entry durable whatever others wrote meanwhile: the way of the emergency exit, which it never stops. */
  takeOver(entry: NewEntry): Promise<TakenOver>;
  /**
   * Looks for a newer entry, and now and then tells others that this run is alive: to be called before each write, and at
   * each look of a wait.
   * @throws CanaryError `locked` when another run wrote since this one last did; what AWS answered when that cannot be told.
   *   After a `takeOver` only the former, and nothing where the entry could not be written; it looks no more then, as soon as
   *   a look failed.
   */
  ensureNewest(): Promise<void>;
  /**
   * Notes in this run's newest entry that the weights it announced were read back. Never throws: whoever does not know it
   * reckons with the weights from before, too.
   */
  reached(): Promise<void>;
  /** This run's newest entry, as long as it wants the pair: what it did last is known there, also when AWS says nothing any more. */
  own(): LogEntry | undefined;
  /** Whether a `takeOver` went ahead of a run that may still be at work, or could not tell. */
  overtook(): boolean;
  /** Gives the pair back, as far as this run still has it. Never throws: a run that falls silent loses the pair anyway. */
  release(): Promise<void>;
}

export interface TakenOver {
  /** Why the entry could not be written. */
  readonly warning?: string;
  /** The newest entry of a run that may still be at work. */
  readonly takenFrom?: LogEntry;
}

/** Who writes an entry. */
export interface Author extends Process {
  /** For people: who runs the command, and where. */
  readonly by: string;
  readonly command: string;
}

/** Older entries are removed; what a rollback needs is always in the newest ones. */
const KEPT = 20;

const DESCRIPTION = 'ecs-canary release log';

/** Where the entries of two target groups are, whichever of them is the primary. */
export function logPath(pair: Pair): string {
  const key = createHash('sha256').update([pair.primary, pair.canary].toSorted().join('\n')).digest('hex');
  return `/ecs-canary/${key.slice(0, 32)}`;
}

/**
 * All entries, oldest first; one that is damaged, or about other target groups, is left out.
 * @throws CanaryError `log-damaged` when it is the newest one, which alone says who owns production.
 */
export async function readLog(parameters: Parameters, pair: Pair): Promise<LogEntry[]> {
  const found = await parameters.list(logPath(pair));
  const entries = entriesIn(found).filter((entry) => isAbout(entry, pair));
  if ((entries.at(-1)?.number ?? 0) !== newestIn(found)) {
    const message = 'The newest entry of the release log cannot be read, or is about other target groups; a newer ecs-canary may have written it.';
    throw new CanaryError({ code: 'log-damaged', message, next: 'ecs-canary route --canary 0   (writes a new entry past it)' });
  }
  return entries;
}

/** Number of a log's newest entry, whatever that says; 0 for an empty log. */
export async function newestNumber(parameters: Parameters, pair: Pair): Promise<number> {
  return newestIn(await parameters.list(logPath(pair)));
}

/**
 * @param newest number of the newest entry that this run knows of; 0 for an empty log.
 * @param clock tells when the next sign of life is due.
 */
export function logWriter(parameters: Parameters, pair: Pair, author: Author, newest: number, clock: Clock): LogWriter {
  const path = logPath(pair);
  const { by, command, host, pid, started } = author;
  let known = newest;
  /** This run's newest entry, as long as it wants the pair, and when others last heard of it. */
  let held: LogEntry | undefined;
  let heard = 0;
  /** Whether this run has put itself before all others. */
  let emergency = false;
  /** Whether that run looks no more: it has no entry that could be overtaken, or would be held up by a store that fails. */
  let blind = false;
  let overtook = false;
  let takenFrom: LogEntry | undefined;

  async function create(facts: Facts, { ended }: { ended: boolean }): Promise<boolean> {
    const now = clock.now();
    const at = new Date().toISOString();
    const holder = { host, pid, started };
    const entry: LogEntry = { ...facts, by, command, holder, number: known + 1, at, ...(ended ? { ended: at } : { renewed: at }) };
    const text = serialize(entry);
    if (Buffer.byteLength(text) > VALUE_LIMIT) throw tooLarge(entry);
    const name = `${path}/${entry.number}`;
    const created = (await parameters.create(name, text, DESCRIPTION)) || (await holds(name, text));
    if (!created) return false;
    known = entry.number;
    held = ended ? undefined : entry;
    heard = now;
    blind = false;
    return true;
  }

  /** When an answer is lost, the SDK asks again and is told that the entry exists: it is this run's own. */
  async function holds(name: string, text: string): Promise<boolean> {
    return (await parameters.get([name])).some(({ value }) => value === text);
  }

  /** Whatever number others have come to meanwhile. */
  async function createAfterAll(facts: NewEntry): Promise<void> {
    for (;;) {
      // Nobody can tell before the log was read.
      overtook = true;
      // Looked up first, because pruned numbers below the newest one are free again.
      const found = await parameters.list(path);
      const last = entryAt(found, newestIn(found));
      takenFrom = last && last.number !== held?.number && mayBeAtWork(last, Date.now(), author) ? last : undefined;
      overtook = takenFrom !== undefined;
      known = Math.max(known, newestIn(found));
      if (await create(facts, { ended: false })) return;
      known += 1;
    }
  }

  async function createOrRefuse(facts: Facts, options: { ended: boolean }): Promise<void> {
    emergency = false;
    // Pruned numbers are free again: what can be created is the next entry only as long as the one before is the newest.
    await requireNewest();
    if (!(await create(facts, options))) throw lockedBy(await parameters.list(path));
    await prune();
  }

  /** Bookkeeping only: whatever goes wrong here is no reason to stop a release. */
  async function prune(): Promise<void> {
    if (known <= KEPT) return;
    const oldest = Array.from({ length: Math.min(10, known - KEPT) }, (_, index) => `${path}/${known - KEPT - index}`);
    await parameters.remove(oldest).catch(() => undefined);
  }

  /** @returns whether the newest entry is the one that this run holds the pair with. */
  async function requireNewest(): Promise<boolean> {
    if (await isNewest()) return known === held?.number;
    const found = await parameters.list(path);
    if (newestIn(found) > known) throw lockedBy(found);
    return false;
  }

  /**
   * Tells by two entries of a log that may have many pages, since numbers follow each other: when the next one is missing,
   * it may also have been pruned already, but then the one before was, too.
   */
  async function isNewest(): Promise<boolean> {
    if (known === 0) return false;
    const found = await parameters.get([`${path}/${known}`, `${path}/${known + 1}`]);
    return found.length === 1 && newestIn(found) === known;
  }

  /** One that fails is no error: the next look tries again. */
  async function beat(entry: LogEntry): Promise<void> {
    const now = clock.now();
    try {
      await overwrite({ ...entry, renewed: new Date().toISOString() });
      heard = now;
    } catch (error) {
      goOnWithout(error);
    }
  }

  /** What failed once would hold the emergency exit up again. */
  function goOnWithout(error: unknown): void {
    blind ||= emergency && !isLocked(error);
  }

  async function look(): Promise<void> {
    const holding = await requireNewest();
    if (!holding || !held || clock.now() - heard < BEAT) return;
    await beat(held);
    // That may have taken its time, and the caller's next write must not be late.
    if (!blind) await requireNewest();
  }

  /** Only ever this run's own entry: everybody else's are read-only. */
  async function overwrite(entry: LogEntry): Promise<void> {
    await parameters.overwrite(`${path}/${entry.number}`, serialize(entry), DESCRIPTION);
  }

  return {
    append: (facts) => createOrRefuse(facts, { ended: false }),
    appendEnded: (facts) => createOrRefuse(facts, { ended: true }),

    async takeOver(facts) {
      emergency = true;
      for (let tries = 1; ; tries += 1) {
        try {
          await createAfterAll(facts);
          return { takenFrom };
        } catch (error) {
          // Once more what was denied; a store that does not answer is nothing to wait for here.
          if (tries === 1 && !(error instanceof CanaryError && error.code === 'no-network')) continue;
          blind = true;
          return { warning: `The release log could not be written: ${messageOf(error)}`, takenFrom };
        }
      }
    },

    async ensureNewest() {
      if (blind) return;
      try {
        await look();
      } catch (error) {
        goOnWithout(error);
        if (!blind) throw error;
      }
    },

    async reached() {
      if (!held || blind) return;
      held = { ...held, reached: true };
      try {
        if (await requireNewest()) await beat(held);
      } catch (error) {
        goOnWithout(error);
      }
    },

    own: () => held,

    overtook: () => overtook,

    async release() {
      const entry = held;
      if (!entry) return;
      try {
        if (await requireNewest()) await overwrite({ ...entry, renewed: undefined, ended: new Date().toISOString() });
      } catch {
        // Another run has the pair, or will see that this one has fallen silent.
      } finally {
        held = undefined;
      }
    },
  };
}

/** Whether an entry's groups are the pair's. */
function isAbout({ primary, other }: LogEntry, pair: Pair): boolean {
  const groups = [pair.primary, pair.canary];
  return groups.includes(primary) && (!other || groups.includes(other.targetGroup));
}

/** Whether an error says that another run has the pair. */
export function isLocked(error: unknown): boolean {
  return error instanceof CanaryError && error.exitCode === ExitCode.locked;
}

function entriesIn(found: readonly Parameter[]): LogEntry[] {
  return found.flatMap(({ name }) => entryAt(found, numberOf(name)) ?? []).toSorted((a, b) => a.number - b.number);
}

function entryAt(found: readonly Parameter[], number: number): LogEntry | undefined {
  const parameter = number > 0 ? found.find(({ name }) => numberOf(name) === number) : undefined;
  return parameter && parse(number, parameter.value);
}

/** 0 for an empty log. */
function newestIn(found: readonly Parameter[]): number {
  return Math.max(0, ...found.map(({ name }) => numberOf(name)));
}

/** 0 for a name that is none of ours. */
function numberOf(name: string): number {
  const last = name.slice(name.lastIndexOf('/') + 1);
  return /^[1-9]\d{0,8}$/.test(last) ? Number(last) : 0;
}

function lockedBy(found: readonly Parameter[]): CanaryError {
  const run = entryAt(found, newestIn(found)) && lastRun(entriesIn(found));
  const message = run?.newest.ended
    ? `Another run has taken this pair meanwhile: ${run.by} with "${run.command}" at ${run.newest.at}.`
    : `Another run is changing this pair${run ? `: ${run.by} holds it with "${run.command}" since ${run.since}` : ''}.`;
  return new CanaryError({ code: 'locked', message, exitCode: ExitCode.locked, next: 'wait for it to end, then run the same command again' });
}

function tooLarge({ before }: LogEntry): CanaryError {
  return new CanaryError({
    code: 'entry-too-large',
    message: `The pair stands in ${Object.keys(before).length} listener rules: more than one entry of the release log can hold.`,
    usersAre: 'on the weights they had before; nothing was changed.',
  });
}
