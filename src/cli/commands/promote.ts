/** `promote`: the canary gets everything and is the primary from then on. */
import { type Command } from '../command.ts';
import { openRelease } from '../session.ts';

export const promote: Command = {
  name: 'promote',
  summary: 'give the canary all traffic and make it the primary',
  options: [],
  examples: ['ecs-canary promote'],
  writes: true,
  async run(context) {
    const release = await openRelease(context, { writes: true });
    const { preparePromote } = await import('../../release/operations.ts');
    const prepared = await preparePromote(release, { force: false });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    return prepared.run();
  },
};
