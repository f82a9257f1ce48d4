/** `sandbox status`: whether the local AWS runs, and what it holds. */
import type { Command } from '../../command.ts';
import { NOT_RUNNING, dirOf, dirOption, plainly } from './shared.ts';

export const sandboxStatus: Command = {
  name: 'status',
  summary: 'show whether the local AWS runs, and what it holds',
  options: [dirOption()],
  examples: ['ecs-canary sandbox status'],
  writes: false,
  local: true,
  async run(context, values) {
    const control = await import('../../../sandbox/control.ts');
    const status = await plainly('sandbox-status', control.status(dirOf(values)));
    if (!status) {
      context.print(NOT_RUNNING);
      return { running: false };
    }
    context.print(`The sandbox runs on ${status.url} since ${status.since}, ${status.speed} times as fast as AWS, account ${status.account}.`);
    for (const [what, count] of Object.entries(status.holds)) context.print(`  ${what}: ${String(count)}`);
    return { running: true, ...status };
  },
};
