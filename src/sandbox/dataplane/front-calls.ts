/** The part of a front that speaks HTTP/2 without TLS: gRPC calls pass to the container, or are dealt with as is told. */
import {
  type ClientHttp2Session, connect, constants, createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { relayCall } from './call-relay.ts';
import type { Treatment } from './front.ts';
import { http2Headers, linesOf } from './http2-headers.ts';

/** gRPC's own table of what a status of HTTP is to a client; any other is UNKNOWN, as of a server whose code throws. */
const GRPC_CODES: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };
const UNKNOWN = 2;

/** Takes connections as `connection` events. Each is one connection to the container, which ends with it, and the other way round. */
export function callFront(target: number, treat: (headers: IncomingHttpHeaders) => Treatment): Http2Server {
  const server = createServer();
  server.on('session', (session) => {
    const container = connectTo(target, session);
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      stream.on('error', () => undefined);
      const treatment = treat(headers);
      if (treatment === 'cut') return session.destroy();
      const goOn = () => {
        if (stream.destroyed || stream.closed) return;
        if (treatment.answer === undefined) passOn(stream, headers, rawHeaders, { session, container });
        else answer(stream, headers, treatment.answer);
      };
      if (treatment.delayMs === 0) goOn();
      else setTimeout(goOn, treatment.delayMs).unref();
    });
  });
  return server;
}

function connectTo(port: number, session: ServerHttp2Session): ClientHttp2Session {
  const container = connect(`http://127.0.0.1:${port}`, { settings: { enablePush: false } });
  const close = () => session.close();
  container.on('error', close).on('goaway', close).on('close', close);
  session.on('close', () => container.close());
  return container;
}

function passOn(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  { session, container }: { readonly session: ServerHttp2Session; readonly container: ClientHttp2Session },
): void {
  // It has taken its leave while the call was on its way.
  if (container.closed || container.destroyed) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
  const pseudo = Object.entries(headers).filter(([name]) => name.startsWith(':'));
  const outgoing = { ...Object.fromEntries(pseudo), ...http2Headers(linesOf(headers, rawHeaders)) };
  relayCall(stream, {
    request: (signal) => container.request(outgoing, { endStream: false, signal }),
    head: (status, lines) => ({ ':status': status, ...http2Headers(lines) }),
    // Who refuses or ends a connection has no answer: nor has the front.
    broken: (code) => (code === undefined ? session.destroy() : stream.close(code)),
  });
}

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, status: number): void {
  const text = `${status}, as ordered from the sandbox`;
  stream.resume();
  if (headers['content-type']?.startsWith('application/grpc')) {
    const code = String(GRPC_CODES[status] ?? UNKNOWN);
    stream.respond({ 'content-type': 'application/grpc', 'grpc-status': code, 'grpc-message': text }, { endStream: true });
  } else {
    stream.respond({ ':status': status, 'content-type': 'text/plain' });
    stream.end(`${text}\n`);
  }
}
