/** The load balancer's connections to targets: kept open between requests until they idle out or the target is gone. */
import { Agent } from 'node:http';
import type { RegisteredTarget } from '../parts.ts';

export interface TargetConnections {
  /** The connections to one target; `idleTimeoutMs` (real) is after how long unused ones are closed. */
  to(target: RegisteredTarget, idleTimeoutMs: number): Agent;
  /** Cuts all of them. */
  end(): void;
}

/** Connections to any number of targets. */
export function makeTargetConnections(): TargetConnections {
  const agents = new Map<RegisteredTarget, Agent>();

  return {
    to(target, idleTimeoutMs) {
      const known = agents.get(target);
      if (known) return known;
      const agent = new Agent({ keepAlive: true, maxFreeSockets: Infinity, timeout: idleTimeoutMs });
      agents.set(target, agent);
      target.gone.addEventListener('abort', () => {
        agents.delete(target);
        agent.destroy();
      });
      return agent;
    },

    end() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}
