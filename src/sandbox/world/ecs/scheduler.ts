/** The service scheduler of a region: looks at tasks and services, again and again, as long as there are any. */
import { makeTaskRunner } from '../../dataplane/task-runner.ts';
import type { Lifecycle, Region, Scheduler } from '../../parts.ts';
import { collectAnnouncements } from './events.ts';
import { reconcile } from './reconcile.ts';
import { makeTaskLives } from './task-life.ts';
import { makeThrottle } from './throttle.ts';
import { SCHEDULER_INTERVAL } from './timings.ts';

/** However fast the sandbox's clock runs, looks are at least so many real ms apart. */
const LEAST_INTERVAL = 10;

/** Runs what the region's ECS services ask for. */
export function makeScheduler(region: Region): Scheduler & Lifecycle {
  const runner = region.faultyTasks.over(makeTaskRunner(region));
  const announcements = collectAnnouncements(region);
  const lives = makeTaskLives(region, runner, announcements, wake);
  const memory = { throttle: makeThrottle(region.clock), age: lives.age };
  let cancel: (() => void) | undefined;
  let isRunning = false;

  function wake(): void {
    if (isRunning && !cancel) {
      cancel = region.clock.after(Math.max(SCHEDULER_INTERVAL, LEAST_INTERVAL * region.config.speed), look);
    }
  }

  function look(): void {
    cancel = undefined;
    const { tasks, services } = region.state.ecs;
    Object.values(tasks).forEach(lives.advance);
    announcements.write();
    const active = Object.values(services).filter(({ service }) => service.status !== 'INACTIVE');
    active.forEach((service) => reconcile(region, service, memory));
    if (active.length > 0 || Object.keys(tasks).length > 0) {
      wake();
    }
  }

  return {
    wake,
    async start() {
      await runner.recover();
      region.state.ecs.endpoints = {};
      isRunning = true;
      wake();
    },
    async stop() {
      isRunning = false;
      cancel?.();
      cancel = undefined;
      await lives.stop();
      await runner.close();
    },
  };
}
