/** Slows down the restarts of a deployment whose tasks keep failing before they run. Forgotten when the sandbox restarts. */
import type { Clock } from '../../clock.ts';
import { FIRST_RESTART_DELAY, LONGEST_RESTART_DELAY } from './timings.ts';

/** From this round of failures on, ECS says that it cannot start tasks consistently. */
const NOTICED = 3;

export interface RestartThrottle {
  failedToStart(deploymentId: string): void;
  /** A task of the deployment runs: the next failure is a first one. */
  started(deploymentId: string): void;
  /** Nothing may be launched for now. */
  isWaiting(deploymentId: string): boolean;
  isThrottled(deploymentId: string): boolean;
}

export function makeThrottle(clock: Clock): RestartThrottle {
  const failing = new Map<string, { rounds: number; until: number }>();
  const isWaiting = (deploymentId: string) => (failing.get(deploymentId)?.until ?? 0) > clock.awsNow();
  return {
    failedToStart(deploymentId) {
      // Tasks that were launched together fail together: one round.
      if (!isWaiting(deploymentId)) {
        const rounds = (failing.get(deploymentId)?.rounds ?? 0) + 1;
        const delay = Math.min(LONGEST_RESTART_DELAY, FIRST_RESTART_DELAY * 2 ** (rounds - 1));
        failing.set(deploymentId, { rounds, until: clock.awsNow() + delay });
      }
    },
    started: (deploymentId) => failing.delete(deploymentId),
    isWaiting,
    isThrottled: (deploymentId) => (failing.get(deploymentId)?.rounds ?? 0) >= NOTICED,
  };
}
