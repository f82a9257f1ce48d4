/** Finds the loopback port behind a task's VPC address. */
import type { Network, Region } from '../parts.ts';

/** Resolves addresses of tasks whose containers run now. */
export function makeNetwork(region: Region): Network {
  return {
    resolve({ ip, port }) {
      const hostPort = region.state.ecs.endpoints[ip]?.[port];
      return hostPort === undefined ? undefined : { host: '127.0.0.1', port: region.faultyTasks.entrance(hostPort) };
    },
  };
}
