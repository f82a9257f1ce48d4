/** `destroy-old`: empties the colour of the version that was replaced or rolled back. */
import { type Command, acceptDriftOption, isSet } from '../command.ts';
import { confirm } from '../confirm.ts';
import { openRelease } from '../session.ts';

export const destroyOld: Command = {
  name: 'destroy-old',
  summary: 'stop the tasks of the old version once nothing reaches it',
  options: [acceptDriftOption()],
  examples: ['ecs-canary destroy-old', 'ecs-canary destroy-old --yes'],
  writes: true,
  async run(context, values) {
    const release = await openRelease(context, { writes: true });
    const { prepareDestroyOld } = await import('../../release/operations.ts');
    const prepared = await prepareDestroyOld(release, { acceptDrift: isSet(values, 'acceptDrift') });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    const step = prepared.plan.steps.find((each) => each.do === 'stop');
    if (step) await confirm(context, `Stop all tasks of ${step.version} (${step.colour})?`);
    const destroyed = await prepared.run();
    context.print(prepared.plan.note ?? `Destroyed ${destroyed}`);
    return { destroyed: destroyed ?? null };
  },
};
