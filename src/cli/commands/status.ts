/** `status`: what runs, with which share of the traffic, and what can be done next. */
import { holds } from '../../release/holder.ts';
import type { Status, VersionStatus } from '../../release/status.ts';
import { withWhere } from '../command-line.ts';
import { type Command } from '../command.ts';
import type { Context } from '../context.ts';
import { openRelease } from '../session.ts';
import { aligned } from '../table.ts';

export const status: Command = {
  name: 'status',
  summary: 'show what runs, with versions, weights, health and tasks, and what can be done next',
  options: [],
  examples: ['ecs-canary status', 'ecs-canary status --json'],
  writes: false,
  async run(context) {
    const release = await openRelease(context, { writes: false });
    const [{ observe }, { statusOf }] = await Promise.all([import('../../release/observe.ts'), import('../../release/status.ts')]);
    const seen = statusOf(await observe(release.aws, release.place));
    const found = { ...seen, next: seen.next.map((command) => withWhere(command, context.commandLine)) };
    print(context, found);
    return found;
  },
};

function print(context: Context, found: Status): void {
  const words = found.old?.rolledBack ? 'a version that was rolled back still runs beside the primary' : WORDS[found.state];
  context.print(`Service ${found.project}/${found.service}: ${words}`);
  const rows: readonly (readonly [string, VersionStatus | null])[] = [
    ['primary', found.primary],
    ['canary', found.canary],
    [found.old?.rolledBack ? 'rolled back' : 'old', found.old],
  ];
  const table = rows.flatMap(([role, version]) => (version ? [rowOf(role, version)] : []));
  if (table.length > 0) for (const line of aligned([HEADINGS, ...table])) context.print(`  ${line}`);
  for (const { rule, weights } of found.rules) context.print(`Rule ${shortRule(rule)}: blue ${weights.blue}, green ${weights.green}`);
  if (found.rules.length === 0) context.print('No listener rule carries this pair of target groups.');
  if (found.contradiction) context.print(`Attention: ${found.contradiction}.`);
  for (const hazard of found.hazards) context.print(`Attention: ${hazard}`);
  for (const leftover of found.leftovers) context.print(`Still going on: ${leftover}.`);
  if (found.holder) context.print(`Locked: ${holds(found.holder)}, last heard of at ${found.holder.renewed}.`);
  if (found.last) context.print(`Last change: "${found.last.command}" by ${found.last.by}, ${found.last.at}`);
  context.print('Next:');
  for (const command of found.next) context.print(`  ${command}`);
}

const WORDS: Readonly<Record<Status['state'], string>> = {
  nothing: 'nothing runs',
  primary: 'one version runs',
  'primary+canary': 'a canary is being tried',
  'primary+old': 'an old version still runs beside the primary',
};

const HEADINGS = ['', 'version', 'colour', 'weight', 'tasks', 'healthy'];

function rowOf(role: string, { version, colour, weight, running, desired, healthy }: VersionStatus): string[] {
  return [role, version, colour, `${Math.round(weight)}%`, `${running}/${desired}`, String(healthy)];
}

/** The parts of a rule's ARN that tell it from others: load balancer and the rule's own id. */
function shortRule(arn: string): string {
  const [, , loadBalancer, , , rule] = arn.split('/');
  return loadBalancer && rule ? `${loadBalancer}/${rule}` : arn;
}
