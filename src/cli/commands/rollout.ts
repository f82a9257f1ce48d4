/** `rollout`: starts a version in the empty colour at weight 0. */
import { usageError } from '../../errors.ts';
import type { TaskCount } from '../../release/plan-rollout.ts';
import { type Command, type Values, acceptDriftOption, isSet, option, textOf } from '../command.ts';
import { openRelease } from '../session.ts';
import { requiredTag } from './push.ts';

export const rolloutOptions = () => [
  option('--task-definition <file>', "task definition in AWS's own JSON (default: what the primary runs)"),
  option('--container <name>', 'whose image is replaced, of several containers (default: the one that had it, or is named like the service)'),
  option('--replace', 'take back and stop another canary first'),
  option('--keep-old', 'refuse instead of destroying the old version first'),
  option('--tasks <n>', "tasks to start with, such as 1 or 10% of the primary's (default: as many as it has)"),
  acceptDriftOption(),
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
    const tasks = tasksOf(values);
    const definition = readTaskDefinition(textOf(values, 'taskDefinition'));
    const release = await openRelease(context, { writes: true });
    const version = await findVersion(release.aws, release.place, tag);
    const prepared = await prepareRollout(release, version, {
      definition,
      container: textOf(values, 'container'),
      replace: isSet(values, 'replace'),
      keepOld: isSet(values, 'keepOld'),
      tasks,
      acceptDrift: isSet(values, 'acceptDrift'),
    });
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    await prepared.run();
    if (prepared.plan.note) context.print(prepared.plan.note);
    return { tag: version.tag, digest: version.digest, image: version.image };
  },
};

/**
 * The value of `--tasks`: a count, or percent of the primary's tasks.
 * @throws CanaryError `usage`.
 */
export function tasksOf(values: Values): TaskCount | undefined {
  const text = values['tasks'];
  if (typeof text !== 'string') return undefined;
  const [, digits = '', percent] = /^(\d{1,4})(%?)$/.exec(text.trim()) ?? [];
  const value = Number(digits);
  if (percent && value >= 1 && value <= 100) return { percent: value };
  if (digits !== '' && !percent && value >= 1 && value <= MOST_TASKS) return { count: value };
  const wanted = `a number of tasks from 1 to ${MOST_TASKS}, or a percentage such as 10%`;
  throw usageError(`--tasks is "${text}": it should be ${wanted}.`, 'ecs-canary rollout --help');
}

/** ECS runs no more tasks in one service. */
const MOST_TASKS = 5_000;
