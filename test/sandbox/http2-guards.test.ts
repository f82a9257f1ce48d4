/** What peers may do to the load balancer by HTTP/2, meant or not: each request ends, others go on, and nothing stays behind. */
import http2 from 'node:http2';
import net from 'node:net';
import { caller, type Caller, connection, endAll } from './grpc-lab.ts';
import {
  begin, DATA, END_HEADERS, END_STREAM, endPeers, fields, type Frame, GOAWAY, HEADERS, message, type Peer, PUSH_PROMISE, rawClient, rawTarget,
  RST_STREAM, serve, SETTINGS, target, uint32,
} from './http2-frames.ts';
import { eventually, forward, HEALTHY, type Lab, openLab, until } from './load-balancing.ts';

const OK = 0;
const UNAVAILABLE = 14;
const PROTOCOL_ERROR = 1;
const REFUSED_STREAM = 7;
const CANCEL = 8;

let lab: Lab;
let client: Caller;

beforeEach(async () => {
  lab = await openLab({ speed: 50 });
  client = caller(lab);
});
afterEach(async () => {
  endAll();
  endPeers();
  await lab.end();
});

/** A gRPC target group behind the lab's HTTPS listener, with one target, once it gets calls. Resolves with the listener's ARN. */
async function strange(make: (group: string) => Promise<unknown>): Promise<string> {
  const group = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
  const listener = await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await make(group);
  // Where all are unhealthy, all get calls.
  await eventually(() => lab.health(group), { State: expect.stringMatching(/^(un)?healthy$/) });
  return listener;
}

/** A target that answers what ends a request. */
const answering = (answer: (peer: Peer, stream: number) => void) =>
  strange((group) => rawTarget(lab, group, (peer, { type, flags, stream }) => {
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) answer(peer, stream);
  }));

/** What a target has seen of calls, health checks apart. */
interface Calls {
  readonly listener: string;
  begun: number;
  open: number;
  /** How each of the others ended: the code of its reset, 0 for none. */
  readonly ends: number[];
}

/** A gRPC target group with a target that answers each message with a message, and the end with `grpc-status` 0. */
async function counting(): Promise<Calls> {
  const calls = { begun: 0, open: 0, ends: new Array<number>() };
  const listener = await strange(async (group) => {
    const server = http2.createServer();
    server.on('stream', (stream, { 'user-agent': agent }) => {
      stream.on('error', () => undefined);
      if (agent?.startsWith('ELB-HealthChecker/')) return stream.respond({ 'grpc-status': '12' }, { endStream: true });
      calls.begun += 1;
      calls.open += 1;
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('data', () => stream.write(message('well')));
      stream.on('end', () => stream.end());
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.on('close', () => {
        calls.open -= 1;
        calls.ends.push(stream.rstCode ?? -1);
      });
    });
    await serve(lab, group, server);
  });
  return Object.assign(calls, { listener });
}

const head = (...lines: string[]) => fields(':status', '200', 'content-type', 'application/grpc', ...lines);
const answerWell = (peer: Peer, stream: number) => {
  peer.send(HEADERS, END_HEADERS, stream, head());
  peer.send(DATA, 0, stream, message('well'));
  peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0'));
};

const resetsOf = ({ frames }: Peer) => frames.flatMap(({ type, payload }) => (type === RST_STREAM ? payload.readUInt32BE() : []));

