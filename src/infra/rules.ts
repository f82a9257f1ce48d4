/** Which listener rules a project's services need, and which of them are still to be made. */
import type { ListenerRule, NewRule, RuleMatch, WeightedGroup } from '../aws/elbv2.ts';
import { CanaryError, UNCHANGED, usageError } from '../errors.ts';
import { holdsExactly } from '../release/observe.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { PROJECT_TAG, SERVICE_TAG } from './session.ts';

/** A service with the listener it is exposed on and its pair; ARNs of what is not made yet are any text. */
export interface ServiceRoute {
  readonly service: ServiceSettings;
  readonly listenerArn: string;
  readonly blue: string;
  readonly green: string;
}

/**
 * The service's rule, unless it is there already. Existing rules are never touched.
 * @param rules all rules of the project's listeners, those about to be made included.
 * @throws CanaryError `rule-conflict` when another rule has the same conditions; `service-moved` when the pair already
 *   stands behind the other load balancer.
 */
export function missingRule(settings: Settings, route: ServiceRoute, rules: readonly ListenerRule[]): NewRule | undefined {
  const { service, listenerArn, blue, green } = route;
  const siblings = rules.filter((rule) => holdsExactly(rule, { primary: blue, canary: green }));
  const elsewhere = siblings.find((rule) => rule.listenerArn !== listenerArn);
  if (elsewhere) {
    const other = service.expose === 'public' ? 'internal' : 'public';
    throw new CanaryError({
      code: 'service-moved',
      message:
        `EXPOSE of ${service.name} is ${service.expose}, but its target groups stand behind the ${other} load balancer, ` +
        'and a target group belongs to one only.',
      usersAre: UNCHANGED,
      next: `set EXPOSE=${other} for ${service.name}, or deploy it under another name`,
    });
  }
  const conditions = conditionsOf(service);
  const same = rules.find((rule) => rule.listenerArn === listenerArn && sameConditions(rule.conditions, conditions));
  if (same && siblings.includes(same)) return undefined;
  if (same) {
    throw new CanaryError({
      code: 'rule-conflict',
      message: `Listener rule ${same.arn} already takes ${wordsOf(conditions)}, and it does not belong to ${service.name}.`,
      usersAre: 'where they were before; no rule was changed.',
      next: `give ${service.name} another PATH_PATTERN or HOST_HEADER, then: ecs-canary build-infra`,
    });
  }
  return {
    listenerArn,
    priority: freePriority(service, rules.filter((rule) => rule.listenerArn === listenerArn)),
    conditions,
    groups: liveWeights(siblings) ?? [{ arn: blue, weight: 100 }, { arn: green, weight: 0 }],
    tags: { [PROJECT_TAG]: settings.project, [SERVICE_TAG]: service.name },
  };
}

/** @throws CanaryError `usage` when two services of the settings would take the same requests on one listener. */
export function refuseClashes({ services }: Settings): void {
  for (const [index, service] of services.entries()) {
    const conditions = conditionsOf(service);
    const twin = services
      .slice(0, index)
      .find((other) => other.expose === service.expose && sameConditions(conditionsOf(other), conditions));
    if (!twin) continue;
    throw usageError(
      `${twin.name} and ${service.name} are both ${service.expose} and both take ${wordsOf(conditions)}: ` +
        'one of them would never get a request.',
      `set ${service.name.toUpperCase().replaceAll('-', '_')}_PATH_PATTERN, _HOST_HEADER or _EXPOSE in .env, then: ecs-canary build-infra`,
    );
  }
}

export function wordsOf(conditions: readonly RuleMatch[]): string {
  return conditions.map(({ field, values }) => `${field} ${values.join(' or ')}`).join(' and ');
}

function conditionsOf({ pathPattern, hostHeader }: ServiceSettings): RuleMatch[] {
  const path = { field: 'path-pattern', values: [pathPattern] };
  return hostHeader === undefined ? [path] : [{ field: 'host-header', values: [hostHeader] }, path];
}

export function sameConditions(one: readonly RuleMatch[], other: readonly RuleMatch[]): boolean {
  return keyOf(one) === keyOf(other);
}

/** Host names know no upper and lower case, paths do. */
function keyOf(conditions: readonly RuleMatch[]): string {
  const parts = conditions.map(({ field, values }) => {
    const sorted = values.map((value) => (field === 'host-header' ? value.toLowerCase() : value)).toSorted();
    return JSON.stringify([field, sorted]);
  });
  return parts.toSorted().join();
}

/**
 * A load balancer takes the first rule that matches, so the more a rule asks for, the earlier it stands: each service's
 * place follows from its own conditions alone, and never has to move for another one's sake.
 */
function freePriority({ pathPattern, hostHeader }: ServiceSettings, rules: readonly ListenerRule[]): number {
  const specific = literals(pathPattern) + (hostHeader === undefined ? 0 : LONGEST_PATTERN + literals(hostHeader));
  const taken = new Set(rules.map(({ priority }) => priority));
  let priority = LAST_BAND - specific * BAND;
  while (taken.has(String(priority))) priority += 1;
  return priority;
}

/** Characters of a pattern that are no wildcards. */
function literals(pattern: string): number {
  return pattern.replaceAll(/[*?]/g, '').length;
}

/** Characters of a path pattern, at most. */
const LONGEST_PATTERN = 128;
/** Rules that a load balancer has at most. */
const BAND = 100;
const LAST_BAND = 40_000;

/** Weights of a rule that carries the pair already: a new rule must not send users to another version than its siblings do. */
function liveWeights(siblings: readonly ListenerRule[]): readonly WeightedGroup[] | undefined {
  return siblings[0]?.forward;
}
