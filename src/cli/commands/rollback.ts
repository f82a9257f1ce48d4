/** `rollback`: all traffic back on the version that had it. */
import { type Command, isSet, option } from '../command.ts';
import { openRelease } from '../session.ts';

export const rollback: Command = {
  name: 'rollback',
  summary: 'put all traffic back on the version that had it, in one weight change',
  options: [option('--force', 'go back even to a version without a healthy target')],
  examples: ['ecs-canary rollback'],
  writes: true,
  async run(context, values) {
    const release = await openRelease(context, { writes: true });
    const { prepareRollback } = await import('../../release/operations.ts');
    const prepared = await prepareRollback(release, { force: isSet(values, 'force') });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    if (prepared.plan.note) context.print(prepared.plan.note);
    return prepared.run();
  },
};
