/** Writing weights: fresh read before each write, read-back after, undone on the way up, retried on the way back. */
import type { Aws } from '../aws/aws.ts';
import type { ListenerRule } from '../aws/elbv2.ts';
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { formatDuration } from '../settings/duration.ts';
import { poll } from '../time.ts';
import type { Run } from './apply.ts';
import { isLocked } from './log.ts';
import { type Pair, type Traffic, share, splits } from './model.ts';
import { holdsExactly, observeTraffic } from './observe.ts';
import { whyNoRules, whyNotReturn, whyNotWeight } from './safety.ts';
import type { SetWeights, Settle } from './step.ts';

/** ARNs of the rules that were really changed. */
export type Modified = readonly string[];

/** ms that AWS gets to answer with the weights that it took. */
const READ_BACK = 30_000;

/**
 * Gives the pair's canary its percentage in every rule that carries the pair, one rule after the other, and reads it back.
 * On the way up what was written is undone when the rest fails. On the way down what moved stays moved, and each rule is
 * tried again until the deadline. The way to 0 asks nobody; every other one stops when another run has taken the pair.
 * @throws CanaryError, exit 1: nothing was written; 3: what was written is undone; 5: the rules listed could not be put
 *   right; 6: another run has the pair. A change that has begun is not interrupted by a signal.
 */
export async function setWeights(step: SetWeights, run: Run): Promise<Modified> {
  const { pair, percent } = step;
  const traffic = percent === 0 ? await insist(step, run) : await observeTraffic(run.aws, pair);
  const up = traffic.rules.some((rule) => share(rule, pair.canary) < percent);
  const down = traffic.rules.some((rule) => share(rule, pair.canary) > percent);
  const reason =
    whyNoRules(traffic, pair) ??
    (up ? whyNotWeight(traffic, pair.canary, percent, step.tasks) : undefined) ??
    (down && !step.force ? whyNotReturn(traffic, pair.primary) : undefined);
  if (reason) {
    throw new CanaryError({ code: 'not-safe', message: `The weights were not changed: ${reason}.` });
  }
  run.progress({ type: 'route-updating' });
  const modified = up ? await writeUp(traffic.rules, step, run) : await writeDown(traffic.rules, step, run);
  run.progress({ type: 'route-updated', percent: step.newVersionPercent });
  run.progress({ type: 'rules-modified', count: modified.length });
  return modified;
}

/** The emergency exit does not give up because a look failed. */
function insist({ pair }: SetWeights, run: Run): Promise<Traffic> {
  return poll('the listener rules to be read', run.wait, async () => {
    try {
      return await observeTraffic(run.aws, pair);
    } catch (error) {
      if (error instanceof CanaryError && error.code !== 'no-network') throw error;
      return undefined;
    }
  });
}

/**
 * Waits, then looks whether the weights are still what they were set to; see `Settle`.
 * @throws CanaryError `locked` when another run has taken the pair meanwhile, on any way but the emergency exit.
 */
export async function settle({ ms, after }: Settle, run: Run): Promise<void> {
  const { clock, signal } = run.wait;
  if (ms > 0) run.progress({ type: 'pause', text: `Letting the weights take effect for ${formatDuration(ms)}` });
  if (after?.percent === 0) return keepWeights(after, clock.now() + ms, run);
  await clock.sleep(ms, signal);
  if (!after) return;
  await run.log.ensureNewest();
  const { rules } = await observeTraffic(run.aws, after.pair);
  for (const { arn } of rules.filter((rule) => !splits(rule, after.pair, after.percent))) {
    run.progress({ type: 'warning', text: `Somebody else changed the weights of ${arn} meanwhile.` });
  }
}

/**
 * The end of the emergency exit: what a run that was taken over writes late is put right again. Whoever wrote a newer log
 * entry decides about the weights from then on.
 */
async function keepWeights(step: SetWeights, end: number, run: Run): Promise<void> {
  const { clock, signal, pollInterval } = run.wait;
  do {
    await clock.sleep(Math.min(pollInterval, Math.max(0, end - clock.now())), signal);
    try {
      await run.log.ensureNewest().catch(failedUnlessLocked);
      const { rules } = await observeTraffic(run.aws, step.pair);
      const put = await writeDown(rules, step, run);
      for (const arn of put) run.progress({ type: 'warning', text: `Another run had changed ${arn}: its weights were put right again.` });
    } catch (error) {
      if (error instanceof CanaryError && error.exitCode === ExitCode.stuck) throw error;
      if (!isLocked(error)) continue; // All weights were right before: a look that fails is no failure.
      run.progress({ type: 'warning', text: `${messageOf(error)} Its weights are left as they are.` });
      return;
    }
  } while (clock.now() < end);
}

