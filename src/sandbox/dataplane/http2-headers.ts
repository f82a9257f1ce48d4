/** Header lines on their way into HTTP/2 and out of it, and how an answer ends there. */
import type { IncomingHttpHeaders } from 'node:http';
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';

/**
 * Names and values of the lines, one after the other, without those that begin with a colon. Lines of one name stay apart, as gRPC's binary
 * metadata has to; only where a name may come once is it left to Node which one counts.
 * @param rawHeaders the lines as they came; `headers` is what Node made of them.
 */
export function linesOf(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): string[] {
  return [...byName(rawHeaders)].flatMap(([name, values]) => {
    if (name.startsWith(':')) return [];
    const joined = headers[name];
    const kept = typeof joined === 'string' && joined !== values.join(', ') ? [joined] : values;
    return kept.flatMap((value) => [name, value]);
  });
}

/** Lines as Node's HTTP/2 takes them. @param lines names and values, one after the other. */
export function http2Headers(lines: readonly string[]): OutgoingHttpHeaders {
  return Object.fromEntries(byName(lines));
}

/** The same for an answer that came by HTTP/1.1, where one line with commas says what several do. A name that may come once would be refused twice. */
export function joinedHeaders(lines: readonly string[]): OutgoingHttpHeaders {
  return Object.fromEntries([...byName(lines)].map(([name, values]) => [name, name === 'set-cookie' ? values : values.join(', ')]));
}

/** Tells a client that has its whole answer, and goes on all the same, that nobody listens any more. Source: RFC 9113, section 8.1. */
export function dismiss(client: ServerHttp2Stream): void {
  // A reset takes along what is not written yet, and what was just sent is written at the end of this turn.
  setImmediate(() => {
    if (!client.readableEnded && !client.closed) client.close(constants.NGHTTP2_NO_ERROR);
  });
}

function byName(lines: readonly string[]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [name = '', value = ''] = lines.slice(i, i + 2);
    const key = name.toLowerCase();
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  return values;
}
