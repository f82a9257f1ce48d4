/** Makes a listener rule: once, also where the answer is lost, and with the weights of the rules that carry the pair already. */
import { isAws } from '../aws/connect.ts';
import type { ListenerRule, NewRule } from '../aws/elbv2.ts';
import { CanaryError, messageOf } from '../errors.ts';
import { joinRule } from '../release/join-rule.ts';
import { holdsExactly } from '../release/observe.ts';
import { rulesAround } from './observe-infra.ts';
import { sameConditions } from './rules.ts';
import type { InfraSession } from './session.ts';

/**
 * @returns `overtaken` where somebody else has just made a rule with that priority.
 * @throws CanaryError `locked` (exit 6) while a run has the pair; `quota` when the load balancer can take no more; as `joinRule`.
 */
export async function makeRule(rule: NewRule, session: InfraSession): Promise<'changed' | 'overtaken'> {
  try {
    await makeOrJoin(rule, session);
    return 'changed';
  } catch (error) {
    if (isAws(error, TAKEN)) return 'overtaken';
    throw error;
  }
}

const TAKEN = 'PriorityInUseException';

async function makeOrJoin(rule: NewRule, session: InfraSession): Promise<void> {
  const [blue, green] = rule.groups;
  const pair = { primary: blue?.arn ?? '', canary: green?.arn ?? '' };
  const create = (like: Pick<NewRule, 'groups' | 'stickiness'>) => createOnce({ ...rule, ...like }, session);
  const siblings = (await rulesAround(session.aws, [rule.listenerArn], [pair])).filter((one) => holdsExactly(one, pair)).map(({ arn }) => arn);
  if (siblings.length === 0) {
    await createOnce(rule, session);
    return;
  }
  const { settle } = session.settings;
  await joinRule({ pair, siblings, settle, create }, { ...session, dryRun: false });
}

async function createOnce(rule: NewRule, session: InfraSession): Promise<string> {
  try {
    return await session.aws.loadBalancing.createRule(rule);
  } catch (error) {
    // The SDK repeats a call whose answer was lost, and its own rule stands in the way then.
    const made = isAws(error, TAKEN) ? await findMade(rule, session) : undefined;
    if (made) return made.arn;
    throw isAws(error, ...QUOTAS) ? usedUp(rule, error) : error;
  }
}

async function findMade({ listenerArn, priority, conditions, groups }: NewRule, { aws }: InfraSession): Promise<ListenerRule | undefined> {
  const [blue, green] = groups;
  const rules = await aws.loadBalancing.rules([listenerArn]);
  return rules.find(
    (rule) =>
      rule.priority === String(priority) &&
      sameConditions(rule.conditions, conditions) &&
      holdsExactly(rule, { primary: blue?.arn ?? '', canary: green?.arn ?? '' }),
  );
}

const QUOTAS = ['TooManyRulesException', 'TooManyTargetGroupsException', 'TooManyUniqueTargetGroupsPerLoadBalancerException'];

function usedUp({ listenerArn }: NewRule, error: unknown): CanaryError {
  return new CanaryError({
    code: 'quota',
    message: `The load balancer of listener ${listenerArn} can take no further rule: ${messageOf(error)}`,
    usersAre: 'where they were before; no listener rule was changed.',
    next: 'ask AWS for a higher quota of Elastic Load Balancing, or remove a rule that is not needed, then: ecs-canary build-infra',
    cause: error,
  });
}
