/** The server behind one listener, on 127.0.0.1: HTTP/1.1, with a certificate TLS and HTTP/2 as well. */
import { type IncomingMessage, type Server, ServerResponse, createServer } from 'node:http';
import {
  createServer as createHttp2Server, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream,
} from 'node:http2';
import { type Server as NetServer, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { StoredCertificate } from '../world/acm-state.ts';
import { type Exchange, http1Exchange, http2Exchange } from './exchange.ts';

export interface ListenerOptions {
  readonly port: number;
  /** Not given: no TLS. */
  readonly certificate: StoredCertificate | undefined;
  /** Real ms that a client's connection stays open between two requests. PINGs do not count. */
  readonly keepAliveMs: number;
  /** Answers a request. */
  readonly handle: (exchange: Exchange) => void;
}

export interface ListenerServer {
  readonly port: number;
  /** Whether it speaks TLS. */
  readonly isSecure: boolean;
  /** The certificate of connections from now on. Only where it speaks TLS. */
  present(certificate: StoredCertificate): void;
  /** Frees the port and ends all connections: requests that still run are cut. */
  end(): Promise<void>;
}

/** As many as an Application Load Balancer takes on one connection. */
const MOST_STREAMS = 128;

/** Rejects with an Error, worded for a user, when the port can't be had or the certificate is none. */
export async function startListenerServer(options: ListenerOptions): Promise<ListenerServer> {
  const { port, certificate } = options;
  const http1 = http1Server(options);
  if (!certificate) return { port, isSecure: false, present: () => undefined, end: await listen(http1, port) };
  const http2 = http2Server(options);
  const server = createTlsServer({ ...secretsOf(certificate), ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    (socket.alpnProtocol === 'h2' ? http2 : http1).emit('connection', socket);
  });
  return { port, isSecure: true, present: (other) => server.setSecureContext(secretsOf(other)), end: await listen(server, port) };
}

function secretsOf({ certificate, privateKey }: StoredCertificate) {
  return { cert: certificate, key: privateKey };
}

function http1Server({ keepAliveMs, handle }: ListenerOptions): Server {
  const server = createServer((request, response) => handle(http1Exchange(request, response)));
  server.keepAliveTimeout = keepAliveMs;
  // However long an upload takes: the idle timeout is what ends it.
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket, head) => {
    if (!(socket instanceof Socket)) return;
    const response = responseOn(socket, request);
    handle(http1Exchange(request, response, { socket, head, release: () => response.detachSocket(socket) }));
  });
  return server;
}

/** A way to answer on a connection that Node has handed over because of its upgrade request. */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on('finish', () => socket.end());
  return response;
}

function http2Server({ keepAliveMs, handle }: ListenerOptions): Http2Server {
  const server = createHttp2Server({ settings: { maxConcurrentStreams: MOST_STREAMS } });
  server.on('session', (session) => closeWhenIdle(session, keepAliveMs));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    handle(http2Exchange(stream, headers, rawHeaders));
  });
  return server;
}

/** Node's own timeout of a session does count PINGs. */
function closeWhenIdle(session: ServerHttp2Session, keepAliveMs: number): void {
  let running = 0;
  const timer = setTimeout(() => {
    if (running === 0) session.close();
  }, keepAliveMs).unref();
  session.on('stream', (stream) => {
    running += 1;
    stream.on('close', () => {
      running -= 1;
      timer.refresh();
    });
  });
  session.on('close', () => clearTimeout(timer));
}

/** Resolves with what frees the port and ends all connections. */
function listen(server: NetServer, port: number): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  };
  server.on('connection', track);
  server.on('secureConnection', track);
  const end = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(portProblem(port, error))));
    server.listen(port, '127.0.0.1', () => resolve(end));
  });
}

function portProblem(port: number, error: NodeJS.ErrnoException): string {
  const problem = `The listener can't have port ${port} of 127.0.0.1`;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `${problem}: it is already taken. Stop what listens there, or choose another port for the listener.`;
    case 'EACCES':
      return `${problem}: this user may not listen there. Choose a port from 1024 on for the listener.`;
    default:
      return `${problem}: ${error.message}.`;
  }
}
