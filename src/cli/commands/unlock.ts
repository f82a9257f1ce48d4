/** `unlock`: takes the pair from a run that is dead for certain. */
import { type Command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { openPair, pairOptions } from '../pair.ts';

export const unlock: Command = {
  name: 'unlock',
  summary: 'take the pair from a run that holds it and is dead for certain',
  options: pairOptions(),
  examples: ['ecs-canary unlock', 'ecs-canary unlock --yes'],
  writes: true,
  async run(context, values) {
    const { session, pair } = await openPair(context, values, { writes: true });
    const [{ described, fenceOff }, { holderOf }, { readLog }] = await Promise.all([
      import('../../release/lock.ts'),
      import('../../release/holder.ts'),
      import('../../release/log.ts'),
    ]);
    const { parameters } = session.aws;
    const holder = holderOf(await readLog(parameters, pair), Date.now(), session.author);
    const note = holder ? `${described(holder, session.author)}.` : 'Nobody holds this pair.';
    if (context.dryRun) {
      const steps = holder ? [`take the pair from ${holder.by}: its run of "${holder.command}" stops before its next write`] : [];
      return (await import('../show-plan.ts')).showSteps(context, steps, note);
    }
    if (!holder) {
      context.print(note);
      return { unlocked: null };
    }
    await confirm(context, `${note} Take the pair from it?`);
    await fenceOff(holder, { parameters, pair, author: session.author, wait: session.wait() });
    const { by, command, since } = holder;
    context.print(`Unlocked: "${command}" by ${by} stops before its next write, if it still runs.`);
    return { unlocked: { by, command, since } };
  },
};
