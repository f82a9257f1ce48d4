/**
 * Group stickiness: a cookie holds a client at the target group that it got first. Clients are told to keep the cookie for 7 days
 * whatever the rule says; the load balancer decides whether it still counts. Every answer sets it anew.
 */
import type { ForwardActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Clock } from '../clock.ts';
import { type ArrivedRequest, headerValues } from './exchange.ts';

const NAME = 'AWSALBTG';
/** The same for requests from other sites; browsers take it over HTTPS only. */
const CORS_NAME = 'AWSALBTGCORS';
const KEPT_MS = 7 * 24 * 3_600_000;

/** The target group that the request's cookie names, as long as the cookie counts and the rule still has the group. */
export function stickyTargetGroup(forward: ForwardActionConfig, request: ArrivedRequest, clock: Clock): string | undefined {
  const { Enabled = false, DurationSeconds = 0 } = forward.TargetGroupStickinessConfig ?? {};
  if (!Enabled) return undefined;
  const oldest = clock.now().getTime() - clock.real(DurationSeconds * 1_000);
  const groups = forward.TargetGroups ?? [];
  const counting = cookiesOf(request)
    .map(readCookie)
    .find((cookie) => cookie.issued > oldest && groups.some(({ TargetGroupArn }) => TargetGroupArn === cookie.targetGroupArn));
  return counting?.targetGroupArn;
}

/** Values of the Set-Cookie headers of an answer that the group gave. */
export function stickinessCookies(forward: ForwardActionConfig, targetGroupArn: string, clock: Clock): string[] {
  if (!forward.TargetGroupStickinessConfig?.Enabled) return [];
  const now = clock.now().getTime();
  const value = Buffer.from(`${now} ${targetGroupArn}`).toString('base64');
  const attributes = `${value}; Expires=${new Date(now + KEPT_MS).toUTCString()}; Path=/`;
  return [`${NAME}=${attributes}`, `${CORS_NAME}=${attributes}; SameSite=None; Secure`];
}

interface StickinessCookie {
  /** Wall-clock ms. */
  readonly issued: number;
  readonly targetGroupArn: string;
}

function cookiesOf(request: ArrivedRequest): string[] {
  const pairs = headerValues(request, 'cookie').join(';').split(';').map((pair) => pair.trim().split(/=(.*)/s));
  return pairs.flatMap(([name, value]) => (value !== undefined && (name === NAME || name === CORS_NAME) ? value : []));
}

/** Whatever a client may send: rubbish names no group of any rule. */
function readCookie(value: string): StickinessCookie {
  const [issued, targetGroupArn = ''] = Buffer.from(value, 'base64').toString().split(' ');
  return { issued: Number(issued), targetGroupArn };
}
