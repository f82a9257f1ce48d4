/** How a request and its answer look on the other side of a load balancer. */
import type { IncomingMessage } from 'node:http';
import { hexId } from '../ids.ts';

/** These speak of one connection only and are not passed on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** These are written anew for the target; 100-continue has been answered already. */
const REPLACED: ReadonlySet<string> = new Set([
  'expect',
  'x-amzn-trace-id',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-forwarded-proto',
]);

/** The request's headers for the target, as a flat list of names and values. */
export function headersForTarget(request: IncomingMessage): string[] {
  const headers = endToEndHeaders(request, REPLACED);
  const client = request.socket.remoteAddress ?? '';
  const forwardedFor = request.headers['x-forwarded-for'];
  headers.push('X-Forwarded-For', forwardedFor === undefined ? client : `${String(forwardedFor)}, ${client}`);
  headers.push('X-Forwarded-Proto', 'http', 'X-Forwarded-Port', String(request.socket.localPort));
  headers.push('X-Amzn-Trace-Id', traceId(request.headers['x-amzn-trace-id']));
  return headers;
}

/** The headers that are meant for the other end, as a flat list of names and values. */
export function endToEndHeaders(message: IncomingMessage, without: ReadonlySet<string> = new Set()): string[] {
  const named = new Set((message.headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  const { rawHeaders } = message;
  const headers: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const key = name.toLowerCase();
    if (!HOP_BY_HOP.has(key) && !without.has(key) && !named.has(key)) headers.push(name, value);
  }
  return headers;
}

function traceId(incoming: string | string[] | undefined): string {
  const id = `1-${Math.floor(Date.now() / 1_000).toString(16)}-${hexId(24)}`;
  return incoming === undefined ? `Root=${id}` : `Self=${id};${String(incoming)}`;
}
