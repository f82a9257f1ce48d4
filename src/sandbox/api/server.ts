/** The sandbox's one port on 127.0.0.1: AWS API, registry, and what is the sandbox's own: its status, fault orders. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FaultOrders } from '../faults/faults.ts';
import type { RequestLog } from '../request-log.ts';
import { LAYERS_PATH } from '../world/layer-urls.ts';
import { FAULTS_PATH, serveFaults } from './fault-orders.ts';
import type { Answering } from './faulty-answer.ts';

/** What the server hands requests to. */
export interface ServerParts {
  readonly answer: Answering;
  readonly faults: FaultOrders;
  readonly registry: { handle(request: IncomingMessage, response: ServerResponse): Promise<void> };
  readonly layers: { handle(request: IncomingMessage, response: ServerResponse): Promise<void> };
  readonly requestLog: RequestLog;
  /** What the sandbox says of itself at `GET /_ecs-canary/status`, as JSON. */
  readonly status: () => object;
  /** Takes lines for whoever looks after the sandbox. */
  readonly log: (line: string) => void;
}

export interface ApiServer<Parts> {
  readonly parts: Parts;
  /** Ends all connections. */
  readonly close: () => Promise<void>;
}

/** Where the sandbox tells about itself. AWS has no such path; `sandbox status`, `stop` and `start --detach` ask it. */
export const STATUS_PATH = '/_ecs-canary/status';

/** Longer than clients keep an idle connection: one that closes just as it is used again would look like a call that AWS lost. */
const KEEP_ALIVE_MS = 600_000;

/**
 * Listens on 127.0.0.1 and resolves once the sandbox is ready to answer.
 * @param port 0 for a free one.
 * @param prepare makes what requests are handed to, knowing the port; requests that come earlier wait for it.
 * @throws Error, worded for a user, when the port can't be had; and what `prepare` rejects with.
 */
export async function listen<Parts extends ServerParts>(
  port: number,
  prepare: (port: number) => Promise<Parts>,
): Promise<ApiServer<Parts>> {
  let parts: Promise<Parts>;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    serve(request, response, parts).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await bind(server, port);
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  parts = prepare(portOf(server));
  try {
    return { parts: await parts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function bind(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'is in use by another program' : `can't be had (${error.message})`;
      reject(new Error(`Port ${port} on 127.0.0.1 ${reason}.`, { cause: error }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new TypeError('a listening server has an address');
  return address.port;
}

async function serve(request: IncomingMessage, response: ServerResponse, parts: Promise<ServerParts>): Promise<void> {
  const refusal = whyRefused(request);
  if (refusal) {
    response.writeHead(403, { 'content-type': 'text/plain' }).end(`${refusal}\n`);
    return;
  }
  const { pathname, search } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const ready = await parts;
  if (pathname === '/v2' || pathname.startsWith('/v2/')) {
    await ready.registry.handle(request, response);
  } else if (pathname.startsWith(LAYERS_PATH)) {
    await ready.layers.handle(request, response);
  } else if (pathname === STATUS_PATH && request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ready.status()));
  } else if (pathname === FAULTS_PATH) {
    await serveFaults(request, response, ready.faults);
  } else {
    await serveApi(request, response, { path: pathname, query: search.slice(1) }, ready);
  }
}

/** Web pages can make a browser send requests to loopback; such requests have an Origin, or a name that is not loopback's. */
function whyRefused({ headers }: IncomingMessage): string | undefined {
  if (headers.origin !== undefined) return 'The sandbox takes no requests from web pages.';
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(headers.host ?? '') ? undefined : 'The sandbox answers to loopback names only.';
}

async function serveApi(
  request: IncomingMessage, response: ServerResponse, url: { readonly path: string; readonly query: string }, parts: ServerParts,
): Promise<void> {
  const requestId = randomUUID();
  const { method = '', headers } = request;
  const answer = await parts.answer({ method, ...url, headers, body: await text(request), requestId });
  const { service, region, operation, status, code, fault } = answer;
  parts.requestLog.append({ requestId, region, service, operation, status, code, fault });
  if (answer.note !== undefined) parts.log(`${service || '(no service)'} ${operation || '(no operation)'}: ${answer.note}`);
  if (answer.cut) {
    request.socket.destroy();
    return;
  }
  const errorType = code === null ? {} : { 'x-amzn-errortype': code };
  response.writeHead(status, { 'content-type': answer.contentType, 'x-amzn-requestid': requestId, ...errorType, ...answer.headers });
  response.end(answer.body);
}