async function writeUp(rules: readonly ListenerRule[], step: SetWeights, run: Run): Promise<Modified> {
  const touched: ListenerRule[] = [];
  const taken = new Set<string>();
  try {
    for (const rule of rules) {
      await run.log.ensureNewest();
      const fresh = await freshRule(run.aws, rule, step.pair);
      if (!fresh) throw new CanaryError({ code: 'rule-changed', message: `Listener rule ${rule.arn} does not carry the pair any more.` });
      if (splits(fresh, step.pair, step.percent)) continue;
      // Before the answer: a write whose answer is lost may have taken effect.
      touched.push(fresh);
      await run.aws.loadBalancing.setWeights(fresh, weights(step.pair, step.percent));
      taken.add(fresh.arn);
    }
    await confirm(rules, step, run);
    return touched.map(({ arn }) => arn);
  } catch (error) {
    // Whoever took the pair over decides about its weights now: an undo would write over theirs.
    throw isLocked(error) || touched.length === 0 ? error : await undo(touched, taken, step, run, error);
  }
}

/**
 * @param taken ARNs of the touched rules whose write AWS answered: a read may be older than that, so they are written in any case.
 * @returns the error to throw: what happened, and whether all rules are as they were.
 */
async function undo(touched: readonly ListenerRule[], taken: Set<string>, step: SetWeights, run: Run, cause: unknown): Promise<unknown> {
  let moved = false;
  const stuck = await untilDeadline(touched.toReversed(), run, async (before) => {
    // A log that cannot be read is no reason to leave the users between two weights.
    await run.log.ensureNewest().catch(failedUnlessLocked);
    const fresh = await freshRule(run.aws, before, step.pair);
    if (!fresh || (!taken.has(before.arn) && splits(fresh, step.pair, share(before, step.pair.canary)))) return true;
    moved = true;
    await run.aws.loadBalancing.setWeights(fresh, originalWeights(before));
    taken.delete(before.arn);
    return false;
  });
  const message = `The weights could not be set: ${messageOf(cause)}`;
  if (stuck.length > 0) return cannotPutRight(message, stuck, step.pair, run.aws);
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
async function writeDown(rules: readonly ListenerRule[], step: SetWeights, run: Run): Promise<Modified> {
  const modified = new Set<string>();
  const stuck = await untilDeadline(rules, run, async (rule) => {
    if (step.percent > 0) await run.log.ensureNewest().catch(failedUnlessLocked);
    const fresh = await freshRule(run.aws, rule, step.pair);
    if (!fresh || splits(fresh, step.pair, step.percent)) return true;
    modified.add(rule.arn);
    await run.aws.loadBalancing.setWeights(fresh, weights(step.pair, step.percent));
    return false;
  });
  if (stuck.length > 0) throw await cannotPutRight('Not all traffic could be moved.', stuck, step.pair, run.aws);
  return [...modified];
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
function failedUnlessLocked(error: unknown): false {
  if (isLocked(error)) throw error;
  return false;
}

async function confirm(rules: readonly ListenerRule[], step: SetWeights, run: Run): Promise<void> {
  const wait = { ...run.wait, signal: new AbortController().signal, deadline: run.wait.clock.now() + READ_BACK };
  for (const rule of rules) {
    await poll(`${rule.arn} to be read back with its new weights`, wait, async () => {
      await run.log.ensureNewest();
      const fresh = await freshRule(run.aws, rule, step.pair);
      return fresh && splits(fresh, step.pair, step.percent) ? true : undefined;
    });
  }
}

/** The rule as it is now, as long as it still carries the pair. */
async function freshRule(aws: Aws, rule: ListenerRule, pair: Pair): Promise<ListenerRule | undefined> {
  const fresh = await aws.loadBalancing.freshRule(rule);
  return fresh && holdsExactly(fresh, pair) ? fresh : undefined;
}

function weights(pair: Pair, percent: number): ReadonlyMap<string, number> {
  return new Map([
    [pair.primary, 100 - percent],
    [pair.canary, percent],
  ]);
}

function originalWeights(rule: ListenerRule): ReadonlyMap<string, number> {
  return new Map((rule.forward ?? []).map(({ arn, weight }) => [arn, weight]));
}

async function cannotPutRight(what: string, stuck: readonly ListenerRule[], pair: Pair, aws: Aws): Promise<CanaryError> {
  const now = await observeTraffic(aws, pair).then(({ rules }) => rules, () => []);
  const lines = stuck.map(({ arn }) => {
    const rule = now.find((candidate) => candidate.arn === arn);
    return `  ${arn}: ${rule ? `${Math.round(share(rule, pair.canary))}% to ${pair.canary}` : 'its weights cannot be read'}`;
  });
  return new CanaryError({
    code: 'stuck',
    message: `${what}\nThese listener rules still have the wrong weights:\n${lines.join('\n')}`,
    exitCode: ExitCode.stuck,
    usersAre: 'partly on the version that they should not be on.',
  });
}
