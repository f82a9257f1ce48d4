/** Passes one gRPC call on to a target and its answer back: messages in both directions as they come, then the trailers. */
import {
  type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader, type OutgoingHttpHeaders,
} from 'node:http2';
import type { TargetObserver } from '../world/metrics-of-requests.ts';
import { answerError } from './balancer-answers.ts';
import type { ArrivedRequest, Http2Exchange } from './exchange.ts';
import { endToEndHeaders, headersForCall } from './forwarded-request.ts';
import { http2Headers, linesOf } from './http2-headers.ts';

export interface CallDestination {
  /** The connection to the target. It is destroyed when the target is gone; what still runs then is cut. */
  readonly session: ClientHttp2Session;
  /** Real ms without a byte in either direction after which the load balancer gives up. PINGs do not count. */
  readonly idleTimeoutMs: number;
  /** Values of Set-Cookie headers that the load balancer adds to the answer. */
  readonly cookies: readonly string[];
}

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

/** gRPC's status for what may be tried again. */
const UNAVAILABLE = { 'grpc-status': '14', 'grpc-message': 'the load balancer has lost the target' };

/** Whether the request is a gRPC call, by its content type. */
export function isGrpc({ headers }: ArrivedRequest): boolean {
  return headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-type' && headers[i + 1]?.startsWith('application/grpc'));
}

/**
 * Sends the call to the target and what comes back to the client. A client that cancels cancels the call at the target, and the other way round.
 * Answers 502 when the target can't be reached or ends before it answers, 504 when it does not answer in time. An answer that has
 * begun ends as the target ended it; where the target is lost, or ends without trailers, with the status UNAVAILABLE; and where both sides were
 * silent for too long, with the PROTOCOL_ERROR that clients of Application Load Balancers report.
 */
export function forwardCall(exchange: Http2Exchange, { session, idleTimeoutMs, cookies }: CallDestination, observer: TargetObserver): void {
  const client = exchange.stream;
  const given = new AbortController();
  // `close` would tell the target that the request is whole, before it tells it that it is cancelled.
  const call = session.request(headersForCall(exchange.request), { endStream: false, signal: given.signal });
  let isWhole = false;
  let isIdle = false;
  let trailers: OutgoingHttpHeaders | undefined;
  const idle = setTimeout(() => {
    isIdle = true;
    given.abort();
  }, idleTimeoutMs);
  const stir = () => void idle.refresh();

  client.on('data', stir).pipe(call);
  client.on('wantTrailers', () => client.sendTrailers(trailers ?? UNAVAILABLE));
  client.on('close', () => {
    if (!isWhole || !call.writableFinished) given.abort();
  });

  call.on('response', (headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number, rawHeaders: string[]) => {
    stir();
    const status = headers[':status'] ?? 502;
    observer.answered(status);
    if (client.destroyed || client.closed) return;
    const lines = [...endToEndHeaders(linesOf(headers, rawHeaders)), ...cookies.flatMap((cookie) => ['set-cookie', cookie])];
    const head = { ':status': status, ...http2Headers(lines) };
    if ((flags & NGHTTP2_FLAG_END_STREAM) === 0) {
      client.respond(head, { waitForTrailers: true });
      call.on('data', stir).pipe(client, { end: false });
    } else {
      // Trailers only: without a body of no length, which clients take for an answer without a status.
      isWhole = true;
      client.respond(head, { endStream: true });
      call.resume();
    }
  });
  call.on('trailers', (headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    trailers = http2Headers(endToEndHeaders(linesOf(headers, rawHeaders)));
  });
  call.on('end', () => {
    // A call that is cut may seem to end, too; but without trailers.
    if (trailers === undefined || isWhole) return;
    isWhole = true;
    client.end();
  });
  call.on('error', (error) => {
    if (isConnectError(error)) observer.unreachable();
  });
  call.on('close', () => {
    clearTimeout(idle);
    client.unpipe(call);
    client.resume();
    if (!isWhole && !client.destroyed && !client.closed) breakOff();
  });

  function breakOff(): void {
    const code = resetCode(call, session);
    if (isIdle) {
      if (client.headersSent) client.close(NGHTTP2_PROTOCOL_ERROR);
      else answerError(exchange, 504);
    } else if (code !== undefined && (client.headersSent || code === NGHTTP2_REFUSED_STREAM)) {
      client.close(code);
    } else if (client.headersSent) {
      trailers = undefined;
      client.end();
    } else {
      answerError(exchange, 502);
    }
  }
}

/** The code with which the target ended the call; undefined where its connection ended, which Node tells as a cancelled call. */
function resetCode({ rstCode }: ClientHttp2Stream, session: ClientHttp2Session): number | undefined {
  return session.destroyed || rstCode === undefined || rstCode === NGHTTP2_NO_ERROR || rstCode === NGHTTP2_CANCEL ? undefined : rstCode;
}

function isConnectError(error: NodeJS.ErrnoException): boolean {
  const causes: unknown[] = [error, error.cause];
  return causes.some((cause) => cause instanceof Error && 'syscall' in cause && cause.syscall === 'connect');
}
