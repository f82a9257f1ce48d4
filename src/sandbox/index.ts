/** The local AWS: API, registry and data plane on loopback. `startSandbox` is the whole of it. */
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { kinds } from './api/cloudformation/kinds.ts';
import { makeAnswering } from './api/faulty-answer.ts';
import { allOperations } from './api/protocol/services.ts';
import { makeLag } from './api/lag.ts';
import { listen, type ServerParts } from './api/server.ts';
import { makeThrottle } from './api/throttle.ts';
import { realClock } from './clock.ts';
import { closeAll, type Closer } from './closers.ts';
import { makeLayerDownloads } from './dataplane/layer-downloads.ts';
import { makeRegistry, REGISTRY_OPERATIONS } from './dataplane/registry.ts';
import { type FaultOrders, type Faults, makeFaults } from './faults/faults.ts';
import { accessLogFile, logFile, prepareFolder, requestLogFile } from './folder.ts';
import { countHoldings } from './holdings.ts';
import { makeGuard } from './iam/guard.ts';
import { readPolicies } from './iam/policy.ts';
import type { Region, SandboxConfig } from './parts.ts';
import type { RunnerName } from './dataplane/runner.ts';
import type { Quotas } from './quotas.ts';
import { randomBy } from './random.ts';
import { startRegions } from './regions.ts';
import { openRequestLog } from './request-log.ts';
import { claim, refuseIfRunning, release, type SandboxInfo, type SandboxStatus } from './run-file.ts';

export interface SandboxOptions {
  /** Port of API and registry on 127.0.0.1; 0 (the default) for a free one. */
  readonly port?: number;
  /** The folder that holds everything durable; made where it is missing. */
  readonly dir: string;
  /** AWS durations are divided by it (default 1). */
  readonly speed?: number;
  /** Account id, 12 digits (default 000000000000). */
  readonly account?: string;
  /** Makes what happens by chance repeatable: the choice of target group, rates of faults, how far reads lag. */
  readonly seed?: number;
  /** No listing gives more items in a page (default: AWS's own sizes). */
  readonly pageSize?: number;
  /** Quotas of the account that are not AWS's default. */
  readonly quotas?: Quotas;
  /** Throttles calls at AWS's rates (default: only where a fault is ordered). */
  readonly throttle?: boolean;
  /** AWS ms that reads may lag behind writes (default 0: never). */
  readonly lagMs?: number;
  /** Nobody has used ECS in the account before (default: somebody has). */
  readonly freshAccount?: boolean;
  /**
   * Files of identity-based policies, each `FILE` for all callers or `NAME=FILE` for those whose access key id is NAME. Callers without
   * any may do everything (default: nobody has one).
   */
  readonly policies?: readonly string[];
  /** What tasks run in (default: processes of this machine). */
  readonly runner?: RunnerName;
}

export interface Sandbox {
  readonly info: SandboxInfo;
  /** The endpoint for AWS SDKs. */
  readonly url: string;
  readonly port: number;
  /** What is to go wrong with which calls. */
  readonly faults: FaultOrders;
  /** A region, started on demand. */
  region(name: string): Promise<Region>;
  /** Ends everything it started and writes its state. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox in this process.
 * @throws Error, worded for a user, when the port can't be had, the folder has a sandbox that runs or holds something else, or its
 *   state or a policy can't be read.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { port = 0, speed = 1, account = '000000000000', seed, pageSize, quotas } = options;
  const { throttle = false, lagMs = 0, freshAccount = false, runner = 'process' } = options;
  const dir = resolve(options.dir);
  const policies = readPolicies(options.policies ?? []);
  prepareFolder(dir);
  await refuseIfRunning(dir);
  const guard = policies.size === 0 ? undefined : makeGuard(policies, (check) => appendFileSync(accessLogFile(dir), `${JSON.stringify(check)}\n`));
  const config = { account, dir, speed, seed, pageSize, quotas, throttle, lagMs, freshAccount, guard, runner };
  const closers: Closer[] = [];
  try {
    const server = await listen(port, (bound) => startParts({ ...config, port: bound }, closers));
    closers.push(server.close);
    const { info, faults, region } = server.parts;
    closers.push(faults.stop);
    return { info, url: info.url, port: info.port, faults, region, stop: () => closeAll(closers) };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

interface SandboxParts extends ServerParts {
  readonly info: SandboxInfo;
  readonly faults: Faults;
  readonly region: (name: string) => Promise<Region>;
}

/** Starts what stands behind the port; what has to be ended later goes to `closers`, also when it fails midway. */
async function startParts(config: SandboxConfig, closers: Closer[]): Promise<SandboxParts> {
  const { dir, port, speed, account } = config;
  const url = `http://127.0.0.1:${port}`;
  const info: SandboxInfo = { id: randomUUID(), pid: process.pid, url, port, speed, account, since: new Date().toISOString() };
  await claim(dir, info);
  closers.push(() => release(dir));
  const requestLog = openRequestLog(requestLogFile(dir));
  closers.push(requestLog.close);
  const resourceTypes = new Set(Object.keys(kinds));
  const faults = makeFaults(async () => ({ api: await allOperations(), registry: REGISTRY_OPERATIONS, resourceTypes }));
  const clock = realClock(speed);
  const regions = await startRegions(config, clock, faults);
  closers.push(regions.stop);
  return {
    info,
    faults,
    region: regions.get,
    answer: makeAnswering({
      regions: regions.get,
      faults,
      throttle: config.throttle ? makeThrottle(clock) : undefined,
      lag: config.lagMs > 0 ? makeLag({ lagMs: config.lagMs, clock, random: randomBy(config.seed) }) : undefined,
    }),
    registry: makeRegistry({
      dir,
      faults,
      regions: regions.started,
      log: (call) => requestLog.append({ ...call, service: 'ecr', requestId: randomUUID() }),
    }),
    layers: makeLayerDownloads(dir),
    requestLog,
    status: (): SandboxStatus => ({ ...info, holds: countHoldings(regions.started(), regions.global.state) }),
    log: (line) => appendFileSync(logFile(dir), `${new Date().toISOString()} ${line}\n`),
  };
}
