/** The registered targets of a region's target groups: registration, health, draining. */
import { setMaxListeners } from 'node:events';
import { AwsError } from '../errors.ts';
import type { Lifecycle, Region, RegisteredTarget, TargetAddress, TargetHealth, Targets } from '../parts.ts';
import { loadBalancersOf, type StoredTarget } from '../world/elbv2-state.ts';
import { monitorHealth } from './health-monitor.ts';

const UNUSED: TargetHealth = {
  state: 'unused',
  reason: 'Target.NotInUse',
  description: 'Target group is not configured to receive traffic from the load balancer',
};
const DRAINING: TargetHealth = {
  state: 'draining',
  reason: 'Target.DeregistrationInProgress',
  description: 'Target deregistration is in progress',
};

/** A target with what runs for it. */
interface RunningTarget extends RegisteredTarget {
  health: TargetHealth;
  readonly ended: AbortController;
  stopChecks?: (() => void) | undefined;
  cancelDraining?: (() => void) | undefined;
}

/**
 * The targets of one region. Registrations are durable; health is found out anew after a start, and targets that were draining
 * at a stop are gone.
 */
export function makeTargets(region: Region): Targets & Lifecycle {
  const groups = new Map<string, Map<string, RunningTarget>>();
  let started = false;

  function refresh(): void {
    if (!started) return;
    const { targetGroups } = region.state.elbv2;
    for (const [arn, group] of groups) {
      if (!targetGroups[arn]) group.forEach((target) => drop(arn, target));
    }
    for (const [arn, { targets }] of Object.entries(targetGroups)) {
      const inUse = loadBalancersOf(region.state.elbv2, arn).length > 0;
      for (const target of targets) observe(arn, runningTarget(arn, target), inUse);
    }
  }

  function runningTarget(arn: string, { id, port, availabilityZone }: StoredTarget): RunningTarget {
    const group = groups.get(arn) ?? new Map<string, RunningTarget>();
    groups.set(arn, group);
    const address = { ip: id, port };
    const known = group.get(keyOf(address));
    if (known) return known;
    const ended = new AbortController();
    setMaxListeners(0, ended.signal);
    const target = { ...address, availabilityZone, targetGroupArn: arn, health: UNUSED, gone: ended.signal, ended };
    group.set(keyOf(address), target);
    return target;
  }

  function observe(arn: string, target: RunningTarget, inUse: boolean): void {
    target.cancelDraining?.();
    target.cancelDraining = undefined;
    if (inUse) {
      target.stopChecks ??= monitorHealth(region, arn, target, (health) => {
        target.health = health;
      });
    } else {
      target.stopChecks?.();
      target.stopChecks = undefined;
      target.health = UNUSED;
    }
  }

  function drain(arn: string, target: RunningTarget): void {
    const wasUsed = target.stopChecks !== undefined;
    target.stopChecks?.();
    target.stopChecks = undefined;
    const delay = Number(region.state.elbv2.targetGroups[arn]?.attributes['deregistration_delay.timeout_seconds'] ?? 0);
    if (!wasUsed || delay === 0) return drop(arn, target);
    target.health = DRAINING;
    target.cancelDraining = region.clock.after(delay * 1_000, () => drop(arn, target));
  }

  function drop(arn: string, target: RunningTarget): void {
    target.stopChecks?.();
    target.cancelDraining?.();
    groups.get(arn)?.delete(keyOf(target));
    target.ended.abort();
  }

  return {
    register(arn, { ip, port }, availabilityZone) {
      const group = region.state.elbv2.targetGroups[arn];
      if (!group) throw new AwsError('TargetGroupNotFound', `Target groups '${arn}' not found`);
      if (!group.targets.some((target) => target.id === ip && target.port === port)) {
        group.targets.push({ id: ip, port, availabilityZone });
        region.changed();
      }
      refresh();
    },

    deregister(arn, { ip, port }) {
      const group = region.state.elbv2.targetGroups[arn];
      const index = group?.targets.findIndex((target) => target.id === ip && target.port === port) ?? -1;
      if (!group || index < 0) return;
      group.targets.splice(index, 1);
      region.changed();
      const running = groups.get(arn)?.get(keyOf({ ip, port }));
      if (running) drain(arn, running);
    },

    health: (arn, target) => groups.get(arn)?.get(keyOf(target))?.health,
    list: (arn) => [...(groups.get(arn)?.values() ?? [])],
    refresh,

    start() {
      started = true;
      refresh();
      return Promise.resolve();
    },

    stop() {
      started = false;
      for (const [arn, group] of groups) group.forEach((target) => drop(arn, target));
      return Promise.resolve();
    },
  };
}

function keyOf({ ip, port }: TargetAddress): string {
  return `${ip}:${port}`;
}
