/** Passes one request on to a target that speaks HTTP/1.1 and its answer back, both as streams. */
import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { TargetObserver } from '../world/metrics-of-requests.ts';
import { answerError, reasonPhrase } from './balancer-answers.ts';
import { type Exchange, headerValues, isHttp2, type UpgradeRequest } from './exchange.ts';
import { endToEndHeaders, headersForTarget } from './forwarded-request.ts';
import { linesOf } from './http2-headers.ts';

export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
  /** Real ms without a byte in either direction after which the load balancer gives up. */
  readonly idleTimeoutMs: number;
  /** Aborts when the target is gone; what still runs then is cut. */
  readonly gone: AbortSignal;
  /** Values of Set-Cookie headers that the load balancer adds to the answer. */
  readonly cookies: readonly string[];
}

/**
 * Sends the request to the target and its answer to the client.
 * Answers 502 when the target refuses or resets the connection, 504 when it does not answer in time. Once the target's answer
 * has begun there is nothing to say any more: the client's connection, or its stream, is cut.
 */
export function forwardRequest(exchange: Exchange, to: Destination, observer: TargetObserver): void {
  const { request, body, upgrade } = exchange;
  const headers = headersForTarget(request);
  if (request.hasBody && headerValues(request, 'content-length').length === 0) headers.push('Transfer-Encoding', 'chunked');
  if (upgrade) headers.push('Connection', 'Upgrade', 'Upgrade', headerValues(request, 'upgrade').join(', '));
  const outgoing = httpRequest({
    host: to.host,
    port: to.port,
    agent: to.agent,
    method: request.method,
    path: request.url,
    headers,
    timeout: to.idleTimeoutMs,
  });
  passBack(exchange, outgoing, to, observer);
  if (upgrade) outgoing.on('upgrade', (answer, socket, head) => tunnel(upgrade, { answer, socket, head }, to));
  // What changes the protocol unasked gets no further than Node, which says nothing of it.
  else outgoing.on('close', () => exchange.status === undefined && answerError(exchange, 502));
  if (request.hasBody) body.pipe(outgoing);
  else outgoing.end();
}

function passBack(exchange: Exchange, outgoing: ClientRequest, { cookies }: Destination, observer: TargetObserver): void {
  let timedOut = false;
  outgoing.on('timeout', () => {
    timedOut = true;
    outgoing.destroy();
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall === 'connect') observer.unreachable();
    exchange.body.unpipe(outgoing);
    exchange.body.resume();
    if (exchange.status === undefined) answerError(exchange, timedOut ? 504 : 502);
    else exchange.cut();
  });
  outgoing.on('response', (answer) => {
    const status = answer.statusCode ?? 502;
    observer.answered(status);
    const lines = isHttp2(exchange) ? linesOf(answer.headers, answer.rawHeaders) : answer.rawHeaders;
    const headers = [...endToEndHeaders(lines), ...cookies.flatMap((cookie) => ['Set-Cookie', cookie])];
    const output = exchange.begin({ status, reason: answer.statusMessage, headers });
    if (!output) {
      outgoing.destroy(new Error('malformed answer'));
      return;
    }
    answer.pipe(output);
    answer.on('close', () => {
      if (!answer.complete) exchange.cut();
    });
  });
  exchange.onOver((isWhole) => {
    if (!isWhole) outgoing.destroy();
  });
}

/** Joins client and target once the target has agreed to speak another protocol. */
function tunnel(
  client: UpgradeRequest,
  target: { answer: IncomingMessage; socket: Socket; head: Buffer },
  to: Destination,
): void {
  const { rawHeaders } = target.answer;
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? `${name}: ${rawHeaders[i + 1]}` : []));
  client.release();
  client.socket.write([`HTTP/1.1 101 ${reasonPhrase(101)}`, ...lines, '', ''].join('\r\n'));
  client.socket.write(target.head);
  target.socket.write(client.head);
  client.socket.pipe(target.socket).pipe(client.socket);
  const cut = () => {
    to.gone.removeEventListener('abort', cut);
    client.socket.destroy();
    target.socket.destroy();
  };
  to.gone.addEventListener('abort', cut);
  for (const socket of [client.socket, target.socket]) socket.setTimeout(to.idleTimeoutMs, cut).on('error', cut).on('close', cut);
}
