/**
 * A small HTTP server before a container's own port: it passes requests on as they are, or does with them what it is told.
 * Each connection to it is one connection to the container, so that the container's keep-alive still is what the balancer meets.
 */
import {
  Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse, createServer, request as httpRequest,
} from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { callFront } from './front-calls.ts';

/** What becomes of a request. */
export type Treatment =
  /** The connection ends without an answer. */
  | 'cut'
  /** After so many real ms it is answered with a status, or passed on where there is none. */
  | { readonly delayMs: number; readonly answer?: number | undefined };

export interface Front {
  readonly port: number;
  /** Takes no new connections. Those that are there end with the container's. */
  readonly close: () => void;
}

/** What HTTP/2 begins with, and HTTP/1.1 can't. */
const HTTP2 = 'PRI * HTTP/2.0';

/** Opens a free port of 127.0.0.1 before `target`, for HTTP/1.1 and for HTTP/2. @param treat decides on each request, by its headers. */
export function startFront(target: number, treat: (headers: IncomingHttpHeaders) => Treatment): Promise<Front> {
  const requests = requestFront(target, treat);
  const calls = callFront(target, treat);
  const server = createNetServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('readable', () => {
      const head: unknown = socket.read();
      if (!Buffer.isBuffer(head)) return void socket.destroy();
      socket.unshift(head);
      (head.subarray(0, HTTP2.length).toString() === HTTP2 ? calls : requests).emit('connection', socket);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ port: typeof address === 'object' && address ? address.port : 0, close: () => server.close() });
    });
  });
}

/** Takes connections as `connection` events. */
function requestFront(target: number, treat: (headers: IncomingHttpHeaders) => Treatment): Server {
  const agents = new WeakMap<Duplex, Agent>();
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const treatment = treat(request.headers);
    if (treatment === 'cut') return void request.socket.destroy();
    const goOn = () => {
      if (treatment.answer === undefined) passOn(request, response, target, agents.get(request.socket));
      else answer(request, response, treatment.answer);
    };
    if (treatment.delayMs === 0) goOn();
    else setTimeout(goOn, treatment.delayMs).unref();
  });
  server.on('connection', (socket) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.set(socket, agent);
    socket.on('close', () => agent.destroy());
  });
  server.on('upgrade', (request, socket, head) => {
    if (treat(request.headers) === 'cut') socket.destroy();
    else tunnel(request, socket, head, target);
  });
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse, status: number): void {
  request.resume();
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${status}, as ordered from the sandbox\n`);
}

function passOn(request: IncomingMessage, response: ServerResponse, port: number, agent: Agent | undefined): void {
  const { method, url: path, rawHeaders: headers } = request;
  const outgoing = httpRequest({ host: '127.0.0.1', port, agent, method, path, headers, setHost: false });
  outgoing.on('response', (from) => passBack(from, response, outgoing));
  // Who refuses or resets a connection has no answer: nor has the front.
  outgoing.on('error', () => response.destroy());
  outgoing.once('socket', (socket) => {
    if (!outgoing.reusedSocket) socket.once('close', () => closeWith(request.socket, response));
  });
  response.on('close', () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  request.pipe(outgoing);
}

function passBack(from: IncomingMessage, response: ServerResponse, outgoing: ClientRequest): void {
  response.sendDate = false;
  try {
    response.writeHead(from.statusCode ?? 502, from.statusMessage, from.rawHeaders);
  } catch {
    outgoing.destroy(new Error('malformed answer'));
    return;
  }
  from.pipe(response);
  from.on('close', () => {
    if (!from.complete) response.destroy();
  });
}

/** The container closed its side: an answer that still is on its way is not cut off by that. */
function closeWith(client: Socket, response: ServerResponse): void {
  if (response.writableFinished || response.destroyed) client.end();
  else response.once('finish', () => client.end());
}

/** WebSockets and their like are passed on byte by byte. */
function tunnel({ method, url, rawHeaders }: IncomingMessage, client: Duplex, head: Buffer, port: number): void {
  const target = connect(port, '127.0.0.1');
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? `${name}: ${rawHeaders[i + 1]}` : []));
  target.write([`${method} ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  target.write(head);
  client.pipe(target).pipe(client);
  for (const [socket, other] of [[client, target], [target, client]] as const) {
    socket.on('error', () => other.destroy()).on('close', () => other.destroy());
  }
}
