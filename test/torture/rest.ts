/** Waiting until a lane's world has come to rest, and what is wrong with it then. */
import { setTimeout as sleep } from 'node:timers/promises';
import { judgeRest } from './checker.ts';
import type { Lane } from './lane.ts';
import { lookAtAll, type World } from './view.ts';

/** What runs, and what it gets. Versions by their tags; the other one has the rest of the traffic. */
export interface Rest {
  readonly state: 'nothing' | 'primary' | 'primary+canary' | 'primary+old';
  readonly primary?: string;
  readonly other?: string;
  /** Percent of the canary or the old version. */
  readonly otherWeight?: number;
}

/** Real ms in which targets have drained and tasks have ended, also on a busy machine. */
const LONGEST = 40_000;
const POLL = 100;
/** How what `judgeRest` finds begins, where that may be so for once. */
export const HELD = 'the pair is still held';
export const DISAGREEING = 'the rules disagree';

/**
 * Waits until nothing is left to be done by itself.
 * @param tolerated how findings begin that do not count here.
 * @returns what is wrong, once it stays so.
 */
export async function comeToRest(lane: Lane, tolerated: readonly string[] = []): Promise<string[]> {
  const deadline = Date.now() + LONGEST;
  for (;;) {
    const found = judgeRest(await lookAtAll(lane.sandbox), lane.killed).filter((text) => !tolerated.some((begin) => text.startsWith(begin)));
    if (found.length === 0 || Date.now() > deadline) return found;
    await sleep(POLL);
  }
}

/** What others own in this world, as text: it must be the same afterwards. */
export function neighbours({ rules, groups, parameters }: World): string {
  const strange = [...groups].filter(([, { name }]) => name === 'strange').map(([arn]) => arn);
  const theirs = [...rules].filter(([, { weights }]) => strange.some((arn) => weights.has(arn)));
  return JSON.stringify([strange, theirs.map(([arn, { rest }]) => [arn, rest]), parameters.get('/ecs-canary/strange/1')]);
}

/** Asks the program itself what runs, and compares that with what must run. */
export async function askStatus(lane: Lane, wanted: Rest): Promise<string[]> {
  const { code, stdout, stderr } = await lane.run(['status', '--json']);
  if (code !== 0) return [`status ended with ${code}: ${stderr}`];
  const status: Status = JSON.parse(stdout);
  const other = status.canary ?? status.old;
  const seen: Readonly<Record<string, unknown>> = {
    state: status.state,
    primary: status.primary?.version,
    other: other?.version,
    otherWeight: other?.weight,
    weight: status.primary?.weight,
    // Only a run that makes an entry itself ends one that a killed run has left.
    holder: lane.killed.size > 0 ? null : status.holder,
    contradiction: status.contradiction,
    leftovers: status.leftovers,
  };
  const weight = wanted.primary === undefined ? undefined : 100 - (wanted.otherWeight ?? 0);
  const must = { state: wanted.state, primary: wanted.primary, other: wanted.other, otherWeight: wanted.otherWeight, weight, holder: null, contradiction: null, leftovers: [] };
  return Object.entries(must).flatMap(([key, value]) => {
    const is = JSON.stringify(seen[key]);
    return is === JSON.stringify(value) ? [] : [`status says ${key} ${is}, and it must be ${JSON.stringify(value)}`];
  });
}

interface Colour {
  readonly version: string;
  readonly weight: number;
}

interface Status {
  readonly state: string;
  readonly primary: Colour | null;
  readonly canary: Colour | null;
  readonly old: Colour | null;
  readonly holder: unknown;
  readonly contradiction: unknown;
  readonly leftovers: unknown;
}
