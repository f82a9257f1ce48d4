/** `update`: the whole way, from the folder to 100 %. */
import { type Version } from '../../release/model.ts';
import type { Release } from '../../release/operations.ts';
import type { UpdateOptions } from '../../release/update.ts';
import { usageError } from '../../errors.ts';
import { MAX_5XX_LOOKS, MAX_LATENCY_LOOKS, isBounded, orNone, parseMax5xx, parseMaxLatency } from '../../settings/bounds.ts';
import { formatDuration } from '../../settings/duration.ts';
import { type Command, type Values, goesBack, isSet, onInterruptOption, option, settingOption, textOf } from '../command.ts';
import type { Context } from '../context.ts';
import { type ImageSource, imageOptions, imageSource } from '../image-source.ts';
import { openRelease } from '../session.ts';
import { pushStep, pushVersion, shown, versionName } from './push.ts';
import { rolloutOptions, tasksOf } from './rollout.ts';

export const update: Command = {
  name: 'update',
  summary: 'push, rollout, route step by step with a hold after each, promote',
  argument: { name: '[dir]', description: 'folder with the Dockerfile (default: .)' },
  options: [
    option('--tag <tag>', 'name of the version (default: by git describe; needed with --image-archive)'),
    ...imageOptions(),
    settingOption('--steps <percents>', 'rising percentages up to 100 (default: 50,100)', 'STEPS'),
    settingOption('--hold <duration>', 'how long to stay at each step (default: 15s)', 'HOLD'),
    option('--max-5xx <percent>', 'go back when more of its requests end with a 5xx, such as 1%; none for no bound'),
    option('--max-latency <bound>', 'go back when it answers more slowly, such as p99=500ms; none for no bound'),
    option('--destroy-old', 'destroy the replaced version at the end'),
    ...rolloutOptions(),
    onInterruptOption(),
  ],
  examples: ['ecs-canary update --tag 1.0', 'ecs-canary update ./server --tag 1.0 --steps 5,25,50,100 --hold 2m --destroy-old'],
  writes: true,
  async run(context, values, dir = '.') {
    const name = await versionName(values, dir);
    const onInterrupt = goesBack(values) ? 'rollback' : 'stop';
    const { readTaskDefinition } = await import('../task-definition-file.ts');
    const definition = readTaskDefinition(textOf(values, 'taskDefinition'));
    const max5xx = boundOf(values, 'max5xx', parseMax5xx, MAX_5XX_LOOKS);
    const maxLatency = boundOf(values, 'maxLatency', parseMaxLatency, MAX_LATENCY_LOOKS);
    const source = await imageSource(context, values, dir);
    const release = await openRelease(context, { writes: true });
    const options: UpdateOptions = {
      definition,
      container: textOf(values, 'container'),
      steps: release.settings.steps,
      hold: release.settings.hold,
      bounds: {
        max5xx: orNone(max5xx ?? release.settings.service.bounds.max5xx),
        maxLatency: orNone(maxLatency ?? release.settings.service.bounds.maxLatency),
      },
      destroyOld: isSet(values, 'destroyOld'),
      replace: isSet(values, 'replace'),
      keepOld: isSet(values, 'keepOld'),
      tasks: tasksOf(values),
      acceptDrift: isSet(values, 'acceptDrift'),
      onInterrupt,
    };
    if (context.dryRun) return show(context, release, source, shown(name), options);
    const version = await pushVersion(context, release, source, name);
    const result = await (await import('../../release/update.ts')).update(release, version, options);
    context.print(SAYS[result.outcome](version.tag));
    return { ...result, tag: version.tag, digest: version.digest, image: version.image };
  },
};

/**
 * A bound given to this run; undefined where the settings count.
 * @throws CanaryError `usage`.
 */
function boundOf<Bound>(values: Values, name: string, parse: (text: string) => Bound | undefined, looks: string): Bound | undefined {
  const text = values[name];
  // Empty, as from a script's missing variable, must not mean that nothing is checked.
  if (typeof text !== 'string') return undefined;
  const bound = parse(text);
  if (bound !== undefined) return bound;
  const flag = name === 'max5xx' ? '--max-5xx' : '--max-latency';
  throw usageError(`${flag} is "${text}": it should be ${looks}.`, 'ecs-canary update --help');
}

const SAYS = {
  first: (tag: string) => `${tag} is the primary.`,
  already: (tag: string) => `${tag} is the primary already.`,
  promoted: (tag: string) => `${tag} is the primary now.`,
} as const;

/** The push is not made, so that the way after it is told from what is known: an image of that tag, where there is one. */
async function show(context: Context, release: Release, source: ImageSource, tag: string, options: UpdateOptions) {
  const [{ prepareRollout }, { observe }, { describe }, { rolesOf }, { stepsAhead }, { showSteps }] = await Promise.all([
    import('../../release/operations.ts'),
    import('../../release/observe.ts'),
    import('../../release/step.ts'),
    import('../../release/roles.ts'),
    import('../../release/update.ts'),
    import('../show-plan.ts'),
  ]);
  const { repositoryName, repositoryUri } = release.place;
  const image = await release.aws.registry.imageByTag(repositoryName, tag);
  const version: Version = { tag, digest: image?.digest, image: `${repositoryUri}${image ? `@${image.digest}` : `:${tag}`}`, platform: source.platform };
  const { plan } = await prepareRollout(release, version, options);
  const state = await observe(release.aws, release.place);
  const roles = rolesOf(state);
  const last = plan.note || roles.phase === 'nothing' ? [] : wayUp(stepsAhead(state, options), options);
  return showSteps(context, [pushStep(release, source, tag), ...plan.steps.map(describe), ...last], plan.note);
}

function wayUp(steps: readonly number[], { hold, destroyOld, bounds }: UpdateOptions): string[] {
  const bounded = isBounded(bounds);
  const holding = `hold for ${formatDuration(hold)}, watching its health${bounded ? ', and until metrics tell whether it keeps to its bounds' : ''}`;
  return [
    ...steps.flatMap((percent) => [`set the weights to ${percent}% for the new version`, holding]),
    bounded ? 'make the new version the primary' : 'set the weights to 100% for the new version and make it the primary',
    ...(destroyOld ? ['drain and stop the tasks of the replaced version'] : []),
  ];
}
