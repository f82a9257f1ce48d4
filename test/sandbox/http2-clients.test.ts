/** What clients may do to the load balancer by HTTP/2, meant or not: each request ends, others go on, and nothing stays behind. */
import { status } from '@grpc/grpc-js';
import net from 'node:net';
import { caller, type Caller, connection, endAll } from './grpc-lab.ts';
import {
  begin, DATA, END_HEADERS, END_STREAM, endPeers, fields, type Frame, GOAWAY, HEADERS, message, type Peer, rawClient, rawTarget, RST_STREAM,
  uint32,
} from './http2-frames.ts';
import { eventually, forward, HEALTHY, type Lab, openLab, until } from './load-balancing.ts';
import { answerWell, counting, resetsOf, strange } from './strange-targets.ts';

const { OK } = status;
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
  ['hundreds of headers', [...request, ...Array.from({ length: 400 }, (_, i) => [`x-${i}`, 'x'.repeat(20)]).flat()]],
];

test('strange requests end, whatever kind of target they are for', async () => {
  const { listener } = await counting(lab);
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
  const calls = await counting(lab);
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
  const calls = await counting(lab);
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
  await counting(lab);
  const peer = await rawClient(lab);
  peer.socket.cork();
  for (let stream = 1; stream < 2_600; stream += 2) {
    peer.send(HEADERS, END_HEADERS, stream, fields(':method', 'GET', ':scheme', 'https', ':path', '/'));
    peer.send(RST_STREAM, 0, stream, uint32(CANCEL));
  }
  peer.socket.uncork();
  await new Promise<void>((resolve) => {
    peer.socket.on('data', () => {
      if (peer.frames.at(-1)?.type === GOAWAY) resolve();
    });
  });
  expect(await client.hail()).toMatchObject({ code: OK });
});

test('what is no HTTP/2 ends the connection', async () => {
  await counting(lab);
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
  await strange(lab, (group) => rawTarget(lab, group, (peer, frame) => {
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
