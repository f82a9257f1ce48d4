/** Joins a gRPC call of a client with a call to a server: messages in both directions as they come, then the trailers. */
import {
  type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader, type OutgoingHttpHeaders, type ServerHttp2Stream,
} from 'node:http2';
import { endToEndHeaders } from './forwarded-request.ts';
import { dismiss, http2Headers, linesOf } from './http2-headers.ts';

export interface Relay {
  /** Begins the call. Not called where the client is gone already. @param signal resets it, without an end of its messages. */
  readonly request: (signal: AbortSignal) => ClientHttp2Stream;
  /** The head that the client gets for the server's, whose header lines are names and values, one after the other. */
  readonly head: (status: number, lines: readonly string[]) => OutgoingHttpHeaders;
  /** The server's answer ended before it was whole, while the client waits. @param code of its reset; undefined where that is not why. */
  readonly broken: (code: number | undefined) => void;
  /** A byte has come, from either side. */
  readonly stirred?: () => void;
}

export interface RelayedCall {
  /** Whether the client has the whole answer. It may go on all the same. */
  isAnswered(): boolean;
  /** Resets the call to the server, which is `broken` then. */
  giveUp(): void;
  /** Ends a begun answer for the client, with these trailers. */
  endWith(trailers: OutgoingHttpHeaders): void;
}

const { NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR } = constants;

/** A client that gives up has given up at the server; how a server ends, but for its connection, is how it ends for the client. */
export function relayCall(client: ServerHttp2Stream, { request, head, broken, stirred = () => undefined }: Relay): RelayedCall {
  const given = new AbortController();
  const call = request(given.signal);
  const { session } = call;
  let isWhole = false;
  let trailers: OutgoingHttpHeaders = {};
  const isWaiting = () => !client.destroyed && !client.closed;
  const giveUp = () => given.abort();
  const endWith = (last: OutgoingHttpHeaders) => {
    trailers = last;
    client.end();
  };

  client.on('data', stirred).pipe(call, { end: false });
  client.on('end', () => {
    // A stream that is reset seems to end, too.
    if (client.rstCode === NGHTTP2_NO_ERROR && !client.destroyed) call.end();
  });
  client.on('wantTrailers', () => {
    client.sendTrailers(trailers);
    dismiss(client);
  });
  client.on('close', () => {
    if (!isWhole || !call.writableFinished) giveUp();
  });

  call.on('response', (headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number, rawHeaders: string[]) => {
    stirred();
    const answer = head(headers[':status'] ?? 0, linesOf(headers, rawHeaders));
    if (!isWaiting()) return;
    // Without messages an answer has no body, not even one of no length: clients would miss its status.
    const hasBody = (flags & NGHTTP2_FLAG_END_STREAM) === 0;
    if (!beginAnswer(client, answer, hasBody)) return giveUp();
    isWhole = !hasBody;
    if (hasBody) {
      call.on('data', stirred).pipe(client, { end: false });
    } else {
      call.resume();
      dismiss(client);
    }
  });
  call.on('trailers', (headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    const last = http2Headers(endToEndHeaders(linesOf(headers, rawHeaders)));
    // A call that is cut may seem to end, too, but without trailers.
    call.on('end', () => {
      isWhole = true;
      endWith(last);
    });
  });
  call.on('error', () => undefined);
  call.on('close', () => {
    client.unpipe(call);
    client.resume();
    const isReset = call.rstCode !== NGHTTP2_NO_ERROR && session?.destroyed === false;
    if (!isWhole && isWaiting()) broken(isReset ? call.rstCode : undefined);
  });
  return { isAnswered: () => isWhole, giveUp, endWith };
}

/** Node reads some heads that it refuses to write. */
function beginAnswer(client: ServerHttp2Stream, head: OutgoingHttpHeaders, hasBody: boolean): boolean {
  try {
    client.respond(head, hasBody ? { waitForTrailers: true } : { endStream: true });
    return true;
  } catch {
    return false;
  }
}
