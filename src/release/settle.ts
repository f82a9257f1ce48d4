/** After a change of weights: the time to take them up, a look at what others do to them meanwhile, and what really flowed. */
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { formatDuration } from '../settings/duration.ts';
import { pauseAfter } from '../time.ts';
import type { Run } from './apply.ts';
import { describeFlow, observeFlow } from './flow.ts';
import { isLocked } from './log.ts';
import { loadBalancerOf, nameOf, share, splits } from './model.ts';
import { freshRules } from './observe.ts';
import { DRIFT } from './refusals.ts';
import { arnsOf, failedUnlessLocked, writeDown } from './rule-writes.ts';
import type { SetWeights, Settle } from './step.ts';

/** ms in which a write that was on its way when its run was taken over arrives. */
const LATE_WRITES = 15_000;

/**
 * Waits, then looks whether the weights are still what they were set to, and what share of the traffic really flowed.
 * @throws CanaryError `drift` when somebody else changed them, on any way but the emergency exit;
 * @throws CanaryError `locked` when another run has taken the pair meanwhile, on any way but the emergency exit;
 * @throws CanaryError where the run's watch says that the canary is bad.
 */
export async function settle({ ms: asked, after }: Settle, run: Run): Promise<void> {
  const since = new Date();
  const ms = after?.percent === 0 && run.log.overtook() ? Math.max(asked, LATE_WRITES) : asked;
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
  const began = clock.now();
  while (clock.now() < end) {
    await clock.sleep(Math.min(pauseAfter(clock.now() - began, pollInterval), end - clock.now()), signal);
    if (!after) continue;
    await run.log.ensureNewest();
    await run.watch?.look(after.percent);
  }
  if (!after) return;
  await requireUnchanged(after, run);
}

type WeightsSet = Pick<SetWeights, 'pair' | 'percent' | 'rules'>;

/**
 * Somebody else's weights are theirs: whoever goes forward stops there.
 * @throws CanaryError `locked` where another run of ours changed them, `drift` where anybody else did.
 */
export async function requireUnchanged(set: WeightsSet, run: Pick<Run, 'aws' | 'log' | 'wait'>): Promise<void> {
  const { pair, percent } = set;
  const { clock, signal, pollInterval } = run.wait;
  const changes = async () => {
    const fresh = await freshRules(run.aws, arnsOf(set.rules), pair);
    const now = set.rules.map((rule) => ({ rule, now: fresh.find(({ arn }) => arn === rule.arn) }));
    return now.filter((each) => !each.now || !splits(each.now, pair, percent));
  };
  if ((await changes()).length === 0) return;
  await run.log.ensureNewest();
  // A read may be older than the last write.
  await clock.sleep(pollInterval, signal);
  const changed = await changes();
  if (changed.length === 0) return;
  const lines = changed.map(({ rule, now }) => {
    const seen = now ? `${Math.round(share(now, pair.canary))}% instead of ${percent}%` : 'does not carry the pair any more';
    return `  ${nameOf(rule)}: ${seen}`;
  });
  throw new CanaryError({ code: DRIFT, message: `Somebody else changed weights meanwhile:\n${lines.join('\n')}` });
}

/** Says what share really flowed since, as far as AWS has counted it. */
export async function tellFlow(
  set: WeightsSet & Pick<SetWeights, 'newVersionPercent'>,
  since: Date,
  run: Pick<Run, 'aws' | 'progress'>,
): Promise<void> {
  const { pair, percent, newVersionPercent, rules: [rule] } = set;
  if (!rule) return;
  const flow = await observeFlow(run.aws, pair, loadBalancerOf(rule), since);
  run.progress({ type: 'flow', text: describeFlow(flow, newVersionPercent === percent ? 'canary' : 'primary') });
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
      const put = await writeDown(rules, { ...step, doubtful: [] }, run);
      for (const arn of put) run.progress({ type: 'warning', text: `Another run had changed ${arn}: its weights were put right again.` });
    } catch (error) {
      if (error instanceof CanaryError && error.exitCode === ExitCode.stuck) throw error;
      if (!isLocked(error)) continue; // All weights were right before: a look that fails is no failure.
      run.progress({ type: 'warning', text: `${messageOf(error)} Its weights are left as they are.` });
      return;
    }
  } while (clock.now() < end);
}
