/** One health check of a target, as an Application Load Balancer makes it. */
import http from 'node:http';
import https from 'node:https';
import type { TargetHealth } from '../parts.ts';

export interface HealthCheck {
  readonly protocol: string;
  /** Where the target really is. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** What the target reads as `Host`: its VPC address and port. */
  readonly hostHeader: string;
  /** Real milliseconds until an answer must be there. */
  readonly timeoutMs: number;
  /** Codes that pass, HTTP's or gRPC's: `200`, `200,202`, `200-299`. */
  readonly matcher: string;
  /** Ends the check early; its result means nothing then. */
  readonly signal: AbortSignal;
}

/** Why a check failed, or undefined when it passed. */
export type CheckFailure = Pick<TargetHealth, 'reason' | 'description'> | undefined;

export const CONNECTION_FAILED: CheckFailure = { reason: 'Target.FailedHealthChecks', description: 'Health checks failed' };
export const TIMED_OUT: CheckFailure = { reason: 'Target.Timeout', description: 'Request timed out' };

/** Makes one check by HTTP/1.1. Never rejects. */
export function checkHealth(check: HealthCheck): Promise<CheckFailure> {
  return new Promise((resolve) => {
    const request = sendCheck(check);
    const timer = setTimeout(() => {
      resolve(TIMED_OUT);
      request.destroy();
    }, check.timeoutMs);
    request.on('response', (response) => {
      resolve(failureOf(check.matcher, response.statusCode ?? 0));
      response.destroy();
    });
    request.on('error', () => resolve(CONNECTION_FAILED));
    request.on('close', () => clearTimeout(timer));
  });
}

/** Whether `status` is among the codes of a matcher. */
export function matchesCode(matcher: string, status: number): boolean {
  return matcher.split(',').some((part) => {
    const [from, to = from] = part.split('-').map(Number);
    return from !== undefined && to !== undefined && from <= status && status <= to;
  });
}

/** What it means that a target answered with that code. */
export function failureOf(matcher: string, status: number): CheckFailure {
  return matchesCode(matcher, status)
    ? undefined
    : { reason: 'Target.ResponseCodeMismatch', description: `Health checks failed with these codes: [${status}]` };
}

function sendCheck(check: HealthCheck): http.ClientRequest {
  const client = check.protocol === 'HTTPS' ? https : http;
  return client.get({
    host: check.host,
    port: check.port,
    path: check.path,
    agent: false,
    headers: {
      Host: check.hostHeader,
      Connection: 'close',
      'User-Agent': 'ELB-HealthChecker/2.0',
      'Accept-Encoding': 'gzip, compressed',
    },
    // A load balancer does not validate its targets' certificates.
    rejectUnauthorized: false,
    signal: check.signal,
  });
}
