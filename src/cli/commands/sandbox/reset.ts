/** `sandbox reset`: removes everything that the local AWS holds. */
import type { Command } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { dirOf, dirOption, plainly } from './shared.ts';

export const sandboxReset: Command = {
  name: 'reset',
  summary: 'remove everything that the local AWS holds',
  options: [dirOption()],
  examples: ['ecs-canary sandbox reset --yes'],
  writes: false,
  local: true,
  async run(context, values) {
    const control = await import('../../../sandbox/control.ts');
    const dir = dirOf(values);
    await confirm(context, `Remove everything that the sandbox in ${dir} holds?`);
    await plainly('sandbox-stop', control.stop(dir));
    await plainly('sandbox-reset', control.reset(dir));
    context.print('The sandbox is empty.');
    return { reset: true };
  },
};
