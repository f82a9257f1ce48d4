/** HTTP/2 frame by frame, for tests with peers that no library would be: they send what they like and see each frame as it came. */
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { connect } from 'node:tls';
import { CERTIFICATE } from './certificates.ts';
import { type Lab, listen, type Place } from './load-balancing.ts';

export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;

/** Flags. */
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface Peer {
  readonly socket: Socket;
  /** All that came, oldest first. */
  readonly frames: readonly Frame[];
  send(type: number, flags: number, stream: number, payload?: Buffer): void;
  /** Whether the other side has ended this stream: by its last frame, a reset, or with the connection. */
  readonly isOver: (stream: number) => boolean;
}

/** A header block of names and values, one after the other, without compression. */
export function fields(...lines: string[]): Buffer {
  const texts = lines.map((text) => Buffer.concat([integer(Buffer.byteLength(text, 'latin1')), Buffer.from(text, 'latin1')]));
  return Buffer.concat(texts.flatMap((text, i) => (i % 2 === 0 ? [Buffer.of(0), text] : text)));
}

/** A number as HPACK has it after one free bit. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  for (let rest = value - 127; ; rest >>= 7) {
    if (rest < 128) return Buffer.of(...bytes, rest);
    bytes.push((rest & 127) | 128);
  }
}

export function uint32(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, i) => bytes.writeUInt32BE(number, i * 4));
  return bytes;
}

/** A gRPC message. */
export function message(text: string): Buffer {
  return Buffer.concat([Buffer.of(0), uint32(text.length), Buffer.from(text)]);
}

/** A client of the lab's HTTPS listener. */
export async function rawClient(lab: Lab): Promise<Peer> {
  const socket = connect({ host: '127.0.0.1', port: lab.port, ca: CERTIFICATE.certificate, servername: 'balancer.test', ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  socket.write(PREFACE);
  return peerOn(socket, 0, () => undefined);
}

/** Sends the headers of a call. */
export function begin(client: Peer, stream: number, path: string, flags = END_HEADERS): void {
  const pseudo = [':method', 'POST', ':scheme', 'https', ':authority', 'balancer.test', ':path', path];
  client.send(HEADERS, flags, stream, fields(...pseudo, 'content-type', 'application/grpc', 'te', 'trailers'));
}

const sockets = new Set<Socket>();
const servers = new Set<net.Server>();

/** A target of the group that answers each frame as `answer` does. Health checks are calls like others, each on its own connection. */
export async function rawTarget(lab: Lab, group: string, answer: (peer: Peer, frame: Frame) => void): Promise<Place> {
  return target(lab, group, (socket) => void peerOn(socket, PREFACE.length, answer));
}

/** A target of the group that does with a connection what `greet` does. */
export function target(lab: Lab, group: string, greet: (socket: Socket) => void): Promise<Place> {
  return serve(lab, group, net.createServer(greet));
}

/** Makes a server a target of the group. */
export async function serve(lab: Lab, group: string, server: net.Server): Promise<Place> {
  server.on('connection', (socket) => void sockets.add(socket.on('error', () => undefined)));
  servers.add(server);
  return lab.place(group, await listen(server));
}

/** Ends all that was started here. */
export function endPeers(): void {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  sockets.clear();
  servers.clear();
}

/** @param skip so many bytes come before the first frame. */
function peerOn(socket: Socket, skip: number, answer: (peer: Peer, frame: Frame) => void): Peer {
  const frames: Frame[] = [];
  let rest = Buffer.alloc(0);
  let isFirst = true;
  const peer: Peer = {
    socket,
    frames,
    send(type, flags, stream, payload = Buffer.alloc(0)) {
      const head = Buffer.concat([uint32(payload.length).subarray(1), Buffer.of(type, flags), uint32(stream)]);
      if (socket.writable) socket.write(Buffer.concat([head, payload]));
    },
    isOver: (stream) =>
      socket.destroyed || frames.some((frame) =>
        frame.stream === stream && (frame.type === RST_STREAM || ((frame.type === HEADERS || frame.type === DATA) && (frame.flags & END_STREAM) !== 0))),
  };
  const take = (frame: Frame) => {
    frames.push(frame);
    if (frame.type === SETTINGS && frame.flags === 0) peer.send(SETTINGS, ACK, 0);
    if (frame.type === PING && frame.flags === 0) peer.send(PING, ACK, 0, frame.payload);
    answer(peer, frame);
  };
  sockets.add(socket);
  socket.on('error', () => undefined).on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    if (isFirst && rest.length < skip) return;
    if (isFirst) rest = rest.subarray(skip);
    isFirst = false;
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      take({ type: rest.readUInt8(3), flags: rest.readUInt8(4), stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
  });
  peer.send(SETTINGS, 0, 0);
  return peer;
}
