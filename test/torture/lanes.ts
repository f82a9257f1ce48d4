/** Works off a list of jobs in several lanes side by side. */
import { type Lane, openLane } from './lane.ts';

/** Some find more to do while they are at it. */
export type Job = (lane: Lane) => Promise<void>;

export interface Limits {
  readonly lanes: number;
  /** No further job is begun once it aborts. */
  readonly signal: AbortSignal;
}

/**
 * @param jobs taken from the front, also those that are put there meanwhile.
 * @returns how many were not begun.
 */
export async function workOff(root: string, jobs: Job[], { lanes, signal }: Limits, failed: (error: unknown) => void): Promise<number> {
  const atWork = new Set<Promise<void>>();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      const lane = await openLane(root);
      try {
        while (!signal.aborted) {
          const job = jobs.shift();
          if (!job && atWork.size === 0) return;
          // Another lane's job may be about to find more.
          const one: Promise<void> = job ? job(lane).catch(failed).finally(() => atWork.delete(one)) : Promise.race(atWork);
          if (job) atWork.add(one);
          await one;
        }
      } finally {
        await lane.end();
      }
    }),
  );
  return jobs.length;
}
