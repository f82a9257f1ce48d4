/** The pair that a command is about: the project's own, or any two target groups given by ARN. */
import type { Option } from 'commander';
import { usageError } from '../errors.ts';
import { type Pair, pairAt } from '../release/model.ts';
import type { Session } from '../release/operations.ts';
import { readConnection } from '../settings/connection.ts';
import { parseDuration } from '../settings/duration.ts';
import { type Values, option, textOf } from './command.ts';
import type { Context } from './context.ts';
import { type Manner, endpointOf, openRelease, openSession } from './session.ts';

/** The options that `givenPair` reads. */
export function pairOptions(): Option[] {
  return [
    option('--primary-target-group <arn>', 'with the next one: any two target groups, whoever made them'),
    option('--canary-target-group <arn>', 'the group that gets the share'),
  ];
}

/**
 * The pair that the options name; undefined when they name none.
 * @throws CanaryError `usage` for one group alone, the same one twice, or something else than a target group.
 */
export function givenPair(values: Values): Pair | undefined {
  const primary = textOf(values, 'primaryTargetGroup');
  const canary = textOf(values, 'canaryTargetGroup');
  if (!primary && !canary) return undefined;
  if (!primary || !canary) throw usageError('--primary-target-group and --canary-target-group go together.');
  if (primary === canary) throw usageError('--primary-target-group and --canary-target-group are the same group.');
  for (const arn of [primary, canary]) {
    if (!isArnOf('targetgroup', arn)) throw usageError(`"${arn}" is not the ARN of a target group.`);
  }
  return { primary, canary };
}

/** @param kind as ARNs have it: `targetgroup`, `listener`, `listener-rule`. */
export function isArnOf(kind: string, text: string): boolean {
  return new RegExp(String.raw`^arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:${kind}/.+`).test(text);
}

/** A session for a pair given by ARN; a command that writes first says where. */
export async function openGroups(context: Context, { writes, insist }: { writes: boolean } & Manner): Promise<Session> {
  const connection = readConnection(context.variables());
  // Each look is also a sign of life to other runs, which count on one every 15 seconds.
  const pollInterval = Math.min(durationOf(context, 'POLL_INTERVAL', 2_000), 15_000);
  const session = await openSession(context, connection, pollInterval, { insist });
  if (writes) context.say(`Region ${connection.region}${endpointOf(connection)}`);
  return session;
}

/** A session for the pair that the options name, else for the project's. */
export async function openPair(context: Context, values: Values, { writes }: { writes: boolean }): Promise<{ session: Session; pair: Pair }> {
  const pair = givenPair(values);
  if (pair) return { session: await openGroups(context, { writes }), pair };
  const session = await openRelease(context, { writes });
  return { session, pair: pairAt(session.place) };
}

/** ms. A pair given by ARN belongs to no project, so that few settings mean anything for it. */
export function durationOf(context: Context, name: string, fallback: number): number {
  const text = context.variables()[name];
  if (!text) return fallback;
  const ms = parseDuration(text);
  if (ms === undefined) throw usageError(`${name} is "${text}": it should be a duration such as 15s.`);
  return ms;
}
