/** `sandbox stop`: ends the local AWS and everything it started. */
import type { Command } from '../../command.ts';
import { NOT_RUNNING, dirOf, dirOption, plainly } from './shared.ts';

export const sandboxStop: Command = {
  name: 'stop',
  summary: 'stop the local AWS and everything it started; its state is kept',
  options: [dirOption()],
  examples: ['ecs-canary sandbox stop'],
  writes: false,
  local: true,
  async run(context, values) {
    const { stop } = await import('../../../sandbox/control.ts');
    const stopped = await plainly('sandbox-stop', stop(dirOf(values)));
    context.print(stopped ? 'The sandbox is stopped.' : NOT_RUNNING);
    return { stopped };
  },
};
