/** `build-infra`: makes or updates what the project stands on, and prints its endpoints. */
import { stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CanaryError, messageOf, UNCHANGED, usageError } from '../../errors.ts';
import type { StackUpdate } from '../../infra/consent.ts';
import type { Preview } from '../../infra/preview-infra.ts';
import { UNTOUCHED } from '../../infra/session.ts';
import { needsConsent } from '../../infra/stack-changes.ts';
import { changeTable } from '../change-table.ts';
import { type Command, isSet, option } from '../command.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { announce, openProject } from '../session.ts';

export const buildInfra: Command = {
  name: 'build-infra',
  summary: 'create or update network, load balancers, cluster, and the part of each service',
  options: [
    option('--change-set', 'ask CloudFormation what would be added, changed, replaced and removed, and do nothing of it'),
    option('--self-signed', 'make a certificate for the internal load balancer of gRPC services, unless it is there, and import it to ACM'),
    option('--ca-file <file>', "write the certificate of that one's authority there, for callers outside of the project"),
    option('--template <which>', 'print the base or service template and do nothing else'),
  ],
  examples: ['ecs-canary build-infra', 'ecs-canary build-infra --self-signed', 'ecs-canary build-infra --change-set', 'ecs-canary build-infra --template base > base.yaml'],
  writes: true,
  async run(context, values) {
    const [{ readSettings }, { refuseClashes }, { refuseSelfSigned }] = await Promise.all([
      import('../../settings/settings.ts'), import('../../infra/rules.ts'), import('../../infra/internal-https.ts'),
    ]);
    // Before AWS is asked anything.
    const settings = readSettings(context.variables());
    refuseClashes(settings);
    const selfSigned = isSet(values, 'selfSigned');
    if (selfSigned) refuseSelfSigned(settings);
    const wanted = values['template'];
    if (wanted !== undefined) {
      if (wanted !== 'base' && wanted !== 'service') throw usageError(`--template is "${String(wanted)}": it should be base or service.`);
      const { templates } = await import('../../infra/templates.ts');
      context.print(templates[wanted].trimEnd());
      return { template: templates[wanted] };
    }
    const file = values['caFile'];
    if (typeof file === 'string') await requirePlace(file);
    const session = { ...(await openProject(context)), selfSigned };
    announce(context, session.settings);
    const infra = await import('../../infra/build-infra.ts');
    if (context.dryRun) {
      const { showSteps } = await import('../show-plan.ts');
      return showSteps(context, await infra.planInfra(session));
    }
    if (isSet(values, 'changeSet')) {
      const { previewInfra } = await import('../../infra/preview-infra.ts');
      return show(context, await previewInfra(session));
    }
    const { publicEndpoint, internalEndpoints, bastionEndpoint, authority, changed } = await infra.buildInfra(session, (updates) => agree(context, updates));
    if (!changed) context.print('Nothing to do: the infrastructure is as the settings say.');
    if (bastionEndpoint) {
      context.print('Bastion endpoint:');
      context.print(bastionEndpoint);
    }
    if (publicEndpoint) {
      context.print('Public endpoint:');
      context.print(publicEndpoint);
    }
    if (internalEndpoints.length > 0) {
      context.print('Internal endpoint:');
      internalEndpoints.forEach(context.print);
    }
    if (typeof file === 'string') await writeAuthority(file, authority, changed ? UNTOUCHED : UNCHANGED);
    return { publicEndpoint: publicEndpoint ?? null, internalEndpoint: internalEndpoints.at(-1) ?? null, bastionEndpoint: bastionEndpoint ?? null };
  },
};

/** What can be known before anything is built. @throws CanaryError `usage` */
async function requirePlace(file: string): Promise<void> {
  const isFolder = (path: string) => stat(path).then((found) => found.isDirectory(), () => false);
  const wrong = (await isFolder(file)) ? 'is a folder' : (await isFolder(dirname(file))) ? undefined : `is in no folder: there is no ${dirname(file)}`;
  if (wrong !== undefined) throw usageError(`--ca-file is "${file}", which ${wrong}.`, 'name a file in a folder that is there, and run the same command again');
}

/** The certificate is no secret: whoever calls the internal endpoint has to read it. */
async function writeAuthority(file: string, authority: string | undefined, usersAre: string): Promise<void> {
  const failed = (message: string, next: string) => new CanaryError({ code: 'no-ca-file', message: `The infrastructure is built, but ${message}`, usersAre, next });
  if (authority === undefined) {
    throw failed('there is nothing to write to --ca-file: its certificate is not one of --self-signed.', 'leave out --ca-file, or: ecs-canary build-infra --self-signed');
  }
  try {
    await writeFile(file, `${authority}\n`, { mode: 0o644 });
  } catch (error) {
    throw failed(`--ca-file can't be written: ${messageOf(error)}`, 'name another file, and run the same command again');
  }
}

function show(context: Context, { stacks, steps }: Preview): object {
  for (const { stack, changes = [], note } of stacks) {
    context.print(note === undefined ? `${stack}:` : `${stack}: ${note}.`);
    changeTable(changes).forEach(context.print);
  }
  if (steps.length > 0) context.print('Besides:');
  for (const step of steps) context.print(`  ${step}`);
  context.print(stacks.length + steps.length > 0 ? 'Nothing of this was done.' : 'Nothing to do: the infrastructure is as the settings say.');
  return { changeSets: stacks.map(({ stack, changes = null, note = null }) => ({ stack, changes, note })), steps };
}

/** Asks for consent to updates that take something away. */
async function agree(context: Context, updates: readonly StackUpdate[]): Promise<void> {
  for (const { stack, changes, exchange } of updates) {
    if (changes.some(needsConsent)) context.progress({ type: 'warning', text: [`The update of stack ${stack} replaces or removes resources:`, ...changeTable(changes)].join('\n') });
    if (exchange !== undefined) context.progress({ type: 'warning', text: exchange });
  }
  await confirm(context, `Update ${updates.map(({ stack }) => stack).join(' and ')}?`);
}
