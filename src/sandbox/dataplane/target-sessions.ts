/** The load balancer's HTTP/2 connections to targets: one for each, kept open between calls until it idles out or the target is gone. */
import { type ClientHttp2Session, connect } from 'node:http2';
import type { RegisteredTarget } from '../parts.ts';

export interface TargetSessions {
  /** The connection to one target, without TLS; `idleTimeoutMs` (real) is after how long an unused one is closed. */
  to(target: RegisteredTarget, address: { host: string; port: number }, idleTimeoutMs: number): ClientHttp2Session;
  /** Cuts all of them. */
  end(): void;
}

/** In MB: many long messages may be on their way at once. Node's own limit would refuse streams. */
const MOST_MEMORY = 1_000;

/** Connections to any number of targets. */
export function makeTargetSessions(): TargetSessions {
  const sessions = new Map<RegisteredTarget, { readonly session: ClientHttp2Session; readonly authority: string }>();

  function open(target: RegisteredTarget, authority: string, idleTimeoutMs: number): ClientHttp2Session {
    const session = connect(authority, { maxSessionMemory: MOST_MEMORY });
    const cut = () => session.destroy();
    target.gone.addEventListener('abort', cut);
    // Its calls learn of it by themselves.
    session.on('error', () => undefined);
    session.setTimeout(idleTimeoutMs, () => session.close());
    session.on('close', () => {
      target.gone.removeEventListener('abort', cut);
      if (sessions.get(target)?.session === session) sessions.delete(target);
    });
    return session;
  }

  return {
    to(target, { host, port }, idleTimeoutMs) {
      const authority = `http://${host}:${port}`;
      const known = sessions.get(target);
      if (known && known.authority === authority && !known.session.closed && !known.session.destroyed) return known.session;
      const session = open(target, authority, idleTimeoutMs);
      sessions.set(target, { session, authority });
      return session;
    },

    end() {
      for (const { session } of sessions.values()) session.destroy();
      sessions.clear();
    },
  };
}
