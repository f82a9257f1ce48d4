/** Requests of the experiment by gRPC: one unary method over one channel. */
import { type ChannelCredentials, type ChannelOptions, Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { GrpcMethod } from './grpc-method.ts';
import { REQUEST_TIMEOUT, type Respondent } from './probe.ts';

export interface GrpcOptions {
  /** http for HTTP/2 without TLS; only its host and port count. */
  readonly url: URL;
  readonly method: GrpcMethod;
  /** The name to look for in the certificate and to send as authority; the host unless told. */
  readonly serverName: string | undefined;
}

/** What is counted is what the other side does: no proxy in between, and no call is sent a second time. */
const PLAIN_CALLS: ChannelOptions = { 'grpc.enable_http_proxy': 0, 'grpc.enable_retries': 0, 'grpc.service_config_disable_resolution': 1 };

/** What the library adds to some errors: times, which would make each one a kind of its own, and a note that is empty. */
const ADDED = / Resolution note: *$| \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g;

/** Trusts whom Node trusts. Answers are JSON. */
export function grpcRespondent({ url, method, serverName }: GrpcOptions): Respondent {
  const secure = url.protocol === 'https:';
  const named = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
  const address = `dns:${url.hostname}:${url.port || (secure ? 443 : 80)}`;
  const sockets = openedSockets();
  const client = new Client(address, secure ? trustOfNode() : credentials.createInsecure(), { ...PLAIN_CALLS, ...named });
  return {
    ask: (signal) => answerOf(client, method, signal),
    close() {
      client.close();
      sockets.destroy();
    },
  };
}

/** The library would trust nobody but those in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, where that is set. */
function trustOfNode(): ChannelCredentials {
  return credentials.createFromSecureContext(createSecureContext());
}

/** The sockets that are opened from now on. The library leaves those that still connect to themselves, and the program would wait for them. */
function openedSockets(): { destroy(): void } {
  const sockets = new Set<Socket>();
  const keep = (message: unknown) => {
    if (typeof message === 'object' && message !== null && 'socket' in message && message.socket instanceof Socket) sockets.add(message.socket);
  };
  subscribe('net.client.socket', keep);
  return {
    destroy() {
      unsubscribe('net.client.socket', keep);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function answerOf(client: Client, { path, request, serialize, deserialize }: GrpcMethod, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const cancel = () => call.cancel();
    const call = client.makeUnaryRequest(path, serialize, deserialize, request, new Metadata(), { deadline: Date.now() + REQUEST_TIMEOUT }, (error, answer) => {
      signal.removeEventListener('abort', cancel);
      if (error) reject(new Error(`${status[error.code]}: ${wordsOf(error.details)}`));
      else resolve(JSON.stringify(answer));
    });
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel);
  });
}

function wordsOf(details: string): string {
  return details.startsWith('Deadline exceeded after ') ? `no answer within ${REQUEST_TIMEOUT / 1_000} seconds` : details.replaceAll(ADDED, '');
}
