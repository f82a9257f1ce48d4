/** Whose turn it is: the release log of an operation, opened behind another run or ahead of everybody. */
import { CanaryError } from '../errors.ts';
import { holderOf, isGone } from './holder.ts';
import { fenceOff, requireFree } from './lock.ts';
import { type LogWriter, logWriter, readLog } from './log.ts';
import { type Pair, pairAt } from './model.ts';
import type { Release, Session } from './operations.ts';
import { contradicted, routeBack } from './refusals.ts';

/**
 * The log for several operations that are one run: it ends as soon as somebody else writes there.
 * @throws CanaryError `locked` while another run is at work.
 */
export async function beginRun(release: Release): Promise<LogWriter> {
  return inTurn(release, pairAt(release.place));
}

/** The log of an operation that is to go forward: another run that is at work has its turn first. */
export async function takeTurn(release: Release): Promise<LogWriter> {
  // What another run left when it took the pair meanwhile is nothing to plan from.
  await release.log?.ensureNewest();
  return release.log ?? inTurn(release, pairAt(release.place));
}

/** Looks once more, after all was read that a plan is made from: what another run did meanwhile is its own, and no drift. */
export async function requireTurn({ dryRun }: Session, log: LogWriter): Promise<void> {
  if (!dryRun) await log.ensureNewest();
}

/** Ends what a run that died on this machine left open, for a run that found nothing to do and so writes no entry of its own. */
export async function leaveFree({ aws, author, place, wait }: Release): Promise<void> {
  const pair = pairAt(place);
  try {
    const holder = holderOf(await readLog(aws.parameters, pair), Date.now(), author);
    if (holder && isGone(holder, author)) await fenceOff(holder, { parameters: aws.parameters, pair, author, wait: wait() });
  } catch {
    // Bookkeeping only: the next run finds out by itself that nobody is there.
  }
}

/** The log of the emergency exit, which waits for nobody. */
export function goAhead(release: Release): LogWriter {
  return release.log ?? ahead(release, pairAt(release.place));
}

/** As `takeTurn`, for any two target groups. */
export async function inTurn(session: Session, pair: Pair, { byArn = false } = {}): Promise<LogWriter> {
  const { aws, author, progress, dryRun } = session;
  // What is only to be shown can be shown beside a run at work.
  if (dryRun) return ahead(session, pair);
  const newest = await requireFree({ parameters: aws.parameters, pair, author, wait: session.wait(), progress, byArn });
  if (newest === undefined) throw await unreadable(session, pair, byArn);
  return ahead(session, pair, newest);
}

/** What keeps a run from AWS is said as it is; a log that is there and says nothing leaves it unknown who owns production. */
async function unreadable({ aws }: Session, pair: Pair, byArn: boolean): Promise<unknown> {
  const error = await readLog(aws.parameters, pair).then(() => undefined, (thrown: unknown) => thrown);
  const damaged = error === undefined || (error instanceof CanaryError && error.code === 'log-damaged');
  return damaged ? contradicted('the release log cannot be read', routeBack(byArn ? pair : undefined)) : error;
}

/**
 * As `goAhead`, for any two target groups.
 * @param newest number of the entry after which the run takes the pair; the emergency exit finds that out when it does.
 */
export function ahead({ aws, author, wait }: Session, pair: Pair, newest = 0): LogWriter {
  return logWriter(aws.parameters, pair, author, newest, wait().clock);
}
