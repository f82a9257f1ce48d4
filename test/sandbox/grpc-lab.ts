/** gRPC servers and clients for tests, with the library that most Node programs use; messages are plain text. */
import { type ClientHttp2Session, connect } from 'node:http2';
import {
  type CallOptions, Client, type ClientReadableStream, credentials, type handleUnaryCall, Metadata, Server, ServerCredentials,
  type ServerDuplexStream, type ServerReadableStream, type ServerWritableStream, type ServiceError, type StatusObject,
} from '@grpc/grpc-js';
import { CERTIFICATE } from './certificates.ts';
import { eventually, forward, HEALTHY, type Lab, type Place } from './load-balancing.ts';

const write = (text: string) => Buffer.from(text);
const read = (bytes: Buffer) => bytes.toString();

function method(name: string, requestStream: boolean, responseStream: boolean) {
  const path = `/harbour.Quay/${name}`;
  return { path, requestStream, responseStream, requestSerialize: write, requestDeserialize: read, responseSerialize: write, responseDeserialize: read };
}

const QUAY = {
  hail: method('Hail', false, false),
  watch: method('Watch', false, true),
  load: method('Load', true, false),
  talk: method('Talk', true, true),
};

/** The library takes a message that is read as nothing for none. */
const CHECK = { ...method('Check', false, false), path: '/grpc.health.v1.Health/Check', requestDeserialize: () => 'check' };

/** What a server has seen. */
export interface Seen {
  /** Metadata of each call. */
  readonly metadata: Metadata[];
  /** Names of the methods whose call was cancelled. */
  readonly cancelled: string[];
  /** Texts of the messages of client and bidirectional streams, `(end)` at the end of one that a client ended. */
  readonly messages: string[];
}

export interface Quay extends Place {
  readonly seen: Seen;
  /** Cuts its connections. */
  end(): void;
}

const quays: { end(): void }[] = [];

/** Ends all servers and clients that were started here. */
export function endAll(): void {
  for (const one of quays.splice(0)) one.end();
}

/** Starts a server that answers with its name and registers it. @param code that its health checks get. */
export async function quay(lab: Lab, targetGroupArn: string, name: string, code?: () => number): Promise<Quay> {
  const server = new Server();
  const seen: Seen = { metadata: [], cancelled: [], messages: [] };
  server.addService(QUAY, berths(name, seen));
  if (code) server.addService({ check: CHECK }, { check: status(code) });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
  });
  const end = () => server.forceShutdown();
  quays.push({ end });
  return { ...(await lab.place(targetGroupArn, port)), seen, end };
}

function status(code: () => number): handleUnaryCall<string, string> {
  return (_call, done) => (code() === 0 ? done(null, '') : done({ code: code(), details: 'not well' }));
}

interface Call {
  readonly metadata: Metadata;
  on(event: string, listener: () => void): unknown;
}

function berths(name: string, seen: Seen) {
  const note = (call: Call, method: string) => {
    seen.metadata.push(call.metadata);
    call.on('cancelled', () => seen.cancelled.push(method));
  };
  const tide = new Metadata();
  tide.set('quay-tide', 'low');
  const hail: handleUnaryCall<string, string> = (call, done) => {
    note(call, 'Hail');
    if (call.request === 'wait') return;
    if (call.request === 'nobody') return done({ code: 5, details: 'no berth: 100 %, “über”', metadata: tide });
    const flood = new Metadata();
    flood.set('quay-flood', 'high');
    call.sendMetadata(flood);
    done(null, call.request === 'long' ? 'x'.repeat(1_500_000) : name, tide);
  };
  return {
    hail,
    /** So many messages, or no end. */
    watch(call: ServerWritableStream<string, string>) {
      note(call, 'Watch');
      if (call.request === 'for ever') return void call.write(name);
      for (let i = 0; i < Number(call.request); i++) call.write(`${name} ${i}`);
      call.end(tide);
    },
    load(call: ServerReadableStream<string, string>, done: (error: null, answer: string) => void) {
      note(call, 'Load');
      let bytes = 0;
      call.on('data', (text: string) => {
        bytes += text.length;
        seen.messages.push(text);
      });
      call.on('end', () => {
        seen.messages.push('(end)');
        done(null, `${name} ${bytes}`);
      });
    },
    talk(call: ServerDuplexStream<string, string>) {
      note(call, 'Talk');
      call.on('data', (text: string) => {
        seen.messages.push(text);
        call.write(`${name} ${text}`);
      });
      call.on('end', () => call.end(tide));
    },
  };
}

/** How a call ended, with what came before. */
export interface Outcome {
  readonly code: StatusObject['code'];
  readonly details: string;
  readonly answers: string[];
  readonly headers: Record<string, unknown>;
  readonly trailers: Record<string, unknown>;
}

