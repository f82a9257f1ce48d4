/** The HTTP server behind one listener, on 127.0.0.1. */
import { type IncomingMessage, type Server, ServerResponse, createServer } from 'node:http';
import { Socket } from 'node:net';
import type { UpgradeRequest } from './forwarding.ts';

export interface ListenerOptions {
  readonly port: number;
  /** Real ms that a client's connection stays open between two requests. */
  readonly keepAliveMs: number;
  /** Answers a request; with `upgrade` the client asks for another protocol. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, upgrade?: UpgradeRequest) => void;
}

export interface ListenerServer {
  readonly port: number;
  /** Frees the port and ends all connections: requests that still run are cut. */
  end(): Promise<void>;
}

/** Rejects with an Error, worded for a user, when the port can't be had. */
export function startListenerServer({ port, keepAliveMs, handle }: ListenerOptions): Promise<ListenerServer> {
  const server = createServer((request, response) => handle(request, response));
  server.keepAliveTimeout = keepAliveMs;
  // However long an upload takes: the idle timeout is what ends it.
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket, head) => {
    if (socket instanceof Socket) handle(request, responseOn(socket, request), { socket, head });
  });
  return listen(server, port);
}

/** A way to answer on a connection that Node has handed over because of its upgrade request. */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on('finish', () => socket.end());
  return response;
}

function listen(server: Server, port: number): Promise<ListenerServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const end = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(portProblem(port, error))));
    server.listen(port, '127.0.0.1', () => resolve({ port, end }));
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
