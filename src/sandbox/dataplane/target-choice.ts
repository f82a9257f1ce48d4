/** Where a forward action sends one request: a target group by weight or stickiness, then a target of it in turn. */
import type { ForwardActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Region, RegisteredTarget } from '../parts.ts';
import { randomBy } from '../random.ts';

export interface Circumstances {
  /** The load balancer's zones: the request arrives in one of them. */
  readonly zones: readonly string[];
  /** The target group that the client is to stay with: weights do not matter then. */
  readonly stickyGroup: string | undefined;
}

export interface TargetChooser {
  /** A target for one request; undefined when there is none that may have it. */
  choose(forward: ForwardActionConfig, circumstances: Circumstances): RegisteredTarget | undefined;
}

/** Chooses anew for each call, so that a change of weights or health holds from the next request on. */
export function makeTargetChooser(region: Region): TargetChooser {
  const random = randomBy(region.config.seed);
  const turns = new Map<string, number>();

  /** The targets that a request may reach from where it arrives. */
  function targetsInReach(arn: string, zones: readonly string[]): readonly RegisteredTarget[] {
    const targets = region.targets.list(arn);
    if (region.state.elbv2.targetGroups[arn]?.attributes['load_balancing.cross_zone.enabled'] !== 'false') return targets;
    const zone = zones[Math.floor(random() * zones.length)];
    return targets.filter(({ availabilityZone }) => availabilityZone === zone);
  }

  return {
    choose(forward, { zones, stickyGroup }) {
      const arn = stickyGroup ?? targetGroupByWeight(forward, random);
      if (arn === undefined) return undefined;
      const targets = usableTargets(targetsInReach(arn, zones));
      const turn = turns.get(arn) ?? 0;
      turns.set(arn, turn + 1);
      return targets[turn % targets.length];
    },
  };
}

/** Weights are ratios; a group with weight 0 is never chosen, and nothing fails over to another group. */
function targetGroupByWeight({ TargetGroups = [] }: ForwardActionConfig, random: () => number): string | undefined {
  const total = TargetGroups.reduce((sum, { Weight = 1 }) => sum + Weight, 0);
  let point = random() * total;
  for (const { TargetGroupArn, Weight = 1 } of TargetGroups) {
    if (point < Weight) return TargetGroupArn;
    point -= Weight;
  }
  return undefined;
}

/** The healthy ones; where there are only unhealthy ones the group fails open to them. */
function usableTargets(targets: readonly RegisteredTarget[]): readonly RegisteredTarget[] {
  const healthy = targets.filter(({ health }) => health.state === 'healthy');
  return healthy.length > 0 ? healthy : targets.filter(({ health }) => health.state === 'unhealthy');
}
