/** How a request and its answer look on the other side of a load balancer. */
import type { OutgoingHttpHeaders } from 'node:http2';
import { hexId } from '../ids.ts';
import { type ArrivedRequest, headerValues } from './exchange.ts';
import { http2Headers } from './http2-headers.ts';

/** These speak of one connection only and are not passed on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
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

/** HTTP/2 has it among what begins with a colon. */
const IN_AUTHORITY: ReadonlySet<string> = new Set(['host']);

/** The request's headers for the target, as a flat list of names and values. */
export function headersForTarget(request: ArrivedRequest): string[] {
  const headers = endToEndHeaders(request.headers, REPLACED);
  headers.push('X-Forwarded-For', [...headerValues(request, 'x-forwarded-for'), request.clientAddress].join(', '));
  headers.push('X-Forwarded-Proto', request.scheme, 'X-Forwarded-Port', String(request.port));
  headers.push('X-Amzn-Trace-Id', traceId(headerValues(request, 'x-amzn-trace-id')));
  return headers;
}

/** The request's headers for a target that speaks gRPC, without TLS. */
export function headersForCall(request: ArrivedRequest): OutgoingHttpHeaders {
  const [authority] = headerValues(request, 'host');
  return {
    ':method': request.method,
    ':scheme': 'http',
    ':path': request.url,
    ...(authority !== undefined && { ':authority': authority }),
    te: 'trailers',
    ...http2Headers(endToEndHeaders(headersForTarget(request), IN_AUTHORITY)),
  };
}

/** The headers that are meant for the other end, as a flat list of names and values like `rawHeaders`. */
export function endToEndHeaders(rawHeaders: readonly string[], without: ReadonlySet<string> = new Set()): string[] {
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ''] as const] : []));
  const connection = pairs.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? value.toLowerCase().split(/\s*,\s*/) : []));
  const named = new Set(connection);
  return pairs.flatMap(([name, value]) => {
    const key = name.toLowerCase();
    return HOP_BY_HOP.has(key) || without.has(key) || named.has(key) ? [] : [name, value];
  });
}

function traceId(incoming: readonly string[]): string {
  const id = `1-${Math.floor(Date.now() / 1_000).toString(16)}-${hexId(24)}`;
  return incoming.length === 0 ? `Root=${id}` : `Self=${id};${incoming.join(', ')}`;
}
