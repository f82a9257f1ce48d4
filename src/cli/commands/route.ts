/** `route`: gives the canary a share of the traffic. */
import { usageError } from '../../errors.ts';
import { type Command, type Values, acceptDriftOption, goesBack, isSet, listOf, listOption, noScaleOption, onInterruptOption, option, scalesNot, textOf } from '../command.ts';
import type { Context } from '../context.ts';
import { durationOf, givenPair, isArnOf, openGroups, pairOptions } from '../pair.ts';
import { parsePercent } from '../percent.ts';
import { openRelease } from '../session.ts';

export const route: Command = {
  name: 'route',
  summary: 'give the canary a share of the traffic in every rule that carries the pair',
  options: [
    option('--canary <percent>', 'percent for the canary, 0 to 100'),
    option('--primary <percent>', 'the same from the other side'),
    ...pairOptions(),
    listOption('--listener <arn>', 'only rules of this listener; repeatable'),
    listOption('--rule <arn>', 'only this rule; repeatable'),
    noScaleOption(),
    option('--scale-down', 'on the way down, stop the tasks that the share does not need any more'),
    acceptDriftOption(),
    option('--force', 'go back even to a version without a healthy target'),
    onInterruptOption(),
  ],
  examples: [
    'ecs-canary route --canary 50',
    'ecs-canary route --canary 0',
    'ecs-canary route --canary 10 --primary-target-group arn:… --canary-target-group arn:…',
  ],
  writes: true,
  async run(context, values) {
    const prepared = await prepare(context, values);
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    return prepared.run();
  },
};

async function prepare(context: Context, values: Values) {
  const options = { percent: percentOf(values), scope: scopeOf(values), force: isSet(values, 'force'), acceptDrift: isSet(values, 'acceptDrift') };
  const [noScale, scaleDown] = [scalesNot(values), isSet(values, 'scaleDown')];
  // A route to 0 is the way back itself.
  const back = goesBack(values) && options.percent > 0;
  const pair = givenPair(values);
  if (pair && (noScale || scaleDown)) {
    throw usageError('--no-scale and --scale-down are about tasks, and target groups given by ARN have none that are known.');
  }
  if (!pair) {
    const release = await openRelease(context, { writes: true, insist: options.percent === 0 });
    const { prepareRoute } = await import('../../release/operations.ts');
    const prepared = await prepareRoute(release, { ...options, noScale, scaleDown });
    return back ? (await import('../../release/taken-back.ts')).orTakenBack(prepared, release) : prepared;
  }
  const session = await openGroups(context, { writes: true, insist: options.percent === 0 });
  const { prepareRouteGroups } = await import('../../release/operations.ts');
  const shift = { ...options, settle: durationOf(context, 'SETTLE', 15_000) };
  const prepared = await prepareRouteGroups(session, pair, shift);
  return back ? (await import('../../release/taken-back.ts')).orTakenBackGroups(prepared, session, pair, shift) : prepared;
}

/** ARNs of listeners and rules; undefined for all. */
function scopeOf(values: Values): readonly string[] | undefined {
  const scope = [...arnsOf(values, 'listener', 'listener'), ...arnsOf(values, 'rule', 'listener-rule')];
  return scope.length > 0 ? scope : undefined;
}

/** @param kind what the ARNs of `--name` have to be of. */
function arnsOf(values: Values, name: string, kind: string): readonly string[] {
  const arns = listOf(values, name) ?? [];
  const wrong = arns.find((arn) => !isArnOf(kind, arn));
  if (wrong) throw usageError(`--${name} is "${wrong}": it should be the ARN of a ${kind.replace('-', ' ')}.`, 'ecs-canary route --help');
  return arns;
}

function percentOf(values: Values): number {
  const canary = textOf(values, 'canary');
  const primary = textOf(values, 'primary');
  if (canary !== undefined && primary !== undefined) throw usageError('--canary and --primary say the same thing: give one of them.');
  if (canary !== undefined) return parsePercent('--canary', canary);
  if (primary !== undefined) return 100 - parsePercent('--primary', primary);
  throw usageError('--canary is missing: the percent that the canary is to get.', 'ecs-canary route --canary 10');
}