/** A call whose end can be waited for. */
export interface Running {
  readonly answers: string[];
  readonly outcome: Promise<Outcome>;
  send(text: string): void;
  /** No more from this side. */
  end(): void;
  cancel(): void;
}

export interface Caller {
  hail(text?: string, options?: CallOptions, metadata?: Metadata): Promise<Outcome>;
  watch(text: string, options?: CallOptions): Running;
  load(): Running;
  talk(): Running;
  close(): void;
}

/** A connection of HTTP/2 to the lab's listener, which is `balancer.test`. */
export function connection({ port }: Pick<Lab, 'port'>): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { ca: CERTIFICATE.certificate, servername: 'balancer.test' });
  quays.push({ end: () => session.destroy() });
  return session;
}

/** One channel to the listener on that port, which is `balancer.test`. */
export function caller({ port }: Pick<Lab, 'port'>): Caller {
  const client = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(CERTIFICATE.certificate)), {
    'grpc.ssl_target_name_override': 'balancer.test',
    'grpc.default_authority': 'balancer.test',
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  const close = () => client.close();
  quays.push({ end: close });

  const unary = (path: string, text: string, metadata: Metadata, options: CallOptions) =>
    new Promise<Outcome>((resolve) => {
      const answers: string[] = [];
      let headers = {};
      const call = client.makeUnaryRequest(path, write, read, text, metadata, options, (_error: ServiceError | null, answer?: string) => {
        if (answer !== undefined) answers.push(answer);
      });
      call.on('metadata', (metadata) => {
        headers = metadata.getMap();
      });
      call.on('status', (status) => resolve(outcomeOf(status, answers, headers)));
    });

  function follow(call: Pick<ClientReadableStream<string>, 'on' | 'cancel'>, answers: string[]): Pick<Running, 'answers' | 'outcome' | 'cancel'> {
    let headers = {};
    const outcome = new Promise<Outcome>((resolve) => {
      call.on('error', () => undefined);
      call.on('metadata', (metadata) => {
        headers = metadata.getMap();
      });
      call.on('data', (text: string) => answers.push(text));
      call.on('status', (status) => resolve(outcomeOf(status, answers, headers)));
    });
    return { answers, outcome, cancel: () => call.cancel() };
  }

  return {
    hail: (text = 'boat', options = {}, metadata = new Metadata()) => unary(QUAY.hail.path, text, metadata, options),
    watch(text, options = {}) {
      const call = client.makeServerStreamRequest(QUAY.watch.path, write, read, text, new Metadata(), options);
      return { ...follow(call, []), send: () => undefined, end: () => undefined };
    },
    load() {
      const answers: string[] = [];
      const call = client.makeClientStreamRequest(QUAY.load.path, write, read, new Metadata(), {}, (_error, answer) => {
        if (answer !== undefined) answers.push(answer);
      });
      const outcome = new Promise<Outcome>((resolve) => {
        call.on('error', () => undefined);
        call.on('status', (status) => resolve(outcomeOf(status, answers, {})));
      });
      return { answers, outcome, send: (text) => void call.write(text), end: () => call.end(), cancel: () => call.cancel() };
    },
    talk() {
      const call = client.makeBidiStreamRequest(QUAY.talk.path, write, read, new Metadata(), {});
      return { ...follow(call, []), send: (text) => void call.write(text), end: () => call.end() };
    },
    close,
  };
}

function outcomeOf({ code, details, metadata }: StatusObject, answers: string[], headers: Record<string, unknown>): Outcome {
  return { code, details, answers, headers, trailers: metadata.getMap() };
}

/** One gRPC target group behind the lab's HTTPS listener, with a healthy server for each name. */
export async function quaysOf(lab: Lab, ...names: string[]) {
  const group = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
  const listener = await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  const servers: Quay[] = [];
  for (const name of names) servers.push(await quay(lab, group, name));
  for (const server of servers) await eventually(() => lab.health(group, server), HEALTHY);
  return { group, listener, servers };
}

/** Two gRPC target groups behind the lab's HTTPS listener with one healthy server each, which answers its group's colour. */
export async function blueAndGreenQuays(lab: Lab, blueWeight: number, greenWeight: number) {
  const blue = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
  const green = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
  const listener = await lab.secureListener(await lab.loadBalancer(), [forward([blue, blueWeight], [green, greenWeight])]);
  const servers = { blue: await quay(lab, blue, 'blue'), green: await quay(lab, green, 'green') };
  for (const group of [blue, green]) await eventually(() => lab.health(group), HEALTHY);
  return { blue, green, listener, servers };
}
