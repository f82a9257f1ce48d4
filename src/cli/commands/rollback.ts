/** `rollback`: all traffic back on the version that had it. */
import type { Release } from '../../release/operations.ts';
import { type Command, isSet, option } from '../command.ts';
import { openRelease } from '../session.ts';

export const rollback: Command = {
  name: 'rollback',
  summary: 'put all traffic back on the version that had it, in one weight change',
  options: [
    option('--force', 'go back even to a version without a healthy target'),
    option('--break-stickiness', 'switch group stickiness off until the next route: clients with a cookie come along'),
  ],
  examples: ['ecs-canary rollback', 'ecs-canary rollback --break-stickiness'],
  writes: true,
  async run(context, values) {
    const release = await openRelease(context, { writes: true, insist: true });
    const { prepareRollback } = await import('../../release/operations.ts');
    const prepared = await prepareRollback(release, { force: isSet(values, 'force'), breakStickiness: isSet(values, 'breakStickiness') });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    const result = await prepared.run();
    context.print(prepared.plan.note ?? (await whereEverybodyIs(release)));
    return result;
  },
};

/** The sentence somebody in a hurry looks for. The way back is made by then: a look that fails takes nothing away from it. */
async function whereEverybodyIs(release: Release): Promise<string> {
  const [{ observe }, { statusOf }, { foreignRules }] = await Promise.all([
    import('../../release/observe.ts'),
    import('../../release/status.ts'),
    import('../../release/safety.ts'),
  ]);
  const state = await observe(release.aws, release.place).catch(() => undefined);
  if (!state) return 'All traffic is back.';
  const status = statusOf(state);
  if (!status.primary) return 'All traffic is back.';
  const strays = status.old ? foreignRules(state, status.old.targetGroup).length : 0;
  if (strays > 0) return `${status.primary.version} has the traffic of the pair's rules; ${strays} other rules still send some to ${status.old?.version}.`;
  const rest = status.old ? ` ${status.old.version} is rolled back; its tasks still run until destroy-old.` : '';
  return `All traffic is on ${status.primary.version}.${rest}`;
}
