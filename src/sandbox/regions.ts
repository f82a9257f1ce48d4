/** The regions of a sandbox, and what they share: those with stored state start with it, others on demand. */
import type { Clock } from './clock.ts';
import { writeZones } from './dataplane/task-names.ts';
import type { ResourceFaults, VersionFaults } from './faults/faults.ts';
import type { Global, Region, SandboxConfig } from './parts.ts';
import { openGlobalState, storedRegions } from './persistence.ts';
import { type RunningRegion, startRegion } from './region.ts';

export interface Regions {
  readonly get: (name: string) => Promise<Region>;
  /** Those that run. */
  readonly started: () => Iterable<Region>;
  readonly global: Global;
  readonly stop: () => Promise<void>;
}

/** Starts the regions that have stored state. When one can't start, those that could are stopped again. */
export async function startRegions(config: SandboxConfig, clock: Clock, faults: VersionFaults & ResourceFaults): Promise<Regions> {
  const file = openGlobalState(config.dir);
  const global: Global = {
    state: file.state,
    changed() {
      file.changed();
      writeZones(config.dir, file.state.route53);
    },
  };
  writeZones(config.dir, file.state.route53);
  const starting = new Map<string, Promise<Region>>();
  const running: RunningRegion[] = [];

  let stopping = false;
  const get = (name: string) => {
    if (stopping) return Promise.reject(new Error('The sandbox is stopping.'));
    const known = starting.get(name);
    if (known) return known;
    const region = start(name);
    starting.set(name, region);
    return region;
  };
  const start = async (name: string) => {
    const started = await startRegion(name, config, clock, faults, global);
    running.push(started);
    return started.region;
  };
  const stop = async () => {
    stopping = true;
    await Promise.allSettled(starting.values());
    await Promise.all(running.map((region) => region.stop()));
    file.close();
  };

  try {
    await Promise.all(storedRegions(config.dir).map(get));
  } catch (error) {
    await stop();
    throw error;
  }
  return { get, started: () => running.map(({ region }) => region), global, stop };
}
