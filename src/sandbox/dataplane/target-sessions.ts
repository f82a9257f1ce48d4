/** The load balancer's HTTP/2 connections to targets, kept open between calls until they idle out or the target is gone. */
import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionRequestOptions, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { RegisteredTarget } from '../parts.ts';

export interface TargetSessions {
  /**
   * Begins a call to a target, without TLS, on a connection that has room for it.
   * @param to where the target really is; `idleTimeoutMs` (real) is after how long an unused connection is closed.
   */
  call(
    target: RegisteredTarget,
    to: { readonly host: string; readonly port: number; readonly idleTimeoutMs: number },
    headers: OutgoingHttpHeaders,
    options: ClientSessionRequestOptions,
  ): ClientHttp2Stream;
  /** Cuts all of them. */
  end(): void;
}

/** A connection, with the number of calls that run on it. */
interface Connection {
  readonly session: ClientHttp2Session;
  readonly authority: string;
  calls: number;
  /** Calls that it takes at a time. */
  room: number;
}

/** Connections to any number of targets. */
export function makeTargetSessions(): TargetSessions {
  const connections = new Map<RegisteredTarget, Set<Connection>>();

  function open(target: RegisteredTarget, authority: string, idleTimeoutMs: number): Connection {
    const session = connect(authority, { settings: { enablePush: false } });
    // A target tells its limit after the first call was sent, and what is above it would wait.
    const connection = { session, authority, calls: 0, room: 1 };
    session.on('remoteSettings', ({ maxConcurrentStreams = Infinity }) => {
      connection.room = maxConcurrentStreams;
    });
    const known = connections.get(target) ?? new Set();
    connections.set(target, known.add(connection));
    const cut = () => session.destroy();
    target.gone.addEventListener('abort', cut);
    // Its calls learn of it by themselves.
    session.on('error', () => undefined);
    session.setTimeout(idleTimeoutMs, () => session.close());
    session.on('close', () => {
      target.gone.removeEventListener('abort', cut);
      known.delete(connection);
      if (known.size === 0) connections.delete(target);
    });
    return connection;
  }

  return {
    call(target, { host, port, idleTimeoutMs }, headers, options) {
      const authority = `http://${host}:${port}`;
      const usable = [...(connections.get(target) ?? [])].find((known) => known.authority === authority && hasRoom(known));
      const connection = usable ?? open(target, authority, idleTimeoutMs);
      const call = connection.session.request(headers, options);
      connection.calls += 1;
      return call.on('close', () => {
        connection.calls -= 1;
      });
    },

    end() {
      for (const known of connections.values()) for (const { session } of known) session.destroy();
    },
  };
}

function hasRoom({ session, calls, room }: Connection): boolean {
  return !session.closed && !session.destroyed && calls < room;
}
