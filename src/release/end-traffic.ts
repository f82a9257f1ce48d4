/** Takes pairs of target groups out of service for good: their rules answer 503 from then on. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { poll } from '../time.ts';
import { requireFree } from './lock.ts';
import { logPath, type LogWriter, newestNumber, readLog } from './log.ts';
import { factsOf, type LogEntry, weightsBefore } from './log-entry.ts';
import { hasWeight, type Pair } from './model.ts';
import { freshRules, holdsExactly } from './observe.ts';
import type { Session } from './operations.ts';
import { arnsOf } from './rule-writes.ts';
import { ahead } from './turn.ts';
import { type Turn, writeInTurn } from './write-in-turn.ts';

/** Several pairs in the hands of one run, which ends as soon as somebody else takes one of them. */
export interface Hold extends Pick<LogWriter, 'ensureNewest' | 'release'> {
  covers(pairs: readonly Pair[]): boolean;
  /**
   * Takes the pairs. What they have in these rules is in the release logs then, so that `rollback` can still bring the traffic
   * back; a pair that was never released has no log, and none is begun.
   * @throws CanaryError `locked` (exit 6) when another run took one of them since they were opened.
   */
  take(rules: readonly ListenerRule[]): Promise<void>;
}

/**
 * Waits until nobody holds any of the pairs. What is read from then on is still so when they are taken.
 * @throws CanaryError `locked` (exit 6) while another run has one of them.
 */
export async function openPairs(pairs: readonly Pair[], session: Session): Promise<Hold> {
  const opened: Opened[] = [];
  for (const pair of pairs) opened.push(await open(pair, session));
  return {
    covers: (others) => others.every((other) => opened.some(({ pair }) => logPath(pair) === logPath(other))),
    async take(rules) {
      for (const one of opened) await take(one, rules);
    },
    async ensureNewest() {
      for (const { log } of opened) await log.ensureNewest();
    },
    async release() {
      for (const { log } of opened) await log.release();
    },
  };
}

/**
 * Gives both groups a weight of 0 in the rules.
 * @param turn of a hold that has taken the pair.
 * @throws CanaryError `locked` (exit 6) when another run takes a pair of the hold meanwhile.
 */
export async function endTraffic(pair: Pair, rules: readonly ListenerRule[], { aws }: Pick<Session, 'aws'>, turn: Turn): Promise<void> {
  for (const { arn } of rules) {
    await writeInTurn(turn, async () => {
      const [fresh] = await freshRules(aws, [arn], pair);
      if (fresh) await aws.loadBalancing.setWeights(fresh, new Map([[pair.primary, 0], [pair.canary, 0]]));
    });
  }
  await poll('the rules to be read back without weights', turn.wait, async () => {
    await turn.log.ensureNewest();
    return (await freshRules(aws, arnsOf(rules), pair)).every((rule) => !hasWeight(rule)) ? true : undefined;
  });
}

interface Opened {
  readonly pair: Pair;
  readonly log: LogWriter;
  /** What the log says last; undefined for one that is empty or damaged. */
  readonly newest: LogEntry | undefined;
}

/** A damaged log names no holder, and keeps nobody from destroying it. What others write behind the damage counts all the same. */
async function open(pair: Pair, session: Session): Promise<Opened> {
  const { aws, author, progress, wait } = session;
  const { parameters } = aws;
  const number = await requireFree({ parameters, pair, author, wait: wait(), progress });
  if (number === undefined) return { pair, log: ahead(session, pair, await newestNumber(parameters, pair)), newest: undefined };
  return { pair, log: ahead(session, pair, number), newest: (await readLog(parameters, pair)).at(-1) };
}

/** Where the weights are gone already, the entry before says what they were. */
async function take({ pair, log, newest }: Opened, rules: readonly ListenerRule[]): Promise<void> {
  if (!newest) return log.ensureNewest();
  const serving = rules.filter((rule) => holdsExactly(rule, pair) && hasWeight(rule));
  const other = newest.primary === pair.primary ? pair.canary : pair.primary;
  const before = serving.length > 0 ? { before: weightsBefore(serving, newest.primary, other), scope: undefined, stickiness: undefined } : {};
  await log.append({ ...factsOf(newest), ...before });
}
