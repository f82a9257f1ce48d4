/** One crash: a command is cut off at one of its AWS calls and run again; users, safety rules and what is left are judged. */
import { askStatus, comeToRest, neighbours } from './rest.ts';
import { NEW, putInto, type Scenario } from './commands.ts';
import { type Ended, type Lane, OLD } from './lane.ts';
import type { Order } from './tap.ts';
import { type Users, users } from './users.ts';
import { lookAtAll } from './view.ts';

export interface CrashCase {
  readonly scenario: Scenario;
  /** Undefined: nothing happens to it, and its calls are counted. */
  readonly order?: Order;
  /** Whether the second run finds itself on another machine. */
  readonly elsewhere?: boolean;
}

export interface CrashResult {
  readonly case: CrashCase;
  /** AWS calls of the first run. */
  readonly calls: number;
  /** Name of the call that it was cut off at; undefined where it ended before it came to that one. */
  readonly operation: string | undefined;
  readonly reruns: number;
  readonly requests: number;
  readonly failed: number;
  /** Empty when everything is as promised. */
  readonly found: readonly string[];
  /** What the runs printed, for a report. */
  readonly output: string;
}

export async function crash(lane: Lane, tried: CrashCase): Promise<CrashResult> {
  const { scenario, order, elsewhere } = tried;
  await putInto(lane, scenario.from);
  const found: string[] = [];
  const before = neighbours(await lookAtAll(lane.sandbox));
  const served = scenario.withoutUsers ? undefined : users(lane.port, [OLD, NEW]);
  try {
    const options = { version: scenario.args.includes(OLD) ? OLD : NEW, env: scenario.env };
    const first = await lane.run(scenario.args, { ...options, order });
    found.push(...first.violations.map((text) => `first run, ${text}`));
    const cut = first.hit !== undefined && order?.when !== 'lost';
    // One lost answer is no reason to stop: the call is repeated, or what it did is looked up.
    if (!cut && first.code !== 0) found.push(`it ended with ${first.code}`);
    const runs = [first];
    if (cut || first.code !== 0) runs.push(await again(lane, tried, options, found));
    found.push(...(await comeToRest(lane)).map((text) => `afterwards ${text}`));
    found.push(...(await afterwards(lane, scenario, served, before)));
    await served?.leave();
    found.push(...(served?.failures ?? []).map((text) => `failed request: ${text}`));
    return {
      case: tried,
      calls: first.calls.length,
      operation: first.hit?.operation,
      reruns: runs.length - 1,
      requests: served?.requests ?? 0,
      failed: served?.failures.length ?? 0,
      found,
      output: runs.map(printed).join('\n') + (elsewhere ? '\n(the second run in a process namespace of its own)' : ''),
    };
  } finally {
    await served?.leave();
  }
}

async function again(lane: Lane, { scenario, elsewhere }: CrashCase, options: { version: string; env?: Scenario['env'] }, found: string[]): Promise<Ended> {
  const done = scenario.alsoWhenDone !== undefined && (await isDone(lane, scenario));
  const second = await lane.run(scenario.args, { ...options, elsewhere });
  found.push(...second.violations.map((text) => `second run, ${text}`));
  const allowed = done ? [0, scenario.alsoWhenDone] : [0];
  if (!allowed.includes(second.code ?? -1)) found.push(`run again, it ended with ${second.code}`);
  return second;
}

async function isDone(lane: Lane, { to }: Scenario): Promise<boolean> {
  const { code, stdout } = await lane.run(['status', '--json']);
  const status: { state?: string } = code === 0 ? JSON.parse(stdout) : {};
  return status.state === to?.state;
}

async function afterwards(lane: Lane, { to }: Scenario, served: Users | undefined, before: string): Promise<string[]> {
  const world = await lookAtAll(lane.sandbox);
  const found = neighbours(world) === before ? [] : [`what belongs to others changed: ${before} became ${neighbours(world)}`];
  if (!to) {
    const left = [...world.stacks.keys(), ...world.services.keys(), ...world.parameters.keys()].filter((name) => !name.includes('strange'));
    return left.length === 0 ? found : [...found, `left over: ${left.join(', ')}`];
  }
  found.push(...(await askStatus(lane, to)));
  if (served && to.primary !== undefined && (to.otherWeight ?? 0) === 0) {
    const versions = await served.sample(3);
    if (versions.size !== 1 || !versions.has(to.primary)) found.push(`${[...versions].join(' and ')} answer`);
  }
  return found;
}

export function printed({ args, code, hit, stdout, stderr }: Ended): string {
  const cut = hit ? `, call ${hit.number} ${hit.operation}` : '';
  return [`$ ecs-canary ${args.join(' ')}   (exit ${code ?? 'by SIGKILL'}${cut})`, ...`${stdout}${stderr}`.split('\n').slice(-15).map((line) => `  ${line}`)].join('\n');
}
