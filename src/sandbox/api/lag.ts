/** Reads that lag behind writes: each read of a service sees what was written to it up to some moment, at most the lag ago. */
import type { Clock } from '../clock.ts';
import type { Region, ServiceName } from '../parts.ts';
import { isWrite } from '../request-log.ts';
import type { WorldState } from '../world/state.ts';
import type { ApiCall } from './throttle.ts';

/** The region as a call finds it. A write finds it as it is; what reads of it may see for a while is remembered first. */
export type Lag = (call: ApiCall, region: Region) => Region;

export interface LagParts {
  /** AWS ms that a read may lag behind. */
  readonly lagMs: number;
  readonly clock: Clock;
  /** A number in [0, 1) for each read that may lag. */
  readonly random: () => number;
}

/** A service's part of a region's state as it was right before a write. */
interface Before {
  readonly at: number;
  readonly part: Partial<WorldState>;
}

/** Which part of the state each service's reads see late. The registry, health, logs and metrics do not lag. */
const parts: Partial<Record<ServiceName, keyof WorldState>> = {
  acm: 'acm',
  cloudformation: 'cloudformation',
  ecr: 'ecr',
  ecs: 'ecs',
  elasticloadbalancing: 'elbv2',
  ssm: 'ssm',
};

/** It is named like a read and is none: what it gives out has to be known afterwards. */
const GIVES_OUT = 'GetAuthorizationToken';

export function makeLag({ lagMs, clock, random }: LagParts): Lag {
  /** By region and part, the oldest first. */
  const history = new Map<string, Before[]>();

  return (call, region) => {
    const name = partOf(call.service);
    if (name === undefined || call.operation === GIVES_OUT) return region;
    const key = `${call.region} ${name}`;
    const now = clock.awsNow();
    const befores = (history.get(key) ?? []).filter(({ at }) => now - at <= lagMs);
    history.set(key, befores);
    if (isWrite(call.operation)) {
      befores.push({ at: now, part: { [name]: structuredClone(region.state[name]) } });
      return region;
    }
    const asOf = now - random() * lagMs;
    const before = befores.find(({ at }) => at > asOf);
    return before ? withState(region, { ...region.state, ...before.part }) : region;
  };
}

function partOf(service: string): keyof WorldState | undefined {
  return Object.entries(parts).find(([name]) => name === service)?.[1];
}

/** The same region, its running parts included, with another state to read. */
function withState(region: Region, state: WorldState): Region {
  return Object.create(region, { state: { value: state } });
}
