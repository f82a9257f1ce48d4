/** A request that arrived at a load balancer, and the way to answer it, whatever version of HTTP its client speaks. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { dismiss, joinedHeaders, linesOf } from './http2-headers.ts';

export interface ArrivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names and values of the header lines, one after the other. HTTP/2's authority is `Host` here. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
  readonly scheme: 'http' | 'https';
  readonly clientAddress: string;
  /** The listener's. */
  readonly port: number;
}

/** What a client that asks for another protocol (WebSocket) brings with it. */
export interface UpgradeRequest {
  readonly socket: Socket;
  /** What it sent already. */
  readonly head: Buffer;
  /** Leaves the connection to whoever speaks the other protocol. */
  readonly release: () => void;
}

export interface AnswerHead {
  readonly status: number;
  /** HTTP/2 has none. */
  readonly reason: string | undefined;
  /** Names and values, one after the other. */
  readonly headers: readonly string[];
}

export interface Exchange {
  readonly request: ArrivedRequest;
  readonly body: Readable;
  readonly upgrade?: UpgradeRequest | undefined;
  /** That of the answer, once it has begun. */
  readonly status: number | undefined;
  /** Begins the answer and returns where its body goes; undefined when such a head can't be written. */
  begin(head: AnswerHead): Writable | undefined;
  /** Ends the answer so that the client sees that it is not whole. */
  cut(): void;
  /** Tells once, when the answer is whole or the client is gone. */
  onOver(listener: (isWhole: boolean) => void): void;
}

/** That of a client that speaks HTTP/2. */
export interface Http2Exchange extends Exchange {
  readonly stream: ServerHttp2Stream;
}

export function isHttp2(exchange: Exchange): exchange is Http2Exchange {
  return 'stream' in exchange;
}

/** The values of all header lines of that name (lower case). */
export function headerValues({ headers }: ArrivedRequest, name: string): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}

export function http1Exchange(request: IncomingMessage, response: ServerResponse, upgrade?: UpgradeRequest): Exchange {
  const { headers, rawHeaders, socket, method = 'GET', url = '/' } = request;
  return {
    request: {
      method,
      url,
      headers: rawHeaders,
      hasBody: headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0,
      scheme: socket instanceof TLSSocket ? 'https' : 'http',
      clientAddress: socket.remoteAddress ?? '',
      port: socket.localPort ?? 0,
    },
    body: request,
    upgrade,
    get status() {
      return response.headersSent ? response.statusCode : undefined;
    },
    begin({ status, reason, headers }) {
      response.sendDate = false;
      // Node reads some heads that it refuses to write.
      return attempt(() => response.writeHead(status, reason, [...headers]));
    },
    cut: () => void response.destroy(),
    onOver: (listener) => void response.on('close', () => listener(response.writableFinished)),
  };
}

/** @param rawHeaders the header lines as they came. */
export function http2Exchange(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): Http2Exchange {
  const socket = stream.session?.socket;
  // Whoever goes away, or is sent away, is seen by `close`.
  stream.on('error', () => undefined);
  const lines = linesOf(headers, rawHeaders);
  const authority = headers[':authority'];
  return {
    request: {
      method: headers[':method'] ?? 'GET',
      url: headers[':path'] ?? '/',
      headers: authority === undefined ? lines : ['Host', authority, ...lines.filter((_, i) => lines[i - (i % 2)] !== 'host')],
      hasBody: !stream.endAfterHeaders,
      scheme: 'https',
      clientAddress: socket?.remoteAddress ?? '',
      port: socket?.localPort ?? 0,
    },
    body: stream,
    stream,
    get status() {
      const status = stream.sentHeaders?.[':status'];
      return status === undefined ? undefined : Number(status);
    },
    begin({ status, headers }) {
      return attempt(() => {
        stream.respond({ ':status': status, ...joinedHeaders(headers) });
        stream.once('finish', () => dismiss(stream));
        return stream;
      });
    },
    // Only an error resets a stream without the mark of its end before.
    cut: () => void stream.destroy(new Error('cut')),
    onOver: (listener) => void stream.on('close', () => listener(stream.writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR)),
  };
}

function attempt(begin: () => Writable): Writable | undefined {
  try {
    return begin();
  } catch {
    return undefined;
  }
}
