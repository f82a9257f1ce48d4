/** `route`: gives the canary a share of the traffic. */
import { usageError } from '../../errors.ts';
import { readConnection } from '../../settings/connection.ts';
import { parseDuration } from '../../settings/duration.ts';
import { type Command, type Values, isSet, option, textOf } from '../command.ts';
import type { Context } from '../context.ts';
import { parsePercent } from '../percent.ts';
import { openRelease, openSession } from '../session.ts';

export const route: Command = {
  name: 'route',
  summary: 'give the canary a share of the traffic in every rule that carries the pair',
  options: [
    option('--canary <percent>', 'percent for the canary, 0 to 100'),
    option('--primary <percent>', 'the same from the other side'),
    option('--primary-target-group <arn>', 'with the next one: any two target groups, whoever made them'),
    option('--canary-target-group <arn>', 'the group that gets the share'),
    option('--force', 'go back even to a version without a healthy target'),
  ],
  examples: [
    'ecs-canary route --canary 50',
    'ecs-canary route --canary 0',
    'ecs-canary route --canary 10 --primary-target-group arn:… --canary-target-group arn:…',
  ],
  writes: true,
  async run(context, values) {
    const percent = percentOf(values);
    const prepared = await prepare(context, values, percent);
    if (context.dryRun) return (await import('../show-plan.ts')).showPlan(context, prepared.plan);
    return prepared.run();
  },
};

async function prepare(context: Context, values: Values, percent: number) {
  const primary = textOf(values, 'primaryTargetGroup');
  const canary = textOf(values, 'canaryTargetGroup');
  const force = isSet(values, 'force');
  if (!primary && !canary) {
    const release = await openRelease(context, { writes: true });
    const { prepareRoute } = await import('../../release/operations.ts');
    return prepareRoute(release, percent, { force });
  }
  if (!primary || !canary) throw usageError('--primary-target-group and --canary-target-group go together.');
  if (primary === canary) throw usageError('--primary-target-group and --canary-target-group are the same group.');
  for (const arn of [primary, canary]) {
    if (!/^arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:targetgroup\/.+/.test(arn)) throw usageError(`"${arn}" is not the ARN of a target group.`);
  }
  const connection = readConnection(context.variables());
  const session = await openSession(context, connection, durationOf(context, 'POLL_INTERVAL', 2_000));
  context.say(`Region ${connection.region}${connection.endpointUrl ? `, endpoint ${connection.endpointUrl}` : ''}`);
  const { prepareRouteGroups } = await import('../../release/operations.ts');
  return prepareRouteGroups(session, { primary, canary }, { percent, force, settle: durationOf(context, 'SETTLE', 15_000) });
}

function percentOf(values: Values): number {
  const canary = textOf(values, 'canary');
  const primary = textOf(values, 'primary');
  if (canary !== undefined && primary !== undefined) throw usageError('--canary and --primary say the same thing: give one of them.');
  if (canary !== undefined) return parsePercent('--canary', canary);
  if (primary !== undefined) return 100 - parsePercent('--primary', primary);
  throw usageError('--canary is missing: the percent that the canary is to get.', 'ecs-canary route --canary 10');
}

/** ms. A pair given by ARN belongs to no project, so that only these two settings mean anything for it. */
function durationOf(context: Context, name: string, fallback: number): number {
  const text = context.variables()[name];
  if (!text) return fallback;
  const ms = parseDuration(text);
  if (ms === undefined) throw usageError(`${name} is "${text}": it should be a duration such as 15s.`);
  return ms;
}
