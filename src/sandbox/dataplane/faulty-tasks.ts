/** Lets the containers of a region do what is ordered for their image: crash, fail health checks, answer badly or slowly. */
import type { IncomingHttpHeaders } from 'node:http';
import type { CountedVersionOrder, VersionFaults } from '../faults/faults.ts';
import type { FaultyTasks, Region } from '../parts.ts';
import { randomBy } from '../random.ts';
import { namesOf } from '../world/ecr-images.ts';
import { type Front, startFront, type Treatment } from './front.ts';
import type { ContainerOrder, PulledImage, RunningContainer, TaskRunner } from './runner.ts';

/** What stands in for a container that crashes at once: a real process with a real exit code and a last line in its log. */
const CRASHING = ['node', '-e', "console.error('Error: this version crashes, as ordered from the sandbox'); process.exit(1)"];

/** One order at work on one container. */
interface Affliction {
  readonly order: CountedVersionOrder;
  /** Its time has come. */
  isRipe: boolean;
  /** Since it was taken up. */
  requests: number;
  /** Waits for its time no longer. */
  cancel: () => void;
}

interface TrackedContainer {
  /** Takes up orders that are new and drops those that are gone. */
  readonly update: () => Promise<void>;
  readonly end: () => void;
}

/**
 * Requests pass through a front only while something is ordered for their container: else nothing stands between. A front stays
 * open until its container ends, since requests may be on their way to it when an order is cleared.
 */
export function makeFaultyTasks(region: Region, faults: VersionFaults): FaultyTasks & { readonly stop: () => void } {
  const containers = new Set<TrackedContainer>();
  const entrances = new Map<number, number>();
  const random = randomBy(region.config.seed);
  const unwatch = faults.watch(async () => {
    await Promise.all(Array.from(containers, ({ update }) => update()));
  });

  function track(container: RunningContainer, ordersNow: () => readonly CountedVersionOrder[]): TrackedContainer {
    const ports = Object.values(container.ports);
    let afflictions: Affliction[] = [];
    let fronts: Promise<Front[]> | undefined;
    let hasEnded = false;
    let isKilled = false;

    function crashIfDue(): boolean {
      const crashing = afflictions.find((affliction) => affliction.order.fault === 'crash' && isDue(affliction));
      if (!crashing || hasEnded || isKilled) return isKilled;
      isKilled = true;
      crashing.order.hits += 1;
      container.kill();
      return true;
    }

    function take(order: CountedVersionOrder): Affliction {
      order.seen += 1;
      const affliction: Affliction = { order, isRipe: order.afterMs === 0, requests: 0, cancel: () => undefined };
      if (!affliction.isRipe) {
        affliction.cancel = region.clock.after(order.afterMs, () => {
          affliction.isRipe = true;
          crashIfDue();
        });
      }
      return affliction;
    }

    function treat(headers: IncomingHttpHeaders): Treatment {
      const isCheck = headers['user-agent']?.startsWith('ELB-HealthChecker/') === true;
      if (!isCheck) for (const affliction of afflictions) affliction.requests += 1;
      if (crashIfDue()) return 'cut';
      const due = afflictions.filter(isDue);
      return isCheck ? treatCheck(due) : treatRequest(due);
    }

    function treatRequest(due: readonly Affliction[]): Treatment {
      let delayMs = 0;
      let answer: number | undefined;
      for (const { order } of due) {
        const { fault } = order;
        if (typeof fault === 'string' || random() >= (fault.rate ?? 1)) continue;
        order.hits += 1;
        if ('slowMs' in fault) delayMs += fault.slowMs;
        else answer ??= fault.answer;
      }
      return { delayMs, answer };
    }

    async function update(): Promise<void> {
      const wanted = hasEnded ? [] : ordersNow();
      for (const { order, cancel } of afflictions) if (!wanted.includes(order)) cancel();
      afflictions = wanted.map((order) => afflictions.find((known) => known.order === order) ?? take(order));
      if (afflictions.length === 0) {
        for (const port of ports) entrances.delete(port);
        return;
      }
      crashIfDue();
      fronts ??= Promise.all(ports.map((port) => startFront(port, treat)));
      const opened = await fronts;
      if (afflictions.length > 0) ports.forEach((port, index) => entrances.set(port, opened[index]?.port ?? port));
    }

    return {
      update,
      end() {
        hasEnded = true;
        void update();
        void fronts?.then((opened) => opened.forEach(({ close }) => close()));
      },
    };
  }

  async function start(runner: TaskRunner, order: ContainerOrder, image: PulledImage): Promise<RunningContainer> {
    const ordersNow = () => faults.ordersFor(namesOf(region, image.repository, image.digest));
    const crashing = ordersNow().find(({ fault, afterMs, afterRequests }) => fault === 'crash' && afterMs === 0 && afterRequests === 0);
    if (crashing) {
      crashing.seen += 1;
      crashing.hits += 1;
      return runner.start({ ...order, definition: { ...order.definition, entryPoint: CRASHING, command: [] } }, image);
    }
    let tracked: TrackedContainer | undefined;
    let hasExited = false;
    const exited: ContainerOrder['exited'] = (exitCode, reason) => {
      hasExited = true;
      if (tracked) containers.delete(tracked);
      tracked?.end();
      order.exited(exitCode, reason);
    };
    const container = await runner.start({ ...order, exited }, image);
    if (!hasExited) {
      tracked = track(container, ordersNow);
      containers.add(tracked);
      await tracked.update();
    }
    return container;
  }

  return {
    over: (runner) => ({ ...runner, start: (order, image) => start(runner, order, image) }),
    entrance: (port) => entrances.get(port) ?? port,
    stop: unwatch,
  };
}

function isDue({ order, isRipe, requests }: Affliction): boolean {
  return isRipe && requests >= order.afterRequests;
}

function treatCheck(due: readonly Affliction[]): Treatment {
  const failing = due.find(({ order }) => order.fault === 'unhealthy');
  if (failing) failing.order.hits += 1;
  return { delayMs: 0, answer: failing && 503 };
}
