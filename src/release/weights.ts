/** Writing weights: fresh read before each write, read-back after, undone on the way up, retried on the way back. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { formatDuration } from '../settings/duration.ts';
import { poll } from '../time.ts';
import type { Run } from './apply.ts';
import { isLocked } from './log.ts';
import { describeFlow, observeFlow } from './flow.ts';
import { type Pair, type Traffic, loadBalancerOf, nameOf, share, splits } from './model.ts';
import { freshRules, observeGaps, observeTargets } from './observe.ts';
import { whyNotReturn, whyNotWeight } from './safety.ts';
import type { SetWeights, Settle } from './step.ts';

/** ARNs of the rules that were really changed. */
export type Modified = readonly string[];

/** ms that AWS gets to answer with the weights that it took. */
const READ_BACK = 30_000;

/**
 * Gives the pair's canary its percentage in the step's rules, one rule after the other, and reads it back. Only these rules
 * are read. On the way up what was written is undone when the rest fails. On the way down what moved stays moved, and each
 * rule is tried again until the deadline. It stops when another run has taken the pair.
 * @throws CanaryError, exit 1: nothing was written; 3: what was written is undone; 5: the rules listed could not be put
 *   right; 6: another run has the pair. A change that has begun is not interrupted by a signal.
 */
export async function setWeights(step: SetWeights, run: Run): Promise<Modified> {
  const { pair, percent } = step;
  const { rules, ...traffic } = percent === 0 ? await insist(step, run) : await look(step, run);
  const up = rules.some((rule) => share(rule, pair.canary) < percent);
  const down = rules.some((rule) => share(rule, pair.canary) > percent);
  const gone = step.rules.find(({ arn }) => !rules.some((rule) => rule.arn === arn));
  const reason =
    (rules.length === 0 || (gone && up) ? `listener rule ${gone?.arn} does not carry the pair any more` : undefined) ??
    (up ? whyNotWeight(traffic, pair.canary, percent, step.tasks) : undefined) ??
    (down && !step.force ? whyNotReturn(traffic, pair.primary) : undefined);
  if (reason) {
    throw new CanaryError({ code: 'not-safe', message: `The weights were not changed: ${reason}.` });
  }
  run.progress({ type: 'route-updating' });
  const modified = up ? await writeUp(rules, step, run) : await writeDown(rules, step, run);
  run.progress({ type: 'route-updated', percent: step.newVersionPercent });
  const changes = rules.filter(({ arn }) => modified.includes(arn)).map((rule) => ({ rule: nameOf(rule), before: share(rule, pair.canary), after: percent }));
  run.progress({ type: 'rules-modified', changes });
  return modified;
}

/** The step's rules as they are now, and what the safety rules ask of their groups. */
async function look({ rules, pair }: SetWeights, { aws }: Run): Promise<Pick<Traffic, 'rules' | 'targets' | 'gaps'>> {
  const [fresh, targets] = await Promise.all([freshRules(aws, arnsOf(rules), pair), observeTargets(aws, pair)]);
  return { rules: fresh, targets, gaps: await observeGaps(aws, pair, targets) };
}

/** The emergency exit does not give up because a look failed. */
function insist(step: SetWeights, run: Run): ReturnType<typeof look> {
  return poll('the listener rules to be read', run.wait, async () => {
    try {
      return await look(step, run);
    } catch (error) {
      if (error instanceof CanaryError && error.code !== 'no-network') throw error;
      return undefined;
    }
  });
}

/**
 * Waits, then looks whether the weights are still what they were set to, and what share of the traffic really flowed.
 * @throws CanaryError `locked` when another run has taken the pair meanwhile, on any way but the emergency exit.
 */
export async function settle({ ms, after }: Settle, run: Run): Promise<void> {
  const since = new Date();
  const end = run.wait.clock.now() + ms;
  if (ms > 0) run.progress({ type: 'pause', text: `Letting the weights take effect for ${formatDuration(ms)}` });
  if (after?.percent === 0) {
    await keepWeights(after, end, run);
  } else {
    await watchWeights(after, end, run);
  }
  // The first minute of metrics is minutes away from weights that nobody waits for.
  if (after && ms > 0) await tellFlow(after, since, run);
}

/** @throws CanaryError `locked` when another run has taken the pair meanwhile. */
async function watchWeights(after: SetWeights | undefined, end: number, run: Run): Promise<void> {
  const { clock, signal, pollInterval } = run.wait;
  while (clock.now() < end) {
    await clock.sleep(Math.min(pollInterval, end - clock.now()), signal);
    if (after) await run.log.ensureNewest();
  }
  if (!after) return;
  const rules = await freshRules(run.aws, arnsOf(after.rules), after.pair);
  for (const { arn } of rules.filter((rule) => !splits(rule, after.pair, after.percent))) {
    run.progress({ type: 'warning', text: `Somebody else changed the weights of ${arn} meanwhile.` });
  }
}

/** Says what share really flowed since, as far as AWS has counted it. */
async function tellFlow({ pair, percent, newVersionPercent, rules: [rule] }: SetWeights, since: Date, { aws, progress }: Run): Promise<void> {
  if (!rule) return;
  const flow = await observeFlow(aws, pair, loadBalancerOf(rule), since);
  progress({ type: 'flow', text: describeFlow(flow, newVersionPercent === percent ? 'canary' : 'primary') });
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
      const rules = await freshRules(run.aws, arnsOf(step.rules), step.pair);
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
      const fresh = await freshRule(rule, step, run);
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
    const fresh = await freshRule(before, step, run);
    if (!fresh || (!taken.has(before.arn) && splits(fresh, step.pair, share(before, step.pair.canary)))) return true;
    moved = true;
    await run.aws.loadBalancing.setWeights(fresh, originalWeights(before));
    taken.delete(before.arn);
    return false;
  });
  const message = `The weights could not be set: ${messageOf(cause)}`;
  if (stuck.length > 0) return cannotPutRight(message, stuck, step, run);
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
    // Also on the emergency exit: whoever took the pair after it knows better. A log that can't be read stops nobody.
    await run.log.ensureNewest().catch(failedUnlessLocked);
    const fresh = await freshRule(rule, step, run);
    if (!fresh || splits(fresh, step.pair, step.percent)) return true;
    modified.add(rule.arn);
    await run.aws.loadBalancing.setWeights(fresh, weights(step.pair, step.percent));
    return false;
  });
  if (stuck.length > 0) throw await cannotPutRight('Not all traffic could be moved.', stuck, step, run);
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

function arnsOf(rules: readonly ListenerRule[]): string[] {
  return rules.map(({ arn }) => arn);
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
