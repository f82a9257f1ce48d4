/**
 * The safety rules, as predicates over what AWS says now. The planner asks them when it plans, and `apply` asks them again
 * on a fresh observation right before every step that can hurt. Each returns why not, or undefined when it may be done.
 */
import type { EcsService } from '../aws/ecs.ts';
import { type Colour, type ColourState, type Pair, type State, type Traffic, desiredTasks, healthyTargets, share, weightOf } from './model.ts';

/**
 * Healthy targets that a group needs for a share of the traffic.
 * @param percent 0 to 100.
 * @param tasks tasks that the primary had when the release began.
 */
export function requiredTargets(percent: number, tasks: number): number {
  return percent === 0 ? 0 : Math.max(1, Math.ceil((percent * tasks) / 100));
}

/** No weight for a group without enough healthy targets: a load balancer does not fail over between weighted groups. */
export function whyNotWeight(traffic: Traffic, targetGroup: string, percent: number, tasks: number): string | undefined {
  const required = requiredTargets(percent, tasks);
  const healthy = healthyTargets(traffic, targetGroup);
  if (healthy >= required) return undefined;
  return `${percent}% needs ${required} healthy ${required === 1 ? 'target' : 'targets'}, and there ${healthy === 1 ? 'is' : 'are'} ${healthy}`;
}

/** The emergency exit is content with one healthy target. */
export function whyNotReturn(traffic: Traffic, targetGroup: string): string | undefined {
  return healthyTargets(traffic, targetGroup) > 0 ? undefined : 'it has no healthy target';
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

/** No rule, nothing to move: never "success, nothing moved". */
export function whyNoRules(traffic: Traffic, pair: Pair): string | undefined {
  if (traffic.rules.length > 0) return undefined;
  const passedOver = traffic.otherRules.map((rule) => {
    const named = [pair.primary, pair.canary].filter((arn) => names(rule.forward, arn));
    const reason = !rule.forward
      ? 'does not forward'
      : named.length === 2
        ? 'forwards to further groups beside the pair'
        : named.length === 1
          ? `forwards to one group of the pair only, ${named[0]}`
          : 'forwards elsewhere';
    return `  ${rule.arn} (priority ${rule.priority}): ${reason}`;
  });
  const looked = passedOver.length === 0 ? 'The target groups belong to no load balancer.' : `Looked at:\n${passedOver.join('\n')}`;
  return `No listener rule forwards to exactly this pair of target groups. ${looked}`;
}

/** Never stop what has weight, in any rule of the load balancer that names the group, not only in the pair's. */
export function whyNotStop(traffic: Traffic, targetGroup: string): string | undefined {
  const own = weightOf(traffic, targetGroup);
  if (own > 0) return `its target group still has ${Math.round(own)}% of the traffic`;
  const foreign = traffic.otherRules.find((rule) => share(rule, targetGroup) > 0);
  return foreign && `listener rule ${foreign.arn} still forwards to its target group`;
}

/** Services that ECS or another program steers are not ours to change. */
export function whyNotOurs(state: State): string | undefined {
  for (const { service, targetGroup } of Object.values(state.colours)) {
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
