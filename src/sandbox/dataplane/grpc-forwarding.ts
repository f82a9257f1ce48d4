/** Passes one gRPC call on to a target, and its answer back. */
import { type ClientHttp2Stream, type ClientSessionRequestOptions, constants, type OutgoingHttpHeaders } from 'node:http2';
import type { TargetObserver } from '../world/metrics-of-requests.ts';
import { answerError } from './balancer-answers.ts';
import { relayCall } from './call-relay.ts';
import { type Exchange, headerValues, type Http2Exchange, isHttp2 } from './exchange.ts';
import { endToEndHeaders, headersForCall } from './forwarded-request.ts';
import { http2Headers } from './http2-headers.ts';

export interface CallDestination {
  /** Begins a call to the target. What still runs when the target is gone is cut. */
  readonly call: (headers: OutgoingHttpHeaders, options: ClientSessionRequestOptions) => ClientHttp2Stream;
  /** Real ms without a byte in either direction after which the load balancer gives up. PINGs do not count. */
  readonly idleTimeoutMs: number;
  /** Values of Set-Cookie headers that the load balancer adds to the answer. */
  readonly cookies: readonly string[];
}

const { NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

/** gRPC's status for what may be tried again. */
const UNAVAILABLE = { 'grpc-status': '14', 'grpc-message': 'the load balancer has lost the target' };

/** Whether the request is a gRPC call, by its content type. gRPC-Web is none. */
export function isGrpc(exchange: Exchange): boolean {
  return isHttp2(exchange) && headerValues(exchange.request, 'content-type').some((type) => /^application\/grpc(?:[+;]|$)/i.test(type));
}

/**
 * Sends the call to the target and what comes back to the client. A client that cancels cancels the call at the target, and the other way round.
 * Answers 502 when the target can't be reached or ends before it answers, 504 when it does not answer in time. An answer that has
 * begun ends as the target ended it; where the target is lost, or ends without trailers, with the status UNAVAILABLE; and where both sides were
 * silent for too long, with the PROTOCOL_ERROR that clients of Application Load Balancers report.
 */
export function forwardCall(exchange: Http2Exchange, { call, idleTimeoutMs, cookies }: CallDestination, observer: TargetObserver): void {
  const { stream: client } = exchange;
  let isIdle = false;
  const relayed = relayCall(client, {
    request(signal) {
      const sent = call(headersForCall(exchange.request), { endStream: false, signal });
      return sent.on('error', (error) => {
        if (isConnectError(error)) observer.unreachable();
      });
    },
    head(status, lines) {
      observer.answered(status);
      return { ':status': status, ...http2Headers([...endToEndHeaders(lines), ...cookies.flatMap((cookie) => ['set-cookie', cookie])]) };
    },
    broken(code) {
      if (!client.headersSent && code !== NGHTTP2_REFUSED_STREAM) answerError(exchange, isIdle ? 504 : 502);
      else if (isIdle) client.close(NGHTTP2_PROTOCOL_ERROR);
      else if (code !== undefined) client.close(code);
      else relayed.endWith(UNAVAILABLE);
    },
    stirred: () => void idle.refresh(),
  });
  const idle = setTimeout(() => {
    isIdle = true;
    if (relayed.isAnswered()) client.close(NGHTTP2_PROTOCOL_ERROR);
    else relayed.giveUp();
  }, idleTimeoutMs);
  exchange.onOver(() => clearTimeout(idle));
}

function isConnectError(error: NodeJS.ErrnoException): boolean {
  const causes: unknown[] = [error, error.cause];
  return causes.some((cause) => cause instanceof Error && 'syscall' in cause && cause.syscall === 'connect');
}