describe('clients', () => {
  const request = [':method', 'POST', ':scheme', 'https', ':authority', 'balancer.test', ':path', '/harbour.Quay/Hail', 'content-type', 'application/grpc'];
  const withPath = (path: string) => request.map((text) => (text === '/harbour.Quay/Hail' ? path : text));
  const strangeRequests: [string, string[]][] = [
    ['no path', [':method', 'GET', ':scheme', 'https']],
    ['an empty path', withPath('')],
    ['a path without its slash', withPath('harbour')],
    ['a path with a space', withPath('/a b')],
    ['a path with bytes beyond ASCII', withPath('/\xff\xfe')],
    ['a path that is a star', withPath('*')],
    ['CONNECT', [':method', 'CONNECT', ':authority', 'balancer.test:443']],
    ['CONNECT with a path', [':method', 'CONNECT', ':scheme', 'https', ':path', '/', ':authority', 'balancer.test:443']],
    ['a method that nobody knows', [':method', 'M#$%', ...request.slice(2)]],
    ['a second path', [...request.slice(0, 8), ':path', '/other']],
    ['a second authority', [...request, 'host', 'other.test', 'host', 'another.test']],
    ['a name in capitals', [...request, 'X-A', '1']],
    ['a name with a space', [...request, 'x a', '1']],
    ['an empty name', [...request, '', '1']],
    ['a value with a line break', [...request, 'x-a', '1\r\nx-b: 2']],
    ['a value with a zero byte', [...request, 'x-a', '\0']],
    ['a value with bytes beyond ASCII', [...request, 'x-a', '\xe4\xff', 'x-a-bin', '\x80']],
    ['a value with a tab', [...request, 'x-a', 'a\tb']],
    ['headers of one connection', [...request, 'connection', 'x-a', 'x-a', '1']],
    ['an upgrade', [...request, 'upgrade', 'websocket']],
    ['a transfer coding', [...request, 'transfer-encoding', 'chunked']],
    ['lengths that differ', [...request, 'content-length', '5', 'content-length', '6']],
    ['a length that is none', [...request, 'content-length', 'long']],
    ['names that objects have', [...request, '__proto__', '1', 'constructor', '2', 'tostring', '3']],
    ['what may come once, twice', [...request, 'content-type', 'text/plain', 'user-agent', 'a', 'user-agent', 'b', 'authorization', 'c', 'authorization', 'd']],
    ['trailers only of a client', [...request, 'te', 'gzip', 'trailer', 'x-a', 'expect', '100-continue']],
    ['100 KB of headers', [...request, ...Array.from({ length: 400 }, (_, i) => [`x-${i}`, 'x'.repeat(20)]).flat()]],
  ];

  test('strange requests end, whatever kind of target they are for', async () => {
    const { listener } = await counting();
    const ends = async () => {
      for (const [what, lines] of strangeRequests) {
        const peer = await rawClient(lab);
        peer.send(HEADERS, END_HEADERS, 1, fields(...lines));
        peer.send(DATA, END_STREAM, 1, message('boat'));
        await until(() => peer.isOver(1));
        expect([what, peer.isOver(1)]).toEqual([what, true]);
        peer.socket.destroy();
      }
    };
    await ends();
    expect(await client.hail()).toMatchObject({ code: OK });
    const group = await lab.targetGroup();
    await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([group, 1])] });
    await lab.target(group, (request, response) => void request.resume().on('end', () => response.end('HTTP/1.1')));
    await eventually(() => lab.health(group), HEALTHY);
    await ends();
    const session = connection(lab);
    const status = await new Promise((resolve) => session.request({ ':path': '/' }).on('response', (headers) => resolve(headers[':status'])).resume());
    expect(status).toBe(200);
  });

  test('a stream that is reset, at any moment, is reset at the target too', async () => {
    const calls = await counting();
    const peer = await rawClient(lab);
    const reset = (stream: number) => peer.send(RST_STREAM, 0, stream, uint32(CANCEL));
    const answered = (stream: number) => until(() => peer.frames.some((frame) => frame.type === DATA && frame.stream === stream));
    begin(peer, 1, '/harbour.Quay/Talk');
    reset(1);
    begin(peer, 3, '/harbour.Quay/Talk');
    await until(() => calls.begun > 0);
    await until(() => peer.frames.some((frame) => frame.type === HEADERS && frame.stream === 3));
    reset(3);
    begin(peer, 5, '/harbour.Quay/Talk');
    peer.send(DATA, 0, 5, message('half').subarray(0, 6));
    await answered(5);
    reset(5);
    begin(peer, 7, '/harbour.Quay/Talk');
    peer.send(DATA, END_STREAM, 7, message('whole'));
    reset(7);
    begin(peer, 9, '/harbour.Quay/Talk');
    peer.send(DATA, END_STREAM, 9, message('whole'));
    await until(() => peer.isOver(9));
    reset(9);
    begin(peer, 11, '/harbour.Quay/Talk');
    peer.send(DATA, 0, 11, message('gone'));
    await answered(11);
    peer.socket.destroy();
    await eventually(async () => calls, { open: 0, ends: expect.arrayContaining([0, CANCEL]) });
    expect(calls.ends.filter((code) => code === 0)).toHaveLength(1);
    expect(await client.hail()).toMatchObject({ code: OK });
  });

  test('more streams than a connection may have are refused, and those that it may have are not', async () => {
    const calls = await counting();
    const peer = await rawClient(lab);
    const streams = Array.from({ length: 1_000 }, (_, i) => 2 * i + 1);
    for (const stream of streams) begin(peer, stream, '/harbour.Quay/Talk');
    await until(() => streams.filter(peer.isOver).length === 872 && calls.open === 128);
    expect(streams.filter(peer.isOver)).toEqual(streams.slice(128));
    expect(new Set(resetsOf(peer))).toEqual(new Set([REFUSED_STREAM]));
    expect(await client.hail()).toMatchObject({ code: OK });
    peer.socket.destroy();
    await eventually(async () => calls, { begun: 129, open: 0 });
  });

  test('a flood of resets is ended', async () => {
    const calls = await counting();
    const peer = await rawClient(lab);
    peer.socket.cork();
    for (let stream = 1; stream < 4_000; stream += 2) {
      begin(peer, stream, '/harbour.Quay/Talk');
      peer.send(RST_STREAM, 0, stream, uint32(CANCEL));
    }
    peer.socket.uncork();
    await until(() => peer.frames.some(({ type }) => type === GOAWAY));
    expect(peer.frames.at(-1)).toMatchObject({ type: GOAWAY });
    expect(await client.hail()).toMatchObject({ code: OK });
    await eventually(async () => calls, { open: 0 });
  });

  test('what is no HTTP/2 ends the connection', async () => {
    await counting();
    const peer = await rawClient(lab);
    peer.send(DATA, 0, 1, message('before its headers'));
    await until(() => peer.frames.some(({ type }) => type === GOAWAY));
    expect(peer.frames.at(-1)).toMatchObject({ type: GOAWAY });
    const plain = net.connect(lab.port, '127.0.0.1', () => plain.write('GET / HTTP/1.1\r\n\r\n'));
    plain.on('error', () => undefined).resume();
    await until(() => plain.destroyed);
    expect(plain.destroyed).toBe(true);
    expect(await client.hail()).toMatchObject({ code: OK });
  });

  test('one that gives up in the middle of its messages has not ended them', async () => {
    const frames: Frame[] = [];
    let teller: Peer | undefined;
    await strange((group) => rawTarget(lab, group, (peer, frame) => {
      if (frame.type === DATA && frame.payload.equals(message('one'))) teller = peer;
      if (peer === teller && frame.stream > 0) frames.push(frame);
      else if (frame.type === DATA) answerWell(peer, frame.stream);
    }));
    const session = connection(lab);
    const giveUp = new AbortController();
    const headers = { ':method': 'POST', ':path': '/harbour.Quay/Load', 'content-type': 'application/grpc', te: 'trailers' };
    // `close` would end the messages before it resets the stream.
    const stream = session.request(headers, { signal: giveUp.signal });
    stream.on('error', () => undefined).resume();
    stream.write(message('one'));
    await until(() => frames.length > 0);
    giveUp.abort();
    await until(() => frames.length > 1);
    expect(frames).toMatchObject([{ type: DATA, flags: 0 }, { type: RST_STREAM, payload: uint32(CANCEL) }]);
  });
});

