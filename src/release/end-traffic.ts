/** Takes a pair of target groups out of service for good: its rules answer 503 from then on. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { poll, type Wait } from '../time.ts';
import { requireFree } from './lock.ts';
import { logWriter, readLog } from './log.ts';
import { factsOf, weightsBefore } from './log-entry.ts';
import { arnsOf } from './rule-writes.ts';
import { hasWeight, type Pair } from './model.ts';
import { freshRules } from './observe.ts';
import type { Session } from './operations.ts';
import { writeInTurn } from './write-in-turn.ts';

/** @throws CanaryError `locked` (exit 6) while another run has the pair. */
export async function requireIdle(pair: Pair, { aws, author, progress, wait }: Session): Promise<void> {
  await requireFree({ parameters: aws.parameters, pair, author, wait: wait(), progress });
}

/**
 * Gives both groups a weight of 0 in the rules. What they had is in the release log by then, so that `rollback` can still bring
 * the traffic back; a pair that was never released has no log, and none is begun. One that can't be read holds nobody up.
 * @throws CanaryError `locked` (exit 6) when another run takes the pair meanwhile.
 */
export async function endTraffic(pair: Pair, rules: readonly ListenerRule[], { aws, author }: Session, wait: Wait): Promise<void> {
  const entries = await readLog(aws.parameters, pair).catch(() => undefined);
  const newest = entries?.at(-1);
  const log = entries ? logWriter(aws.parameters, pair, author, newest?.number ?? 0, wait.clock) : undefined;
  const turn = { wait, log: { ensureNewest: async () => log?.ensureNewest() } };
  try {
    if (log && newest) {
      const other = newest.primary === pair.primary ? pair.canary : pair.primary;
      await log.append({ ...factsOf(newest), before: weightsBefore(rules, newest.primary, other), scope: undefined, stickiness: undefined });
    }
    for (const { arn } of rules) {
      await writeInTurn(turn, async () => {
        const [fresh] = await freshRules(aws, [arn], pair);
        if (fresh) await aws.loadBalancing.setWeights(fresh, new Map([[pair.primary, 0], [pair.canary, 0]]));
      });
    }
    await poll('the rules to be read back without weights', wait, async () => {
      await turn.log.ensureNewest();
      return (await freshRules(aws, arnsOf(rules), pair)).every((rule) => !hasWeight(rule)) ? true : undefined;
    });
  } finally {
    await log?.release();
  }
}
