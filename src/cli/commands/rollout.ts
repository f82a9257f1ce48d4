/** `rollout`: starts a version in the empty colour at weight 0. */
import { type Command, isSet, option, textOf } from '../command.ts';
import { openRelease } from '../session.ts';
import { requiredTag } from './push.ts';

export const rolloutOptions = () => [
  option('--task-definition <file>', "task definition in AWS's own JSON (default: what the primary runs)"),
  option('--replace', 'take back and stop another canary first'),
  option('--keep-old', 'refuse instead of destroying the old version first'),
];

export const rollout: Command = {
  name: 'rollout',
  summary: 'start a version in the empty colour at weight 0 and wait until it is healthy',
  options: [option('--tag <tag>', 'version to start (default: the last one pushed)'), ...rolloutOptions()],
  examples: ['ecs-canary rollout --tag 1.0', 'ecs-canary rollout --tag 1.0 --dry-run'],
  writes: true,
  async run(context, values) {
    const [{ prepareRollout }, { findVersion }, { readTaskDefinition }] = await Promise.all([
      import('../../release/operations.ts'),
      import('../../release/versions.ts'),
      import('../task-definition-file.ts'),
    ]);
    const tag = values['tag'] === undefined ? undefined : requiredTag(textOf(values, 'tag'));
    const definition = readTaskDefinition(textOf(values, 'taskDefinition'));
    const release = await openRelease(context, { writes: true });
    const version = await findVersion(release.aws, release.place, tag);
    const prepared = await prepareRollout(release, version, {
      definition,
      replace: isSet(values, 'replace'),
      keepOld: isSet(values, 'keepOld'),
    });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    await prepared.run();
    if (prepared.plan.note) context.print(prepared.plan.note);
    return { tag: version.tag, digest: version.digest, image: version.image };
  },
};