describe('targets', () => {
  const unreachable = { code: UNAVAILABLE, details: expect.stringContaining('502') };

  test.each<[string, (socket: net.Socket) => void]>([
    ['speaks HTTP/1.1', (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))],
    ['answers with garbage', (socket) => socket.on('data', () => socket.write(Buffer.alloc(4_096, 0xa5)))],
    ['closes', (socket) => socket.end()],
    ['closes once it has heard', (socket) => socket.on('data', () => socket.end())],
    ['resets', (socket) => socket.resetAndDestroy()],
  ])('one that %s: 502', async (_what, greet) => {
    await strange((group) => target(lab, group, greet));
    expect(await client.hail()).toMatchObject(unreachable);
    expect(await client.hail()).toMatchObject(unreachable);
  });

  test.each(['999', '600', '99', '0', '101', 'x', ''])('one that answers with the status "%s": 502', async (status) => {
    await answering((peer, stream) => {
      peer.send(HEADERS, END_HEADERS, stream, fields(':status', status, 'content-type', 'application/grpc'));
      peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0'));
    });
    expect(await client.hail()).toMatchObject(unreachable);
  });

  test('one that says more than once what may come once: the first counts', async () => {
    await answering((peer, stream) => {
      peer.send(HEADERS, END_HEADERS, stream, head('content-type', 'text/plain', 'date', 'a', 'date', 'b', '__proto__', 'c'));
      peer.send(DATA, 0, stream, message('well'));
      peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0', 'content-type', 'a', 'content-type', 'b'));
    });
    expect(await client.hail()).toMatchObject({ code: OK, answers: ['well'] });
  });

  test.each<[string, (peer: Peer, stream: number) => void]>([
    ['trailers with a status of HTTP', (peer, stream) => peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields(':status', '200'))],
    ['trailers with headers of one connection', (peer, stream) => peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('connection', 'close'))],
    ['no trailers', (peer, stream) => peer.send(DATA, END_STREAM, stream)],
    ['a second head', (peer, stream) => peer.send(HEADERS, END_HEADERS, stream, head())],
    ['the end of its connection', (peer) => peer.socket.end()],
  ])('one that follows its messages with %s: an error, and no success', async (_what, end) => {
    await answering((peer, stream) => {
      peer.send(HEADERS, END_HEADERS, stream, head());
      peer.send(DATA, 0, stream, message('well'));
      end(peer, stream);
    });
    const { code } = await client.hail('boat', { deadline: Date.now() + 2_500 });
    expect([13, 14, 2]).toContain(code);
  });

  test('one that promises what nobody asked for: 502', async () => {
    await answering((peer, stream) => {
      const promised = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];
      peer.send(PUSH_PROMISE, END_HEADERS, stream, Buffer.concat([uint32(2), fields(...promised)]));
      peer.send(HEADERS, END_HEADERS, 2, head());
      peer.send(RST_STREAM, 0, 2, uint32(CANCEL));
      answerWell(peer, stream);
    });
    expect(await client.hail()).toMatchObject(unreachable);
  });

  test.each([1, CANCEL, 11])('one that resets a call with %d before its answer: 502', async (reason) => {
    await answering((peer, stream) => peer.send(RST_STREAM, 0, stream, uint32(reason)));
    expect(await client.hail()).toMatchObject(unreachable);
  });

  test.each([1, REFUSED_STREAM, CANCEL, 11])('one that resets a call with %d in its answer: so does the load balancer', async (reason) => {
    await answering((peer, stream) => {
      peer.send(HEADERS, END_HEADERS, stream, head());
      peer.send(RST_STREAM, 0, stream, uint32(reason));
    });
    const peer = await rawClient(lab);
    begin(peer, 1, '/harbour.Quay/Hail');
    peer.send(DATA, END_STREAM, 1, message('boat'));
    await until(() => peer.isOver(1));
    expect(resetsOf(peer)).toEqual([reason]);
  });

  test('one that takes no more calls on its connection gets the others on a second one', async () => {
    const peers = new Map<Peer, number[]>();
    await strange((group) => rawTarget(lab, group, (peer, { type, stream, flags }) => {
      if (type === SETTINGS && flags === 0) peer.send(SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 3), uint32(2)]));
      if (type === HEADERS) peers.set(peer, [...(peers.get(peer) ?? []), stream]);
      if (type === HEADERS) peer.send(HEADERS, END_HEADERS, stream, head());
      if (type === DATA && (flags & END_STREAM) !== 0) peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0'));
      else if (type === DATA) peer.send(DATA, 0, stream, message('well'));
    }));
    for (let i = 0; i < 7; i++) {
      const talk = client.talk();
      talk.send('one');
      await until(() => talk.answers.length > 0);
      expect(talk.answers).toEqual(['well']);
    }
    const widths = [...peers.values()].map(({ length }) => length).filter((width) => width > 1);
    expect(widths).toEqual([2, 2, 2]);
  });

  test('the idle timeout ends a call that has no answer, and one whose client goes on after its answer', async () => {
    const resets: number[] = [];
    await strange((group) => rawTarget(lab, group, (target, { type, stream, payload }) => {
      if (type === RST_STREAM) resets.push(payload.readUInt32BE());
      if (type === DATA && payload.length > 0 && !payload.equals(message('wait'))) answerWell(target, stream);
    }));
    const waiting = client.hail('wait');
    const peer = await rawClient(lab);
    begin(peer, 1, '/harbour.Quay/Talk');
    peer.send(DATA, 0, 1, message('boat'));
    await until(() => peer.isOver(1));
    expect(resetsOf(peer)).toEqual([]);
    expect(await waiting).toMatchObject({ code: UNAVAILABLE, details: expect.stringContaining('504') });
    await until(() => resetsOf(peer).length > 0 && resets.length === 2);
    expect([resetsOf(peer), resets]).toEqual([[PROTOCOL_ERROR], [CANCEL, CANCEL]]);
  });

  test('one that goes away finishes what runs; what comes then has a new connection', async () => {
    const peers = new Set<Peer>();
    const calls: [Peer, number][] = [];
    await strange((group) => rawTarget(lab, group, (peer, { type, stream, flags }) => {
      peers.add(peer);
      if (type === DATA && flags === 0) calls.push([peer, stream]);
      else if (type === DATA) answerWell(peer, stream);
    }));
    const talk = client.talk();
    talk.send('one');
    await until(() => calls.length === 1);
    const [[first, stream] = []] = calls;
    first?.send(GOAWAY, 0, 0, uint32(stream ?? 0, 0));
    const before = peers.size;
    await until(async () => (await client.hail()).code === OK && peers.size > before);
    expect(first?.isOver(stream ?? 0)).toBe(false);
    if (first && stream) answerWell(first, stream);
    expect(await talk.outcome).toMatchObject({ code: OK, answers: ['well'] });
  });

  test('one that goes away before it has taken a call: the client may send it again', async () => {
    await answering((peer) => {
      peer.send(GOAWAY, 0, 0, uint32(0, 0));
    });
    expect(await client.hail()).toMatchObject({ code: UNAVAILABLE });
  });
});
