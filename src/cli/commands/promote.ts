/** `promote`: the canary gets everything and is the primary from then on. */
import { type Command, acceptDriftOption, goesBack, isSet, noScaleOption, onInterruptOption, scalesNot } from '../command.ts';
import { openRelease } from '../session.ts';

export const promote: Command = {
  name: 'promote',
  summary: 'give the canary all traffic and make it the primary',
  options: [noScaleOption(), acceptDriftOption(), onInterruptOption()],
  examples: ['ecs-canary promote', 'ecs-canary promote --dry-run'],
  writes: true,
  async run(context, values) {
    const back = goesBack(values);
    const release = await openRelease(context, { writes: true });
    const { preparePromote } = await import('../../release/operations.ts');
    const prepared = await preparePromote(release, { noScale: scalesNot(values), acceptDrift: isSet(values, 'acceptDrift') });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    const { orTakenBack } = await import('../../release/taken-back.ts');
    return (back ? orTakenBack(prepared, release) : prepared).run();
  },
};
