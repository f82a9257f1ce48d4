/** Writing rules: fresh read before each write, read-back after, undone on the way up, retried on the way back. */
import { isDeepStrictEqual } from 'node:util';
import type { ListenerRule } from '../aws/elbv2.ts';
import { briefly } from '../aws/throttling.ts';
import { CanaryError, ExitCode, isInterruption, messageOf } from '../errors.ts';
import { poll } from '../time.ts';
import type { Run } from './apply.ts';
import { isLocked, readLog } from './log.ts';
import { type Pair, nameOf, share, splits } from './model.ts';
import { freshRules } from './observe.ts';
import type { SetWeights } from './step.ts';
import { WRITE, writeInTurn } from './write-in-turn.ts';

/** ARNs of the rules that were really changed. */
export type Modified = readonly string[];

/** ms that AWS gets to answer with the weights that it took. */
const READ_BACK = 30_000;

/** Writes the rules in turn; whatever fails takes back what was written. */
export async function writeUp(rules: readonly ListenerRule[], step: SetWeights, run: Run): Promise<Modified> {
  const touched: ListenerRule[] = [];
  const taken = new Set<string>();
  let at: ListenerRule | undefined;
  try {
    for (const rule of rules) {
      at = rule;
      await writeInTurn(run, async () => {
        const fresh = await freshRule(rule, step, run);
        if (!fresh) throw new CanaryError({ code: 'rule-changed', message: `Listener rule ${rule.arn} does not carry the pair any more.` });
        const right = splits(fresh, step.pair, step.percent);
        if (right && !step.doubtful.includes(rule.arn)) return;
        // Before the answer: a write whose answer is lost may have taken effect.
        if (!touched.some(({ arn }) => arn === fresh.arn)) touched.push(fresh);
        await run.aws.loadBalancing.setWeights(fresh, weights(step.pair, step.percent));
        taken.add(fresh.arn);
      });
    }
    at = undefined;
    await confirm(rules, step, run);
    return touched.filter((rule) => !splits(rule, step.pair, step.percent)).map(({ arn }) => arn);
  } catch (error) {
    if (isLocked(error)) throw await yielded(touched, step, run, error);
    if (touched.length === 0) throw error;
    const where = at ? ` in ${nameOf(at)}` : '';
    throw await undo(touched, taken, step, run, { cause: error, where }).catch(yieldIfLocked(() => touched, step, run));
  }
}

interface Failure {
  readonly cause: unknown;
  /** The rule at which it happened, in words; empty for reading all of them back. */
  readonly where: string;
}

/**
 * @param taken ARNs of the touched rules whose write AWS answered: a read may be older than that, so they are written in any case.
 * @returns the error to throw: what happened, and whether all rules are as they were.
 */
async function undo(touched: readonly ListenerRule[], taken: Set<string>, step: SetWeights, run: Run, { cause, where }: Failure): Promise<unknown> {
  let moved = false;
  const stuck = await untilDeadline(touched.toReversed(), run, async (before) => {
    // A log that cannot be read is no reason to leave the users between two weights.
    await run.log.ensureNewest().catch(failedUnlessLocked);
    const fresh = await freshRule(before, step, run);
    if (!fresh || (!taken.has(before.arn) && sameWeights(fresh, before))) return true;
    moved = true;
    await briefly(WRITE, () => run.aws.loadBalancing.setWeights(fresh, originalWeights(before)));
    taken.delete(before.arn);
    return false;
  });
  const message = `The weights could not be set${where}: ${messageOf(cause)}`;
  if (stuck.length > 0) return cannotPutRight(message, stuck, step, run);
  // Whoever stopped it is told so, and not that it failed.
  if (!moved && isInterruption(cause)) return cause;
  return new CanaryError({
    code: moved ? 'undone' : 'not-written',
    message,
    exitCode: moved ? ExitCode.rolledBack : ExitCode.failed,
    usersAre: `on the weights they had before: ${moved ? 'what was written was put back' : 'nothing was changed'}.`,
    next: cause instanceof CanaryError ? cause.next : undefined,
    cause,
  });
}

/** What moved stays moved, and the rest is tried again until the deadline. */
export async function writeDown(rules: readonly ListenerRule[], step: SetWeights, run: Run): Promise<Modified> {
  const modified = new Set<string>();
  const touched = new Map<string, ListenerRule>();
  const doubtful = new Set(step.doubtful);
  const stuck = await untilDeadline(rules, run, async (rule) => {
    // Also on the emergency exit: whoever took the pair after it knows better. A log that can't be read stops nobody.
    await run.log.ensureNewest().catch(failedUnlessLocked);
    const fresh = await freshRule(rule, step, run);
    if (!fresh) {
      run.progress({ type: 'hazard', text: `Listener rule ${nameOf(rule)} does not carry the pair any more and was left alone.` });
      return true;
    }
    const right = splits(fresh, step.pair, step.percent);
    if (right && !doubtful.has(rule.arn)) return true;
    if (!right) modified.add(rule.arn);
    touched.set(rule.arn, fresh);
    await briefly(WRITE, () => run.aws.loadBalancing.setWeights(fresh, weights(step.pair, step.percent)));
    doubtful.delete(rule.arn);
    return false;
  }).catch(yieldIfLocked(() => [...touched.values()], step, run));
  if (stuck.length > 0) throw await cannotPutRight('Not all traffic could be moved.', stuck, step, run);
  return [...modified];
}

