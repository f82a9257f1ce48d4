/** One run at a time: whoever finds the pair held is refused, unless the holder was cut off. */
import type { Parameters } from '../aws/ssm.ts';
import { CanaryError, ExitCode } from '../errors.ts';
import { isRunning } from '../process.ts';
import type { Progress } from '../progress/events.ts';
import { type Wait, poll } from '../time.ts';
import { LEASE, type LastRun, holderOf, holds, isOnMachineOf } from './holder.ts';
import { type Author, logWriter, readLog } from './log.ts';
import { type LogEntry, factsOf } from './log-entry.ts';
import type { Pair } from './model.ts';
import { groupFlags, routeBack } from './refusals.ts';

export interface Request {
  readonly parameters: Parameters;
  readonly pair: Pair;
  readonly author: Author;
  readonly wait: Wait;
  readonly progress: Progress;
  /** The pair belongs to no project: the commands to type next name its two groups. */
  readonly byArn?: boolean;
}

/**
 * Looks whether somebody holds the pair; asked before anything else by every command but the emergency exit. A holder on this
 * machine is there or it is not; one elsewhere is watched until it was silent for `LEASE`.
 * @returns number of the newest entry of the log that was looked at: what a run may take the pair after. Undefined when the
 *   log cannot be read, which the caller then judges.
 * @throws CanaryError `locked` (exit 6), with who holds it, with what and since when.
 */
export async function requireFree(request: Request): Promise<number | undefined> {
  const entries = await readable(request);
  const holder = entries && holderOf(entries, Date.now(), request.author);
  if (!holder) return entries && newestOf(entries);
  const there = holder.newest.holder;
  if (!isOnMachineOf(request.author, there)) return outwait(holder, request);
  if (isRunning(there)) throw refusal(holder, request);
  return holder.newest.number;
}

/** Who holds a pair, and, where that is known, whether its process still runs. */
export function described(holder: LastRun, author: Author): string {
  const { holder: there, renewed } = holder.newest;
  if (!isOnMachineOf(author, there)) return `${holds(holder)}, last heard of at ${renewed}`;
  return `${holds(holder)}; its process ${there.pid} on this machine ${isRunning(there) ? 'still runs' : 'is gone'}`;
}

/**
 * Takes the pair from its holder for good: the log says the same as before, and nobody holds it. The holder, if it lives,
 * stops before its next write.
 * @throws CanaryError `locked` when it wrote another entry meanwhile.
 */
export async function fenceOff({ newest }: LastRun, { parameters, pair, author, wait }: Omit<Request, 'progress'>): Promise<void> {
  await logWriter(parameters, pair, author, newest.number, wait.clock).appendEnded(factsOf(newest));
}

/**
 * A look that fails says nothing, least of all that the holder is silent: what keeps this run from reading the log may keep
 * the holder from renewing its entry. So the lease begins again after it.
 * @returns once the holder has ended, or has let the lease pass without a sign of life.
 */
async function outwait(holder: LastRun, request: Request): Promise<number | undefined> {
  const { wait, progress } = request;
  let same = { readable: true, since: wait.clock.now() };
  progress({ type: 'waiting', text: `${holds(holder)}; looking whether it is still at work` });
  // Ends by itself: a deadline passed before the lease is a refusal, not a timeout.
  const { newest } = await poll('the holder of the pair', { ...wait, deadline: Infinity }, async () => {
    const now = wait.clock.now();
    const entries = await readable(request);
    if (entries && !isUnchanged(entries, holder.newest)) {
      const living = holderOf(entries, Date.now(), request.author);
      if (living) throw refusal(living, request);
      return { newest: newestOf(entries) };
    }
    const isReadable = entries !== undefined;
    if (isReadable !== same.readable) same = { readable: isReadable, since: wait.clock.now() };
    const late = now >= wait.deadline;
    if (now - same.since >= LEASE || (late && !isReadable)) return { newest: entries && holder.newest.number };
    if (late) throw refusal(holder, request);
    return undefined;
  });
  return newest;
}

function isUnchanged(entries: readonly LogEntry[], { number, renewed, ended }: LogEntry): boolean {
  const newest = entries.at(-1);
  return newest?.number === number && newest.renewed === renewed && newest.ended === ended;
}

async function readable({ parameters, pair }: Request): Promise<readonly LogEntry[] | undefined> {
  try {
    return await readLog(parameters, pair);
  } catch {
    return undefined;
  }
}

function newestOf(entries: readonly LogEntry[]): number {
  return entries.at(-1)?.number ?? 0;
}

function refusal(holder: LastRun, { pair, author, byArn }: Request): CanaryError {
  const groups = groupFlags(byArn ? pair : undefined);
  const emergency = byArn ? routeBack(pair) : 'ecs-canary rollback';
  return new CanaryError({
    code: 'locked',
    message: `${described(holder, author)}.`,
    exitCode: ExitCode.locked,
    next: `wait for it to end; if it is dead for certain: ecs-canary unlock${groups}; in an emergency ${emergency} goes ahead of it`,
  });
}
