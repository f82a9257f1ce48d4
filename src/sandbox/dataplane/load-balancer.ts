/** The load balancers of one region at work: a real HTTP server on 127.0.0.1 for each HTTP listener. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ForwardActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Lifecycle, LoadBalancers, Region } from '../parts.ts';
import type { StoredListener } from '../world/elbv2-state.ts';
import { observeRequest } from '../world/metrics-of-requests.ts';
import { answerError, answerFixed, answerRedirect } from './balancer-answers.ts';
import { type Destination, type UpgradeRequest, forwardRequest } from './forwarding.ts';
import { stickinessCookies, stickyTargetGroup } from './group-stickiness.ts';
import { type ListenerServer, startListenerServer } from './listener-server.ts';
import { matchRule } from './rule-matching.ts';
import { makeTargetChooser } from './target-choice.ts';
import { makeTargetConnections } from './target-connections.ts';

/** Neither targets nor clients get faster with `speed`: their real ms to answer, and between two requests on one connection. */
const SHORTEST_IDLE_TIMEOUT_MS = 3_000;
const SHORTEST_KEEP_ALIVE_MS = 5_000;

/** Opens the listeners' ports on 127.0.0.1. HTTPS listeners are kept as configuration only: nothing listens for them. */
export function makeLoadBalancers(region: Region): LoadBalancers & Lifecycle {
  const servers = new Map<string, ListenerServer>();
  const chooser = makeTargetChooser(region);
  const connections = makeTargetConnections();

  function idleTimeoutMs({ description }: StoredListener): number {
    const seconds = Number(region.state.elbv2.loadBalancers[description.LoadBalancerArn]?.attributes['idle_timeout.timeout_seconds']);
    return Math.max(region.clock.real(seconds * 1_000), SHORTEST_IDLE_TIMEOUT_MS);
  }

  function zonesOf({ description }: StoredListener): string[] {
    const zones = region.state.elbv2.loadBalancers[description.LoadBalancerArn]?.description.AvailabilityZones ?? [];
    return zones.flatMap(({ ZoneName }) => ZoneName ?? []);
  }

  function handle(listenerArn: string, request: IncomingMessage, response: ServerResponse, upgrade?: UpgradeRequest): void {
    const listener = region.state.elbv2.listeners[listenerArn];
    // Authentication stands before the routing action and is not performed.
    const action = listener && matchRule(listener.rules, request)?.Actions.at(-1);
    if (!action) return answerError(response, 503);
    const observer = observeRequest(region.metrics, listener.description.LoadBalancerArn, response);
    if (action.FixedResponseConfig) return answerFixed(response, action.FixedResponseConfig);
    if (action.RedirectConfig) return answerRedirect(request, response, action.RedirectConfig);
    const to = destination(action.ForwardConfig ?? {}, listener, request);
    if (typeof to === 'number') answerError(response, to);
    else observer.forwarded(to.targetGroupArn, forwardRequest(request, response, to, upgrade));
  }

  /** The target for one request, or the status to answer instead. */
  function destination(forward: ForwardActionConfig, listener: StoredListener, request: IncomingMessage): Destination | 503 | 504 {
    const stickyGroup = stickyTargetGroup(forward, request, region.clock);
    const target = chooser.choose(forward, { zones: zonesOf(listener), stickyGroup });
    if (!target) return 503;
    const address = region.network.resolve(target);
    // Nobody is there: a connection attempt that runs out of time.
    if (!address) return 504;
    const timeoutMs = idleTimeoutMs(listener);
    return {
      ...address,
      targetGroupArn: target.targetGroupArn,
      agent: connections.to(target, timeoutMs),
      idleTimeoutMs: timeoutMs,
      gone: target.gone,
      cookies: stickinessCookies(forward, target.targetGroupArn, region.clock),
    };
  }

  async function open(listenerArn: string): Promise<void> {
    const listener = region.state.elbv2.listeners[listenerArn];
    const opened = servers.get(listenerArn);
    if (!listener || listener.description.Protocol !== 'HTTP') return close(listenerArn);
    const { Port } = listener.description;
    if (opened?.port === Port) return;
    const server = await startListenerServer({
      port: Port,
      keepAliveMs: Math.max(idleTimeoutMs(listener), SHORTEST_KEEP_ALIVE_MS),
      handle: (request, response, upgrade) => handle(listenerArn, request, response, upgrade),
    });
    servers.set(listenerArn, server);
    await opened?.end();
  }

  async function close(listenerArn: string): Promise<void> {
    const server = servers.get(listenerArn);
    servers.delete(listenerArn);
    await server?.end();
  }

  async function stop(): Promise<void> {
    await Promise.all([...servers.keys()].map(close));
    connections.end();
  }

  return {
    open,
    close,
    stop,

    async start() {
      const results = await Promise.allSettled(Object.keys(region.state.elbv2.listeners).map(open));
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
      if (failures.length === 0) return;
      await stop();
      throw new Error(failures.join('\n'));
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
