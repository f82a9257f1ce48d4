/** Two operators at once: two commands, the second one started at a random call of the first; then one command puts all right. */
import { printed } from './crash.ts';
import { NEW, putInto, type State } from './commands.ts';
import { dice } from './dice.ts';
import { type Ended, type Lane, OLD } from './lane.ts';
import { comeToRest, DISAGREEING, neighbours } from './rest.ts';
import { users } from './users.ts';
import { lookAtAll } from './view.ts';

export interface RaceResult {
  readonly seed: number;
  /** What was started, and how it ended. */
  readonly story: string;
  readonly requests: number;
  readonly failed: number;
  readonly found: readonly string[];
  readonly output: string;
}

const NEXT = '1.1';
const UPDATE = ['update', '.', '--tag', NEW, '--steps', '50,100'];
const DESTROYING = [...UPDATE, '--destroy-old'];
const REPLACING = ['update', '.', '--tag', NEXT, '--steps', '25,100', '--replace'];
const BACK = [['rollback'], ['route', '--canary', '0']];
const UP = [['route', '--canary', '25'], ['route', '--canary', '75'], ['promote']];
const UNLOCK = ['unlock', '--yes'];
const DESTROY = ['destroy-old', '--yes'];

/** What operators would try in each state; the second one may meet with what the first one has made of it. */
const TRIED: readonly { readonly from: State; readonly first: readonly (readonly string[])[]; readonly second: readonly (readonly string[])[] }[] = [
  { from: 'primary', first: [UPDATE, DESTROYING], second: [DESTROYING, REPLACING, DESTROY, UNLOCK, ...UP, ...BACK] },
  { from: 'pushed', first: [['rollout', '--tag', NEW], UPDATE], second: [['rollout', '--tag', NEW], REPLACING, UNLOCK, ...UP, ...BACK] },
  { from: 'canary', first: [UPDATE, REPLACING, ...UP], second: [UPDATE, REPLACING, UNLOCK, ...UP, ...BACK] },
  { from: 'half', first: [DESTROYING, REPLACING, ...UP, ...BACK], second: [DESTROYING, REPLACING, DESTROY, UNLOCK, ...UP, ...BACK] },
  { from: 'promoted', first: [DESTROY, REPLACING, ...BACK], second: [DESTROY, REPLACING, UNLOCK, ...BACK] },
  { from: 'held', first: [UNLOCK, UPDATE, ...UP, ...BACK], second: [UNLOCK, REPLACING, DESTROY, ...UP, ...BACK] },
];

/** Of about as many calls of the first one the second one starts at one; the program itself takes a few more to get going. */
const CALLS: Readonly<Record<string, number>> = { update: 140, unlock: 6 };
const CALLS_OF_OTHERS = 30;
/** What a command may say that met with another one. 2 would be a wrong use, 5 that users are stuck, 130 that somebody pressed Ctrl-C. */
const DOCUMENTED = [0, 1, 3, 4, 6, 124];
const LOCKED = 6;

export async function race(lane: Lane, seed: number): Promise<RaceResult> {
  const { below, pick } = dice(seed);
  const { from: state, first: firsts, second: seconds } = pick(TRIED);
  const [one, other] = [pick(firsts), pick(seconds)];
  const start = below(CALLS[one[0] ?? ''] ?? CALLS_OF_OTHERS);
  await putInto(lane, state);
  const found: string[] = [];
  const before = neighbours(await lookAtAll(lane.sandbox));
  const served = users(lane.port, [OLD, NEW, NEXT]);
  try {
    const ended = await together(lane, one, other, start);
    for (const run of ended) {
      found.push(...run.violations.map((text) => `${run.args.join(' ')}, ${text}`));
      if (!DOCUMENTED.includes(run.code ?? -1)) found.push(`${run.args.join(' ')} ended with ${run.code}`);
    }
    // Whoever takes the pair from a run that lives stops it before its next write, which may be that of the second rule.
    const stopped = ended.some(({ args, code }) => args[0] === 'unlock' && code === 0) && ended.some(({ code }) => code === LOCKED);
    found.push(...(await comeToRest(lane, stopped ? [DISAGREEING] : [])).map((text) => `after both had ended ${text}`));
    const last = await lane.run(['route', '--canary', '0']);
    found.push(...last.violations.map((text) => `${last.args.join(' ')}, ${text}`));
    if (last.code !== 0) found.push(`route --canary 0 ended with ${last.code} afterwards`);
    found.push(...(await comeToRest(lane)).map((text) => `at the end ${text}`));
    if (neighbours(await lookAtAll(lane.sandbox)) !== before) found.push('what belongs to others changed');
    const versions = await served.sample(3);
    if (versions.size !== 1) found.push(`at the end ${[...versions].join(' and ')} answer`);
    await served.leave();
    found.push(...served.failures.map((text) => `failed request: ${text}`));
    const [first, second] = ended;
    return {
      seed,
      story: `from ${state}: ${told(first)}; from its call ${start} on ${told(second)}`,
      requests: served.requests,
      failed: served.failures.length,
      found,
      output: [...ended, last].map(printed).join('\n'),
    };
  } finally {
    await served.leave();
  }
}

/** The second one starts when the first has made so many calls, or has ended before. */
async function together(lane: Lane, one: readonly string[], other: readonly string[], start: number): Promise<readonly [Ended, Ended]> {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  if (start === 0) begin();
  const first = lane.runBeside(one, { version: versionOf(one) }, (call) => call >= start && begin());
  const second = Promise.race([begun, first]).then(() => lane.run(other, { version: versionOf(other), alone: false }));
  return Promise.all([first, second]);
}

function versionOf(args: readonly string[]): string {
  return args.includes(NEXT) ? NEXT : NEW;
}

function told({ args, code }: Ended): string {
  return `${args.join(' ')} (exit ${code})`;
}
