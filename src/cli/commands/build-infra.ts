/** `build-infra`: makes or updates what the project stands on, and prints its endpoints. */
import { usageError } from '../../errors.ts';
import { type Command, option, textOf } from '../command.ts';
import { announce, openProject } from '../session.ts';

export const buildInfra: Command = {
  name: 'build-infra',
  summary: 'create or update network, load balancers, cluster, and the part of each service',
  options: [option('--template <which>', 'print the base or service template and do nothing else')],
  examples: ['ecs-canary build-infra', 'ecs-canary build-infra --template base > base.yaml'],
  writes: true,
  async run(context, values) {
    const wanted = textOf(values, 'template');
    if (wanted !== undefined) {
      if (wanted !== 'base' && wanted !== 'service') throw usageError(`--template is "${wanted}": it should be base or service.`);
      const { readSettings } = await import('../../settings/settings.ts');
      readSettings(context.variables());
      const { templates } = await import('../../infra/templates.ts');
      context.print(templates[wanted].trimEnd());
      return { template: templates[wanted] };
    }
    const session = await openProject(context);
    announce(context, session.settings);
    const infra = await import('../../infra/build-infra.ts');
    if (context.dryRun) {
      const { showSteps } = await import('../show-plan.ts');
      return showSteps(context, await infra.planInfra(session));
    }
    const { publicEndpoint, internalEndpoint, bastionEndpoint, changed } = await infra.buildInfra(session);
    if (!changed) context.print('Nothing to do: the infrastructure is as the settings say.');
    if (bastionEndpoint) {
      context.print('Bastion endpoint:');
      context.print(bastionEndpoint);
    }
    if (publicEndpoint) {
      context.print('Public endpoint:');
      context.print(publicEndpoint);
    }
    if (internalEndpoint) {
      context.print('Internal endpoint:');
      context.print(internalEndpoint);
    }
    return { publicEndpoint: publicEndpoint ?? null, bastionEndpoint: bastionEndpoint ?? null };
  },
};
