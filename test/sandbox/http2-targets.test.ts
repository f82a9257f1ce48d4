/** What gRPC targets may do to the load balancer, meant or not: each call ends, others go on, and nothing stays behind. */
import { status } from '@grpc/grpc-js';
import http2 from 'node:http2';
import net from 'node:net';
import { caller, type Caller, endAll } from './grpc-lab.ts';
import {
  begin, DATA, END_HEADERS, END_STREAM, endPeers, fields, GOAWAY, HEADERS, message, type Peer, PUSH_PROMISE, rawClient, rawTarget,
  RST_STREAM, serve, SETTINGS, target, uint32,
} from './http2-frames.ts';
import { type Lab, openLab, until } from './load-balancing.ts';
import { answering, answerWell, head, resetsOf, strange } from './strange-targets.ts';

const { OK, UNAVAILABLE } = status;
const NO_ERROR = 0;
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

const unreachable = { code: UNAVAILABLE, details: expect.stringContaining('502') };

test.each<[string, (socket: net.Socket) => void]>([
  ['speaks HTTP/1.1', (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))],
  ['answers with garbage', (socket) => socket.on('data', () => socket.write(Buffer.alloc(4_096, 0xa5)))],
  ['closes', (socket) => socket.end()],
  ['closes once it has heard', (socket) => socket.on('data', () => socket.end())],
  ['resets', (socket) => socket.resetAndDestroy()],
])('one that %s: 502', async (_what, greet) => {
  await strange(lab, (group) => target(lab, group, greet));
  expect(await client.hail()).toMatchObject(unreachable);
  expect(await client.hail()).toMatchObject(unreachable);
});

test.each(['999', '600', '99', '0', '101', 'x', ''])('one that answers with the status "%s": 502', async (status) => {
  await answering(lab, (peer, stream) => {
    peer.send(HEADERS, END_HEADERS, stream, fields(':status', status, 'content-type', 'application/grpc'));
    peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0'));
  });
  expect(await client.hail()).toMatchObject(unreachable);
});

test('one that says more than once what may come once: the first counts', async () => {
  await answering(lab, (peer, stream) => {
    peer.send(HEADERS, END_HEADERS, stream, head('content-type', 'text/plain', 'date', 'a', 'date', 'b', '__proto__', 'c'));
    peer.send(DATA, 0, stream, message('well'));
    peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0', 'content-type', 'a', 'content-type', 'b'));
  });
  expect(await client.hail()).toMatchObject({ code: OK, answers: ['well'] });
});

test('one whose trailers have what belongs to a connection: that is left out', async () => {
  await answering(lab, (peer, stream) => {
    peer.send(HEADERS, END_HEADERS, stream, head());
    peer.send(DATA, 0, stream, message('well'));
    peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0', 'http2-settings', 'x'));
  });
  expect(await client.hail()).toMatchObject({ code: OK, answers: ['well'] });
  expect(await client.hail()).toMatchObject({ code: OK, answers: ['well'] });
});

test.each<[string, (peer: Peer, stream: number) => void]>([
  ['trailers with a status of HTTP', (peer, stream) => peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields(':status', '200'))],
  ['trailers with headers of one connection', (peer, stream) => peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('connection', 'close'))],
  ['no trailers', (peer, stream) => peer.send(DATA, END_STREAM, stream)],
  ['a second head', (peer, stream) => peer.send(HEADERS, END_HEADERS, stream, head())],
  ['the end of its connection', (peer) => peer.socket.end()],
])('one that follows its messages with %s: an error, and no success', async (_what, end) => {
  await answering(lab, (peer, stream) => {
    peer.send(HEADERS, END_HEADERS, stream, head());
    peer.send(DATA, 0, stream, message('well'));
    end(peer, stream);
  });
  const { code } = await client.hail('boat', { deadline: Date.now() + 2_500 });
  expect([13, 14, 2]).toContain(code);
});

test('one that promises what nobody asked for: 502', async () => {
  await answering(lab, (peer, stream) => {
    const promised = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];
    peer.send(PUSH_PROMISE, END_HEADERS, stream, Buffer.concat([uint32(2), fields(...promised)]));
    peer.send(HEADERS, END_HEADERS, 2, head());
    peer.send(RST_STREAM, 0, 2, uint32(CANCEL));
    answerWell(peer, stream);
  });
  expect(await client.hail()).toMatchObject(unreachable);
});

test.each([1, CANCEL, 11])('one that resets a call with %d before its answer: 502', async (reason) => {
  await answering(lab, (peer, stream) => peer.send(RST_STREAM, 0, stream, uint32(reason)));
  expect(await client.hail()).toMatchObject(unreachable);
});

test.each([1, REFUSED_STREAM, CANCEL, 11])('one that resets a call with %d in its answer: so does the load balancer', async (reason) => {
  await answering(lab, (peer, stream) => {
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
  await strange(lab, (group) => rawTarget(lab, group, (peer, { type, stream, flags }) => {
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

test('a burst is more than the first connection takes: none waits for another', async () => {
  const server = http2.createServer({ settings: { maxConcurrentStreams: 3 } });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined).on('data', () => stream.write(message('well')));
    stream.respond({ 'content-type': 'application/grpc' });
  });
  await strange(lab, (group) => serve(lab, group, server));
  const talks = Array.from({ length: 20 }, () => client.talk());
  let ended = 0;
  for (const talk of talks) {
    talk.send('one');
    void talk.outcome.then(() => (ended += 1));
  }
  await until(() => ended > 0 || talks.every(({ answers }) => answers.length > 0));
  expect(ended).toBe(0);
});

test('the idle timeout ends a call that has no answer; a client that goes on after its answer is told at once to stop', async () => {
  const resets: number[] = [];
  await strange(lab, (group) => rawTarget(lab, group, (target, { type, stream, payload }) => {
    if (type === RST_STREAM) resets.push(payload.readUInt32BE());
    if (type === DATA && payload.length > 0 && !payload.equals(message('wait'))) answerWell(target, stream);
  }));
  const waiting = client.hail('wait');
  const peer = await rawClient(lab);
  begin(peer, 1, '/harbour.Quay/Talk');
  peer.send(DATA, 0, 1, message('boat'));
  await until(() => resetsOf(peer).length > 0);
  expect(resetsOf(peer)).toEqual([NO_ERROR]);
  expect(peer.frames.filter(({ stream }) => stream === 1).slice(-2)).toMatchObject([{ type: HEADERS, flags: END_HEADERS | END_STREAM }, { type: RST_STREAM }]);
  expect(await waiting).toMatchObject({ code: UNAVAILABLE, details: expect.stringContaining('504') });
  await until(() => resets.length > 0);
  expect(resets).toEqual([CANCEL]);
});

test('one that goes away finishes what runs; what comes then has a new connection', async () => {
  const peers = new Set<Peer>();
  const calls: [Peer, number][] = [];
  await strange(lab, (group) => rawTarget(lab, group, (peer, { type, stream, flags }) => {
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
  await answering(lab, (peer) => {
    peer.send(GOAWAY, 0, 0, uint32(0, 0));
  });
  expect(await client.hail()).toMatchObject({ code: UNAVAILABLE });
});
