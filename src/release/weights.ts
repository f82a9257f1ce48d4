/** Giving a pair its weights: what the safety rules say right before, the writes, and what was really changed. */
import { CanaryError } from '../errors.ts';
import type { Run } from './apply.ts';
import { type Traffic, nameOf, share } from './model.ts';
import { freshRules, observeGaps, observeTargets } from './observe.ts';
import { type Modified, writeDown, writeUp } from './rule-writes.ts';
import { type Health, whyNotReturn, whyNotWeight } from './safety.ts';
import type { SetWeights } from './step.ts';

/**
 * Gives the pair's canary its percentage in the step's rules, one rule after the other, and reads it back. Only these rules
 * are read. On the way up what was written is undone when the rest fails. On the way down what moved stays moved, and each
 * rule is tried again until the deadline. It stops when another run has taken the pair.
 * @throws CanaryError, exit 1: nothing was written; 3: what was written is undone; 5: the rules listed could not be put
 *   right; 6: another run has the pair. A change that has begun is not interrupted by a signal.
 */
export async function setWeights(step: SetWeights, run: Run): Promise<Modified> {
  const { pair, percent } = step;
  // The way back loses no time: the plan was made with a healthy target, and each rule is read again before its write.
  const { rules, health } = percent === 0 ? { rules: step.rules, health: undefined } : await look(step, run);
  const up = rules.some((rule) => share(rule, pair.canary) < percent) || (percent > 0 && step.doubtful.length > 0);
  const down = rules.some((rule) => share(rule, pair.canary) > percent);
  const gone = step.rules.find(({ arn }) => !rules.some((rule) => rule.arn === arn));
  refuse('rule-changed', rules.length === 0 || (gone && up) ? `listener rule ${gone?.arn} does not carry the pair any more` : undefined);
  refuse('not-safe', up && health ? whyNotWeight(health, pair.canary, percent, step.tasks) : undefined);
  refuse('primary-unhealthy', down && health ? whyNotReturn(health, pair.primary) : undefined);
  run.progress({ type: 'route-updating' });
  const modified = up ? await writeUp(rules, step, run) : await writeDown(rules, step, run);
  await run.log.reached();
  run.progress({ type: 'route-updated', percent: step.newVersionPercent });
  const changed = rules.filter(({ arn }) => modified.includes(arn));
  const changes = changed.map((rule) => ({ rule: nameOf(rule), before: share(rule, pair.canary), after: percent }));
  run.progress({ type: 'rules-modified', changes });
  return modified;
}

/** Only `not-safe` speaks against the canary. */
function refuse(code: string, reason: string | undefined): void {
  if (reason) throw new CanaryError({ code, message: `The weights were not changed: ${reason}.` });
}

interface Look {
  /** The step's rules as they are now. */
  readonly rules: Traffic['rules'];
  readonly health: Health;
}

async function look({ rules, pair }: SetWeights, { aws }: Run): Promise<Look> {
  const [fresh, targets] = await Promise.all([freshRules(aws, rules.map(({ arn }) => arn), pair), observeTargets(aws, pair)]);
  return { rules: fresh, health: { targets, gaps: await observeGaps(aws, pair, targets) } };
}