/**
 * Another run took the pair: its undo or ours would only fight. But a last write of ours may have come after its own, so
 * that an emergency exit gets what it asked for in the rules that we touched.
 * @returns the error that said so.
 */
export async function yielded(touched: readonly ListenerRule[], { pair }: Pick<SetWeights, 'pair'>, run: Run, locked: unknown): Promise<unknown> {
  const newest = await readLog(run.aws.parameters, pair).then((log) => log.at(-1), () => undefined);
  if (newest?.percent !== 0) return locked;
  const theirs: Pair = newest.primary === pair.primary ? pair : { primary: pair.canary, canary: pair.primary };
  const meant = touched.filter(({ arn }) => newest.scope?.includes(arn) ?? true);
  await untilDeadline(meant, { ...run, wait: { ...run.wait, deadline: run.wait.clock.now() } }, async (rule) => {
    const [fresh] = await freshRules(run.aws, [rule.arn], theirs);
    if (!fresh || splits(fresh, theirs, 0)) return true;
    await briefly(WRITE, () => run.aws.loadBalancing.setWeights(fresh, weights(theirs, 0)));
    return false;
  });
  return locked;
}

function yieldIfLocked(touched: () => readonly ListenerRule[], step: SetWeights, run: Run) {
  return async (error: unknown): Promise<never> => {
    throw isLocked(error) ? await yielded(touched(), step, run, error) : error;
  };
}

/**
 * Tries every rule until `attempt` reads the right weights there; one that fails holds up no other. Even a late run gets the
 * time to read back.
 * @returns the rules that are still wrong at the deadline.
 * @throws CanaryError `locked` as soon as an attempt does.
 */
async function untilDeadline(
  rules: readonly ListenerRule[],
  run: Run,
  attempt: (rule: ListenerRule) => Promise<boolean>,
): Promise<readonly ListenerRule[]> {
  const { clock, pollInterval } = run.wait;
  const deadline = Math.max(run.wait.deadline, clock.now() + READ_BACK);
  let wrong = rules;
  for (let pause = 50; ; pause = Math.min(2 * pause, pollInterval)) {
    const still: ListenerRule[] = [];
    for (const rule of wrong) {
      if (!(await attempt(rule).catch(failedUnlessLocked))) still.push(rule);
    }
    wrong = still;
    if (wrong.length === 0 || clock.now() >= deadline) return wrong;
    await clock.sleep(pause);
  }
}

/** Whatever it was that failed: another attempt is the best that can be done for the users. */
export function failedUnlessLocked(error: unknown): false {
  if (isLocked(error)) throw error;
  return false;
}

async function confirm(rules: readonly ListenerRule[], step: SetWeights, run: Run): Promise<void> {
  const wait = { ...run.wait, signal: new AbortController().signal, deadline: run.wait.clock.now() + READ_BACK };
  await poll('the rules to be read back with their new weights', wait, async () => {
    await run.log.ensureNewest();
    const fresh = await freshRules(run.aws, arnsOf(rules), step.pair);
    return rules.every(({ arn }) => fresh.some((rule) => rule.arn === arn && splits(rule, step.pair, step.percent))) ? true : undefined;
  });
}

/** The rule as it is now, as long as it still carries the pair. */
async function freshRule({ arn }: ListenerRule, { pair }: SetWeights, { aws }: Run): Promise<ListenerRule | undefined> {
  return (await freshRules(aws, [arn], pair))[0];
}

export function arnsOf(rules: readonly ListenerRule[]): string[] {
  return rules.map(({ arn }) => arn);
}

function weights(pair: Pair, percent: number): ReadonlyMap<string, number> {
  return new Map([
    [pair.primary, 100 - percent],
    [pair.canary, percent],
  ]);
}

/** Ratios will not do: weights of 0 and 0 have none. */
function sameWeights(one: ListenerRule, other: ListenerRule): boolean {
  return isDeepStrictEqual(one.forward, other.forward);
}

function originalWeights(rule: ListenerRule): ReadonlyMap<string, number> {
  return new Map((rule.forward ?? []).map(({ arn, weight }) => [arn, weight]));
}

async function cannotPutRight(what: string, stuck: readonly ListenerRule[], { pair }: SetWeights, { aws }: Run): Promise<CanaryError> {
  const now = await freshRules(aws, arnsOf(stuck), pair).catch(() => []);
  const lines = stuck.map((rule) => {
    const fresh = now.find(({ arn }) => arn === rule.arn);
    return `  ${nameOf(rule)}: ${fresh ? `${Math.round(share(fresh, pair.canary))}% to ${pair.canary}` : 'its weights cannot be read'}`;
  });
  return new CanaryError({
    code: 'stuck',
    message: `${what}\nThese listener rules still have the wrong weights:\n${lines.join('\n')}`,
    exitCode: ExitCode.stuck,
    usersAre: 'partly on the version that they should not be on.',
  });
}
