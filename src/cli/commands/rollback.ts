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

/**
 * The sentence somebody in a hurry looks for: by the weights, because a log that could not be written knows nothing of the way
 * back. That is made by then: a look that fails takes nothing away from it.
 */
async function whereEverybodyIs(release: Release): Promise<string> {
  const [{ observeHard }, { COLOURS, isOccupied, tagOf, weightOf }, { foreignRules }] = await Promise.all([
    import('../../release/observe.ts'),
    import('../../release/model.ts'),
    import('../../release/safety.ts'),
  ]);
  const state = await observeHard(release.aws, release.place).catch(() => undefined);
  const colours = COLOURS.flatMap((colour) => state?.colours[colour] ?? []);
  const [from] = state ? colours.filter(({ targetGroup }) => weightOf(state, targetGroup) === 0) : [];
  const to = colours.find((colour) => colour !== from);
  if (!state || !from || !to) return 'All traffic is back.';
  const strays = foreignRules(state, from.targetGroup).length;
  if (strays > 0) return `${tagOf(to)} has the traffic of the pair's rules; ${strays} other rules still send some to ${tagOf(from)}.`;
  const rest = isOccupied(state, from) ? ` ${tagOf(from)} is rolled back; its tasks still run until destroy-old.` : '';
  return `All traffic is on ${tagOf(to)}.${rest}`;
}
