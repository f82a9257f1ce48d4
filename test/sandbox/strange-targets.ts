/** gRPC targets for tests that count, or answer frame by frame what no library would. */
import http2 from 'node:http2';
import { DATA, END_HEADERS, END_STREAM, fields, HEADERS, message, type Peer, rawTarget, RST_STREAM, serve } from './http2-frames.ts';
import { eventually, forward, type Lab } from './load-balancing.ts';

/** A gRPC target group behind the lab's HTTPS listener, with one target, once it gets calls. Resolves with the listener's ARN. */
export async function strange(lab: Lab, make: (group: string) => Promise<unknown>): Promise<string> {
  const group = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
  const listener = await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await make(group);
  // Where all are unhealthy, all get calls.
  await eventually(() => lab.health(group), { State: expect.stringMatching(/^(un)?healthy$/) });
  return listener;
}

/** A target that answers what ends a request. */
export const answering = (lab: Lab, answer: (peer: Peer, stream: number) => void) =>
  strange(lab, (group) => rawTarget(lab, group, (peer, { type, flags, stream }) => {
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) answer(peer, stream);
  }));

/** What a target has seen of calls, health checks apart. */
export interface Calls {
  readonly listener: string;
  begun: number;
  open: number;
  /** How each of the others ended: the code of its reset, 0 for none. */
  readonly ends: number[];
}

/** A gRPC target group with a target that answers each message with a message, and the end with `grpc-status` 0. */
export async function counting(lab: Lab): Promise<Calls> {
  const calls = { begun: 0, open: 0, ends: new Array<number>() };
  const listener = await strange(lab, async (group) => {
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

/** What an answer begins with, and header lines besides. */
export const head = (...lines: string[]) => fields(':status', '200', 'content-type', 'application/grpc', ...lines);

/** A whole answer. */
export const answerWell = (peer: Peer, stream: number) => {
  peer.send(HEADERS, END_HEADERS, stream, head());
  peer.send(DATA, 0, stream, message('well'));
  peer.send(HEADERS, END_HEADERS | END_STREAM, stream, fields('grpc-status', '0'));
};

/** The codes of the resets that came. */
export const resetsOf = ({ frames }: Peer) => frames.flatMap(({ type, payload }) => (type === RST_STREAM ? payload.readUInt32BE() : []));
