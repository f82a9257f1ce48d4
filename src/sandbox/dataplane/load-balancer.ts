/** The load balancers of one region at work: a real server on 127.0.0.1 for each listener. */
import type { Lifecycle, LoadBalancers, Region, RegisteredTarget } from '../parts.ts';
import { certificateFor } from '../world/acm-state.ts';
import type { StoredListener } from '../world/elbv2-state.ts';
import { observeRequest, type RequestObserver } from '../world/metrics-of-requests.ts';
import { answerError, answerFixed, answerRedirect } from './balancer-answers.ts';
import { type Exchange, isHttp2 } from './exchange.ts';
import { forwardRequest } from './forwarding.ts';
import { stickinessCookies, stickyTargetGroup } from './group-stickiness.ts';
import { forwardCall, isGrpc } from './grpc-forwarding.ts';
import { type ListenerServer, startListenerServer } from './listener-server.ts';
import { matchRule } from './rule-matching.ts';
import { makeTargetChooser } from './target-choice.ts';
import { makeTargetConnections } from './target-connections.ts';
import { makeTargetSessions } from './target-sessions.ts';

/** Neither targets nor clients get faster with `speed`: their real ms to answer, and between two requests on one connection. */
const SHORTEST_IDLE_TIMEOUT_MS = 3_000;
const SHORTEST_KEEP_ALIVE_MS = 5_000;
/** AWS's status for a version of HTTP that the target group does not take. */
const WRONG_PROTOCOL = 464;

/** Opens the listeners' ports on 127.0.0.1. An HTTPS listener whose certificate the account has not is kept as configuration only. */
export function makeLoadBalancers(region: Region): LoadBalancers & Lifecycle {
  const servers = new Map<string, ListenerServer>();
  const chooser = makeTargetChooser(region);
  const connections = makeTargetConnections();
  const sessions = makeTargetSessions();

  function idleTimeoutMs({ description }: StoredListener): number {
    const seconds = Number(region.state.elbv2.loadBalancers[description.LoadBalancerArn]?.attributes['idle_timeout.timeout_seconds']);
    return Math.max(region.clock.real(seconds * 1_000), SHORTEST_IDLE_TIMEOUT_MS);
  }

  function zonesOf({ description }: StoredListener): string[] {
    const zones = region.state.elbv2.loadBalancers[description.LoadBalancerArn]?.description.AvailabilityZones ?? [];
    return zones.flatMap(({ ZoneName }) => ZoneName ?? []);
  }

  function handle(listenerArn: string, exchange: Exchange): void {
    const listener = region.state.elbv2.listeners[listenerArn];
    // Authentication stands before the routing action and is not performed.
    const action = listener && matchRule(listener.rules, exchange.request)?.Actions.at(-1);
    if (!action) return answerError(exchange, 503);
    const observer = observeRequest(region.metrics, listener.description.LoadBalancerArn);
    exchange.onOver(() => observer.over(exchange.status));
    if (action.FixedResponseConfig) return answerFixed(exchange, action.FixedResponseConfig);
    if (action.RedirectConfig) return answerRedirect(exchange, action.RedirectConfig);
    const forward = action.ForwardConfig ?? {};
    const stickyGroup = stickyTargetGroup(forward, exchange.request, region.clock);
    const target = chooser.choose(forward, { zones: zonesOf(listener), stickyGroup });
    if (!target) return answerError(exchange, 503);
    const cookies = stickinessCookies(forward, target.targetGroupArn, region.clock);
    pass(exchange, target, { cookies, idleTimeoutMs: idleTimeoutMs(listener) }, observer);
  }

  function pass(
    exchange: Exchange,
    target: RegisteredTarget,
    how: { readonly cookies: readonly string[]; readonly idleTimeoutMs: number },
    observer: RequestObserver,
  ): void {
    const takesGrpc = region.state.elbv2.targetGroups[target.targetGroupArn]?.description.ProtocolVersion === 'GRPC';
    const call = takesGrpc && isHttp2(exchange) && exchange.request.method === 'POST' ? exchange : undefined;
    if (takesGrpc ? !call : isGrpc(exchange)) return answerError(exchange, WRONG_PROTOCOL);
    const address = region.network.resolve(target);
    // Nobody is there: a connection attempt that runs out of time.
    if (!address) return answerError(exchange, 504);
    const sent = observer.sentTo(target.targetGroupArn);
    if (call) forwardCall(call, { ...how, call: (...call) => sessions.call(target, { ...address, ...how }, ...call) }, sent);
    else forwardRequest(exchange, { ...address, ...how, agent: connections.to(target, how.idleTimeoutMs), gone: target.gone }, sent);
  }

  async function open(listenerArn: string): Promise<void> {
    const listener = region.state.elbv2.listeners[listenerArn];
    const opened = servers.get(listenerArn);
    const certificate = certificateFor(region.state.acm, listener?.description.Certificates?.[0]?.CertificateArn);
    const isSecure = listener?.description.Protocol === 'HTTPS';
    if (!listener || (isSecure && !certificate)) return close(listenerArn);
    const { Port } = listener.description;
    if (opened?.port === Port && opened.isSecure === isSecure) {
      if (isSecure && certificate) opened.present(certificate);
      return;
    }
    if (opened?.port === Port) await close(listenerArn);
    const server = await startListenerServer({
      port: Port,
      certificate,
      keepAliveMs: Math.max(idleTimeoutMs(listener), SHORTEST_KEEP_ALIVE_MS),
      handle: (exchange) => handle(listenerArn, exchange),
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
    sessions.end();
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
