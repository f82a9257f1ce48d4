/** How much a sandbox holds, for `sandbox status`. */
import type { Region } from './parts.ts';
import type { GlobalState, WorldState } from './world/state.ts';

/** Counts by kind, over all regions. */
export type Holdings = Readonly<Record<string, number>>;

export function countHoldings(regions: Iterable<Region>, { route53 }: GlobalState): Holdings {
  const states = Array.from(regions, ({ state }) => state);
  const count = (things: (state: WorldState) => object) => states.reduce((sum, state) => sum + Object.keys(things(state)).length, 0);
  return {
    regions: states.length,
    clusters: count(({ ecs }) => ecs.clusters),
    services: count(({ ecs }) => Object.values(ecs.services).filter(({ service }) => service.status === 'ACTIVE')),
    tasks: count(({ ecs }) => Object.values(ecs.tasks).filter(({ task }) => task.lastStatus !== 'STOPPED')),
    loadBalancers: count(({ elbv2 }) => elbv2.loadBalancers),
    listeners: count(({ elbv2 }) => elbv2.listeners),
    targetGroups: count(({ elbv2 }) => elbv2.targetGroups),
    repositories: count(({ ecr }) => ecr.repositories),
    stacks: count(({ cloudformation }) => Object.values(cloudformation.stacks).filter(({ deletedAt }) => !deletedAt)),
    parameters: count(({ ssm }) => ssm.parameters),
    certificates: count(({ acm }) => acm.certificates),
    logGroups: count(({ logs }) => logs.groups),
    hostedZones: Object.keys(route53.zones).length,
  };
}
