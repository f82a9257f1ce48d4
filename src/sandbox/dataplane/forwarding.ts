/** Passes one request on to a target and its answer back, both as streams. */
import { type Agent, type ClientRequest, type IncomingMessage, type ServerResponse, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { answerError, reasonPhrase } from './balancer-answers.ts';
import { endToEndHeaders, headersForTarget } from './forwarded-request.ts';

export interface Destination {
  readonly targetGroupArn: string;
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

/** What a client that asks for another protocol (WebSocket) brings with it. */
export interface UpgradeRequest {
  readonly socket: Socket;
  /** What it sent already. */
  readonly head: Buffer;
}

/**
 * Returns the request to the target.
 * Answers 502 when the target refuses or resets the connection, 504 when it does not answer in time. Once the target's answer
 * has begun there is nothing to say any more: the client's connection is cut.
 */
export function forwardRequest(request: IncomingMessage, response: ServerResponse, to: Destination, upgrade?: UpgradeRequest): ClientRequest {
  const headers = headersForTarget(request);
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  if (upgrade) headers.push('Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? '');
  const outgoing = httpRequest({
    host: to.host,
    port: to.port,
    agent: to.agent,
    method: request.method,
    path: request.url,
    headers,
    timeout: to.idleTimeoutMs,
  });
  passBack(request, response, outgoing, to);
  if (upgrade) outgoing.on('upgrade', (answer, socket, head) => tunnel(response, upgrade, { answer, socket, head }, to));
  if (hasBody(request)) request.pipe(outgoing);
  else outgoing.end();
  return outgoing;
}

function passBack(request: IncomingMessage, response: ServerResponse, outgoing: ClientRequest, { cookies }: Destination): void {
  let timedOut = false;
  outgoing.on('timeout', () => {
    timedOut = true;
    outgoing.destroy();
  });
  outgoing.on('error', () => {
    request.unpipe(outgoing);
    request.resume();
    if (response.headersSent) response.destroy();
    else answerError(response, timedOut ? 504 : 502);
  });
  outgoing.on('response', (answer) => {
    if (!beginAnswer(response, answer, cookies)) {
      outgoing.destroy(new Error('malformed answer'));
      return;
    }
    answer.pipe(response);
    answer.on('close', () => {
      if (!answer.complete) response.destroy();
    });
  });
  response.on('close', () => {
    if (!response.writableFinished) outgoing.destroy();
  });
}

/** Whether the target's status line and headers could be passed on: Node reads some that it refuses to write. */
function beginAnswer(response: ServerResponse, answer: IncomingMessage, cookies: readonly string[]): boolean {
  response.sendDate = false;
  const headers = [...endToEndHeaders(answer), ...cookies.flatMap((cookie) => ['Set-Cookie', cookie])];
  try {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers);
    return true;
  } catch {
    return false;
  }
}

/** Joins client and target once the target has agreed to speak another protocol. */
function tunnel(
  response: ServerResponse,
  client: UpgradeRequest,
  target: { answer: IncomingMessage; socket: Socket; head: Buffer },
  to: Destination,
): void {
  const { rawHeaders } = target.answer;
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? `${name}: ${rawHeaders[i + 1]}` : []));
  response.detachSocket(client.socket);
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

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
