/** Which listener rules a project's services need, and which of them are still to be made. */
import type { ListenerRule, NewRule, RuleMatch, WeightedGroup } from '../aws/elbv2.ts';
import { CanaryError, UNCHANGED, usageError } from '../errors.ts';
import { agree } from '../release/join-rule.ts';
import { loadBalancerOf, nameOf } from '../release/model.ts';
import { holdsExactly } from '../release/observe.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { placeOf } from './rule-place.ts';
import { PROJECT_TAG, SERVICE_TAG } from './session.ts';

/** A service with a listener that it is exposed on and its pair; ARNs of what is not made yet are any text. */
export interface ServiceRoute {
  readonly service: ServiceSettings;
  readonly listenerArn: string;
  readonly blue: string;
  readonly green: string;
  /** The group that owns production by the release log; undefined where it says nothing. Counts where no rule carries the pair. */
  readonly primary?: string;
  /** Whether a rule is one of the project's; by default all are. */
  readonly isOurs?: (rule: ListenerRule) => boolean;
}

/**
 * The service's rule on the route's listener, unless it is there already. Existing rules are never touched.
 * @param rules all rules of the project's load balancers, those about to be made included.
 * @throws CanaryError `rule-conflict` when another rule has the same conditions; `rule-shadowed` when the new one would never
 *   get a request; `service-moved` when the pair already stands behind another load balancer; `rules-disagree` when the
 *   rules that carry the pair have different weights.
 */
export function missingRule(settings: Settings, route: ServiceRoute, rules: readonly ListenerRule[]): NewRule | undefined {
  const { service, listenerArn, blue, green, primary = blue } = route;
  const siblings = rules.filter((rule) => holdsExactly(rule, { primary: blue, canary: green }));
  const elsewhere = siblings.map(loadBalancerOf).find((balancer) => balancer !== loadBalancerOf(route));
  if (elsewhere !== undefined) throw moved(service, settings, elsewhere);
  const conditions = conditionsOf(service);
  const others = rules.filter((rule) => rule.listenerArn === listenerArn);
  const same = others.find((rule) => sameConditions(rule.conditions, conditions));
  if (same && siblings.includes(same)) return undefined;
  if (same) throw conflict('rule-conflict', `Listener rule ${same.arn} already takes ${wordsOf(conditions)}, and it does not belong to ${service.name}.`, service);
  return {
    listenerArn,
    priority: priorityOf(route, conditions, others, siblings),
    conditions,
    groups: liveWeights(siblings, service) ?? [blue, green].map((arn) => ({ arn, weight: arn === primary ? 100 : 0 })),
    tags: { [PROJECT_TAG]: settings.project, [SERVICE_TAG]: service.name },
  };
}

/** @throws CanaryError `usage` when two services of the settings would take the same requests on one listener. */
export function refuseClashes({ services, existing: { listenerArns } }: Settings): void {
  for (const [index, service] of services.entries()) {
    const conditions = conditionsOf(service);
    const meets = ({ expose, protocol }: ServiceSettings) =>
      // The internal load balancer has a listener for each protocol.
      listenerArns || (expose === service.expose && (expose === 'public' || protocol === service.protocol));
    const twin = services.slice(0, index).find((other) => meets(other) && sameConditions(conditionsOf(other), conditions));
    if (!twin) continue;
    const [where, settings] = listenerArns ? ['behind LISTENER_ARNS', '_PATH_PATTERN or _HOST_HEADER'] : [service.expose, '_PATH_PATTERN, _HOST_HEADER or _EXPOSE'];
    throw usageError(
      `${twin.name} and ${service.name} are both ${where} and both take ${wordsOf(conditions)}: one of them would never get a request.`,
      `set ${service.name.toUpperCase().replaceAll('-', '_')}${settings} in .env, then: ecs-canary build-infra`,
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

function priorityOf(
  { service, isOurs = () => true }: ServiceRoute,
  conditions: readonly RuleMatch[],
  rules: readonly ListenerRule[],
  siblings: readonly ListenerRule[],
): number {
  const place = placeOf(conditions, rules, { isOurs, isSibling: (rule) => siblings.includes(rule) });
  if ('priority' in place) return place.priority;
  if ('behind' in place) {
    throw conflict('rule-shadowed', `${service.name} would never get a request for ${wordsOf(conditions)}: listener rule ${nameOf(place.behind)} stands before it and takes them all.`, service);
  }
  throw conflict('rule-shadowed', `The rule of ${service.name} for ${wordsOf(conditions)} would have to stand behind listener rule ${nameOf(place.full)}, which has the last priority there is.`, service);
}

/**
 * Weights of the rules that carry the pair already: a new rule must not send users to another version than its siblings do.
 * Where they disagree nobody can say which of them it should be like.
 */
function liveWeights([first, ...others]: readonly ListenerRule[], service: ServiceSettings): readonly WeightedGroup[] | undefined {
  if (!first) return undefined;
  const odd = others.filter((other) => !agree(first, other));
  if (odd.length === 0) return first.forward;
  const weights = (rule: ListenerRule) => `  ${nameOf(rule)}: ${(rule.forward ?? []).map(({ arn, weight }) => `${weight} to ${arn}`).join(', ')}`;
  throw new CanaryError({
    code: 'rules-disagree',
    message: `The rules of ${service.name} have different weights, so that it is not known which a further rule should get:\n${[first, ...odd].map(weights).join('\n')}`,
    usersAre: UNCHANGED,
    next: `ecs-canary status --service ${service.name}; then route or rollback, which make them agree, and ecs-canary build-infra`,
  });
}

function moved({ name, expose }: ServiceSettings, { existing }: Settings, balancer: string): CanaryError {
  const other = expose === 'public' ? 'internal' : 'public';
  const [why, next] = existing.listenerArns
    ? ['LISTENER_ARNS names listeners of another one', 'remove LISTENER_ARNS, or name listeners of that load balancer, then: ecs-canary build-infra']
    : [`EXPOSE is ${expose}`, `set EXPOSE=${other} for ${name}, or deploy it under another name`];
  return new CanaryError({
    code: 'service-moved',
    message: `The target groups of ${name} stand behind load balancer ${balancer}, and ${why}: a target group belongs to one only.`,
    usersAre: UNCHANGED,
    next,
  });
}

function conflict(code: string, message: string, { name }: ServiceSettings): CanaryError {
  return new CanaryError({
    code,
    message,
    usersAre: 'where they were before; no rule was changed.',
    next: `give ${name} another PATH_PATTERN or HOST_HEADER, or have the owner of that rule make it narrower, then: ecs-canary build-infra`,
  });
}
