/** One region of the sandbox: its durable state and its running parts, put together. */
import { makeStacks } from './api/cloudformation/worker.ts';
import { findOperation } from './api/protocol/invoke.ts';
import { loadService } from './api/protocol/services.ts';
import type { Clock } from './clock.ts';
import { closeAll, type Closer } from './closers.ts';
import { makeFaultyTasks } from './dataplane/faulty-tasks.ts';
import { makeImageStore } from './dataplane/image-store.ts';
import { makeLoadBalancers } from './dataplane/load-balancer.ts';
import { makeNetwork } from './dataplane/network.ts';
import { makeTargets } from './dataplane/targets.ts';
import type { ResourceFaults, VersionFaults } from './faults/faults.ts';
import { makeLogSink } from './log-sink.ts';
import type { Global, Region, SandboxConfig } from './parts.ts';
import { openState } from './persistence.ts';
import { makeScheduler } from './world/ecs/scheduler.ts';
import { forgetLinkedRoles } from './world/linked-roles.ts';
import { makeMetrics } from './world/metrics.ts';

export interface RunningRegion {
  readonly region: Region;
  /** Ends the region's parts and writes its state. */
  readonly stop: () => Promise<void>;
}

/** Whoever calls from inside has no credentials of their own. */
const INSIDE = { accessKeyId: 'sandbox' };

/**
 * Starts a region from what is stored of it.
 * @throws Error, worded for a user, when its state file is damaged or a part can't take up that state.
 */
export async function startRegion(
  name: string, config: SandboxConfig, clock: Clock, faults: VersionFaults & ResourceFaults, global: Global,
): Promise<RunningRegion> {
  const { state, changed, close } = openState(config.dir, name);
  // The parts know each other only through the region, so it has to be there before them.
  const region: Region = {
    name,
    config,
    clock,
    state,
    changed,
    global,
    metrics: makeMetrics(clock),
    arn: (service, resource) => `arn:aws:${service}:${name}:${config.account}:${resource}`,
    async call(serviceName, operation, input) {
      const service = await loadService(serviceName);
      const output = await findOperation(service, operation).run(structuredClone(input), region, INSIDE);
      return { ...structuredClone(output) };
    },
    get network() {
      return network;
    },
    get faultyTasks() {
      return faultyTasks;
    },
    get images() {
      return images;
    },
    get logs() {
      return logs;
    },
    get targets() {
      return targets;
    },
    get loadBalancers() {
      return loadBalancers;
    },
    get scheduler() {
      return scheduler;
    },
    get stacks() {
      return stacks;
    },
  };
  if (config.freshAccount) forgetLinkedRoles(region);
  const network = makeNetwork(region);
  const faultyTasks = makeFaultyTasks(region, faults);
  const images = makeImageStore(region);
  const logs = makeLogSink(region);
  const targets = makeTargets(region);
  const loadBalancers = makeLoadBalancers(region);
  const scheduler = makeScheduler(region);
  const stacks = makeStacks(region, faults);

  const closers: Closer[] = [close, faultyTasks.stop];
  const stop = () => closeAll(closers);
  try {
    for (const part of [targets, loadBalancers, scheduler, stacks]) {
      closers.push(() => part.stop());
      await part.start();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { region, stop };
}
