/** A further rule for a pair of target groups that has rules already: it gets their weights, whatever else moves them meanwhile, and their stickiness. */
import type { ListenerRule, NewRule } from '../aws/elbv2.ts';
import { CanaryError } from '../errors.ts';
import { poll } from '../time.ts';
import { isLocked, type LogWriter, readLog } from './log.ts';
import { factsOf } from './log-entry.ts';
import { nameOf, type Pair, share } from './model.ts';
import { freshRules } from './observe.ts';
import type { Session } from './operations.ts';
import { yielded } from './rule-writes.ts';
import { inTurn } from './turn.ts';
import { writeInTurn } from './write-in-turn.ts';

export interface Joining {
  readonly pair: Pair;
  /** ARNs of the rules that carry the pair. */
  readonly siblings: readonly string[];
  /** ms that the weights are looked at afterwards: a run that was planned before may not know of the new rule. */
  readonly settle: number;
  /** Makes the rule with these weights, and this stickiness, and returns its ARN. */
  readonly create: (like: Pick<NewRule, 'groups' | 'stickiness'>) => Promise<string>;
}

/**
 * Holds the pair meanwhile, as a release does; a pair that was never released has nobody to be held from.
 * @throws CanaryError `locked` (exit 6) while another run has the pair, and when an emergency exit took it: the new rule has
 *   what that one asks for then; `rules-disagree` when the siblings have different weights; `timeout`.
 */
export async function joinRule(joining: Joining, session: Session): Promise<void> {
  const { pair, siblings, create } = joining;
  const log = await inTurn(session, pair);
  let made: string | undefined;
  try {
    const newest = (await readLog(session.aws.parameters, pair)).at(-1);
    // It says the same as before, under another name.
    if (newest) await log.append(factsOf(newest));
    await log.ensureNewest();
    const [model, ...others] = await freshRules(session.aws, siblings, pair);
    const odd = others.find((other) => model && !agree(model, other));
    if (!model?.forward || odd) throw moving(model, odd);
    made = await create({ groups: model.forward, stickiness: model.stickiness });
    await followSiblings(made, joining, session, log);
  } catch (error) {
    if (!isLocked(error) || made === undefined) throw error;
    const touched = await freshRules(session.aws, [made], pair);
    throw await yielded(touched, { pair }, { ...session, wait: session.wait(), log }, error);
  } finally {
    await log.release();
  }
}

/** Until the rule has had its siblings' weights for the time of settling. */
async function followSiblings(made: string, { pair, siblings, settle }: Joining, session: Session, log: LogWriter): Promise<void> {
  const wait = session.wait();
  const end = wait.clock.now() + settle;
  await poll('the new listener rule to have the weights of the others', wait, async () => {
    const rules = await freshRules(session.aws, [made, ...siblings], pair);
    const own = rules.find(({ arn }) => arn === made);
    const others = rules.filter(({ arn }) => arn !== made);
    const [model] = others;
    // Not read back yet, or somebody is about to change one after the other.
    const unclear = !own || others.some((other) => model && !agree(model, other));
    if (!unclear && model?.forward && !agree(own, model)) {
      const weights = new Map(model.forward.map(({ arn, weight }) => [arn, weight]));
      await writeInTurn({ log, wait }, () => session.aws.loadBalancing.setWeights(own, weights));
      return undefined;
    }
    await log.ensureNewest();
    return !unclear && wait.clock.now() >= end ? true : undefined;
  });
}

/** Whether two rules send as many users to each group. */
export function agree(one: ListenerRule, other: ListenerRule): boolean {
  return (one.forward ?? []).every(({ arn }) => Math.abs(share(one, arn) - share(other, arn)) < 1e-9);
}

function moving(model: ListenerRule | undefined, odd: ListenerRule | undefined): CanaryError {
  const which = [model, odd].filter((rule) => rule !== undefined).map(nameOf).join(' and ');
  return new CanaryError({
    code: 'rules-disagree',
    message: `The weights of the rules that carry the pair are being changed${which && `: ${which}`}. No rule was made.`,
    usersAre: 'where they were before; no listener rule was changed.',
    next: 'ecs-canary status, then: ecs-canary build-infra',
  });
}
