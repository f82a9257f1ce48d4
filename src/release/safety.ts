/**
 * The safety rules, as predicates over what AWS says now. The planner asks them when it plans, and `apply` asks them again
 * on a fresh observation right before every step that can hurt. Each returns why not, or undefined when it may be done.
 */
import type { EcsService } from '../aws/ecs.ts';
import type { ListenerRule } from '../aws/elbv2.ts';
import {
  type Colour,
  type ColourState,
  type Pair,
  type State,
  type Traffic,
  desiredTasks,
  healthyTargets,
  inScope,
  nameOf,
  share,
  weightOf,
} from './model.ts';

/**
 * Healthy targets that a group needs for a share of the traffic.
 * @param percent 0 to 100.
 * @param tasks tasks that the primary had when the release began.
 */
export function requiredTargets(percent: number, tasks: number): number {
  return percent === 0 ? 0 : Math.max(1, Math.ceil((percent * tasks) / 100));
}

/** What is known of targets. */
export type Health = Pick<Traffic, 'targets' | 'gaps' | 'healthUnknown'>;

/** No weight for a group without enough healthy targets: a load balancer does not fail over between weighted groups. */
export function whyNotWeight(traffic: Health, targetGroup: string, percent: number, tasks: number): string | undefined {
  if (traffic.healthUnknown) return traffic.healthUnknown;
  const required = requiredTargets(percent, tasks);
  const healthy = healthyTargets(traffic, targetGroup);
  if (healthy < required) {
    return `${percent}% needs ${required} healthy ${required === 1 ? 'target' : 'targets'}, and there ${healthy === 1 ? 'is' : 'are'} ${healthy}`;
  }
  const gaps = traffic.gaps.get(targetGroup) ?? [];
  if (gaps.length === 0) return undefined;
  const where = gaps.join(' and ');
  return `cross-zone load balancing is off for ${targetGroup} and it has no healthy target in ${where}, where requests would be answered 503`;
}

/** The emergency exit is content with one healthy target, and does not stay where it is because nobody can tell. */
export function whyNotReturn(traffic: Health, targetGroup: string): string | undefined {
  return traffic.healthUnknown || healthyTargets(traffic, targetGroup) > 0 ? undefined : 'the version that is to get the traffic has no healthy target';
}

/** With one version running, every rule gives it everything; what another group gets is answered by nobody. */
export function whyNotEverything(state: State, { targetGroup, colour }: ColourState): string | undefined {
  const least = Math.min(100, ...state.rules.map((rule) => share(rule, targetGroup)));
  return least < 100 ? `only ${Math.round(least)}% of the traffic reach ${colour}, where the version runs; the rest is answered 503` : undefined;
}

/** Traffic goes only where tasks are wanted: targets of a service that was just told to stop look healthy for a moment. */
export function whyNotReceive(service: EcsService | undefined): string | undefined {
  return service && service.desired > 0 ? undefined : `${service?.name ?? 'its ECS service'} wants no tasks`;
}

/**
 * No rule, nothing to move: never "success, nothing moved".
 * @param scope ARNs of listeners and rules that are to be changed; undefined for all that carry the pair.
 */
export function whyNoRules(traffic: Traffic, pair: Pair, scope?: readonly string[]): string | undefined {
  const unmatched = scope?.filter((arn) => inScope(traffic.rules, [arn]).length === 0) ?? [];
  if (traffic.rules.length > 0 && unmatched.length === 0) return undefined;
  const unlinked = traffic.groups.filter(({ loadBalancerArns }) => loadBalancerArns.length === 0).map(({ arn }) => arn);
  const ofThem = unmatched.length === 0 ? '' : ` of ${unmatched.join(' or ')}`;
  const lines = [`No listener rule${ofThem} forwards to exactly this pair of target groups.`];
  if (unlinked.length > 0) {
    const groups = unlinked.join(' and ');
    lines.push(`No rule at all names ${groups}, so that its targets are not even health-checked: add it to the rules at weight 0.`);
  }
  const asked = (rule: ListenerRule) => inScope([rule], scope).length > 0;
  const reason = (rule: ListenerRule) => (traffic.rules.includes(rule) && asked(rule) ? 'carries the pair' : whyPassedOver(rule, pair));
  const looked = [...traffic.rules, ...traffic.otherRules];
  if (looked.length > 0) lines.push('Looked at:', ...looked.map((rule) => `  ${nameOf(rule)}: ${reason(rule)}`));
  return lines.join('\n');
}

function whyPassedOver(rule: ListenerRule, pair: Pair): string {
  if (!rule.forward) return 'does not forward';
  const named = [pair.primary, pair.canary].filter((arn) => names(rule.forward, arn));
  if (named.length === 2) return rule.forward.length === 2 ? 'carries the pair, but was not asked for' : 'forwards to further groups beside the pair';
  return named.length === 1 ? `forwards to one group of the pair only, ${named[0]}` : 'forwards elsewhere';
}

/** Never stop what has weight, in any rule of the load balancer that names the group, not only in the pair's. */
export function whyNotStop(traffic: Traffic, targetGroup: string): string | undefined {
  if (traffic.undiscovered) return traffic.undiscovered;
  const naming = [...traffic.rules, ...traffic.otherRules].filter((rule) => share(rule, targetGroup) > 0);
  const lines = naming.map((rule) => `${nameOf(rule)} with ${Math.round(share(rule, targetGroup))}% of its traffic`);
  return lines.length === 0 ? undefined : `listener rules still forward to its target group: ${lines.join('; ')}`;
}

/** No fewer tasks than the traffic needs that the group gets, by whatever rule. */
export function whyNotShrink(traffic: Traffic, targetGroup: string, tasks: number, full: number): string | undefined {
  const [foreign] = foreignRules(traffic, targetGroup);
  if (traffic.undiscovered || foreign) return traffic.undiscovered ?? `listener rule ${foreign?.arn} forwards to its target group, too`;
  const percent = weightOf(traffic, targetGroup);
  return requiredTargets(percent, full) > tasks ? `it has ${Math.round(percent)}% of the traffic` : undefined;
}

/** Rules outside the pair that send the group traffic. */
export function foreignRules(traffic: Pick<Traffic, 'otherRules'>, targetGroup: string): ListenerRule[] {
  return traffic.otherRules.filter((rule) => share(rule, targetGroup) > 0);
}

/** Services that ECS or another program steers are not ours to change. */
export function whyNotOurs(state: State, colours: readonly ColourState[] = Object.values(state.colours)): string | undefined {
  for (const { service, targetGroup } of colours) {
    if (!service) continue;
    if (service.targetGroupArns.some((arn) => arn !== targetGroup)) return `${service.name} registers in another target group than its own`;
    if (service.controller !== 'ECS') return `${service.name} is steered by the ${service.controller} deployment controller`;
    if (service.strategy !== 'ROLLING') return `${service.name} has the ${service.strategy} deployment strategy of ECS's own`;
    if (service.tags['ecs-canary:project'] !== state.place.project) {
      return `${service.name} does not carry the tag ecs-canary:project=${state.place.project}`;
    }
  }
  return undefined;
}

/** Only an empty colour takes a new version. */
export function whyNotStart(state: State, colour: Colour): string | undefined {
  const { service } = state.colours[colour];
  if (service && service.status !== 'ACTIVE') return `${service.name} is ${service.status}: wait until it is gone`;
  return desiredTasks(state.colours[colour]) === 0 ? undefined : `${colour} still runs ${state.colours[colour].version?.tag}`;
}

function names(forward: readonly { arn: string }[] | undefined, arn: string): boolean {
  return (forward ?? []).some((group) => group.arn === arn);
}
