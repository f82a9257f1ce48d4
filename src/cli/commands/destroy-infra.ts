/** `destroy-infra`: removes what build-infra made. */
import type { Command } from '../command.ts';
import { confirm, confirmByName } from '../confirm.ts';
import { announce, openProject } from '../session.ts';

export const destroyInfra: Command = {
  name: 'destroy-infra',
  summary: 'remove what build-infra made, with everything that runs in it, images included',
  options: [],
  examples: ['ecs-canary destroy-infra --dry-run', 'ecs-canary destroy-infra --yes'],
  writes: true,
  async run(context) {
    const session = await openProject(context);
    announce(context, session.settings);
    const infra = await import('../../infra/destroy-infra.ts');
    const plan = await infra.planDestroyInfra(session);
    if (context.dryRun) {
      const { showSteps } = await import('../show-plan.ts');
      return showSteps(context, plan.lines);
    }
    if (plan.lines.length === 0) {
      context.print('Nothing to do: there is no infrastructure of this project.');
      return { destroyed: false };
    }
    for (const line of plan.lines) context.say(`  ${line}`);
    await confirm(context, `Destroy all of this, in project ${session.settings.project}?`);
    for (const { repository, count } of plan.images) await confirmByName(context, `${count} in repository ${repository} can't be had back.`, repository);
    await infra.destroyInfra(session, plan);
    context.print(`The infrastructure of ${session.settings.project} is destroyed.`);
    return { destroyed: true };
  },
};
