/** gRPC through the load balancer: every kind of call, weights, draining, what is cut and when. */
import { Metadata, status } from '@grpc/grpc-js';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { CERTIFICATE } from './certificates.ts';
import { blueAndGreenQuays, caller, type Caller, connection, endAll, type Outcome, quay, quaysOf, type Running } from './grpc-lab.ts';
import { endPeers, serve } from './http2-frames.ts';
import { ask, eventually, forward, groupOf, HEALTHY, type Lab, openLab, says, until } from './load-balancing.ts';

const { OK, CANCELLED, DEADLINE_EXCEEDED, NOT_FOUND, UNIMPLEMENTED, INTERNAL, UNAVAILABLE } = status;

let lab: Lab;
let client: Caller;

beforeEach(async () => {
  lab = await openLab({ speed: 50, seed: 7 });
  client = caller(lab);
});
afterEach(async () => {
  endAll();
  endPeers();
  await lab.end();
});

/** A stream that has had its first answer. */
async function talking(text = 'one'): Promise<Running> {
  const talk = client.talk();
  talk.send(text);
  await until(() => talk.answers.length > 0);
  return talk;
}

describe('calls', () => {
  test('unary: messages, metadata, headers and trailers', async () => {
    const { servers: [server] } = await quaysOf(lab, 'quay');
    const metadata = new Metadata();
    metadata.set('x-boat', 'north');
    metadata.add('x-boat-bin', Buffer.from([0, 254]));
    metadata.add('x-boat-bin', Buffer.from([255]));
    expect(await client.hail('boat', {}, metadata)).toMatchObject({
      code: OK,
      answers: ['quay'],
      headers: { 'quay-flood': 'high' },
      trailers: { 'quay-tide': 'low' },
    });
    const seen = server?.seen.metadata[0];
    expect(seen?.get('x-boat')).toEqual(['north']);
    expect(seen?.get('x-boat-bin')).toEqual([Buffer.from([0, 254]), Buffer.from([255])]);
    expect(seen?.getMap()).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https', 'x-forwarded-port': String(lab.port) });
  });

  test('the deadline is for the target to know; what comes in several lines goes on in several lines', async () => {
    const seen: string[][] = [];
    const group = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
    await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
    const server = http2.createServer().on('stream', (stream: http2.ServerHttp2Stream, _headers: object, _flags: number, lines: string[]) => {
      seen.push(lines);
      stream.respond({ 'content-type': 'application/grpc', 'x-flood': ['a', 'b'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '12', 'x-tide': ['c', 'd'] }));
      stream.resume().end();
    });
    await serve(lab, group, server);
    await eventually(() => lab.health(group), HEALTHY);
    const session = connection(lab);
    const stream = session.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc', 'grpc-timeout': '9S', 'x-boat': ['e', 'f'] });
    for (const event of ['response', 'trailers']) stream.on(event, (_headers: object, _flags: number, lines: string[]) => seen.push(lines));
    await new Promise((resolve) => stream.on('close', resolve).resume().end());
    const custom = seen.flatMap((lines) => lines.flatMap((name, i) => (/^(grpc-timeout|x-(boat|flood|tide))$/.test(name) && i % 2 === 0 ? [name, lines[i + 1]] : [])));
    expect(custom).toEqual(['grpc-timeout', '9S', 'x-boat', 'e', 'x-boat', 'f', 'x-flood', 'a', 'x-flood', 'b', 'x-tide', 'c', 'x-tide', 'd']);
  });

  test('an error without a message has its trailers all the same', async () => {
    await quaysOf(lab, 'quay');
    expect(await client.hail('nobody')).toMatchObject({
      code: NOT_FOUND, details: 'no berth: 100 %, “über”', answers: [], trailers: { 'quay-tide': 'low' },
    });
  });

  test('messages longer than any window, and more calls at once than one connection takes', async () => {
    await quaysOf(lab, 'quay');
    const long = await Promise.all(Array.from({ length: 20 }, () => client.hail('long')));
    expect(new Set(long.map(({ code, answers }) => `${code} ${answers[0]?.length}`))).toEqual(new Set([`${OK} 1500000`]));
    const many = await Promise.all(Array.from({ length: 300 }, () => client.hail()));
    expect(new Set(many.map(({ code }) => code))).toEqual(new Set([OK]));
  });

  test('a stream from the server, in order, with its trailers', async () => {
    await quaysOf(lab, 'quay');
    const { code, answers, trailers } = await client.watch('500').outcome;
    expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => `quay ${i}`));
    expect({ code, trailers }).toMatchObject({ code: OK, trailers: { 'quay-tide': 'low' } });
  });

  test('a stream from the client, and one without a message', async () => {
    await quaysOf(lab, 'quay');
    const load = client.load();
    for (let i = 0; i < 50; i++) load.send('x'.repeat(10_000));
    load.end();
    expect(await load.outcome).toMatchObject({ code: OK, answers: ['quay 500000'] });
    const empty = client.load();
    empty.end();
    expect(await empty.outcome).toMatchObject({ code: OK, answers: ['quay 0'] });
  });

  test('streams in both directions at once, word by word', async () => {
    await quaysOf(lab, 'quay');
    const talk = await talking('0');
    for (let i = 1; i < 10; i++) {
      talk.send(String(i));
      await until(() => talk.answers.length > i);
    }
    talk.end();
    expect(await talk.outcome).toMatchObject({
      code: OK, answers: Array.from({ length: 10 }, (_, i) => `quay ${i}`), trailers: { 'quay-tide': 'low' },
    });
  });

  test('deadlines reach the server, and so does a client that gives up', async () => {
    const { servers: [server] } = await quaysOf(lab, 'quay');
    expect(await client.hail('wait', { deadline: Date.now() + 300 })).toMatchObject({ code: DEADLINE_EXCEEDED });
    const watch = client.watch('for ever');
    await until(() => watch.answers.length > 0);
    watch.cancel();
    expect(await watch.outcome).toMatchObject({ code: CANCELLED });
    const talk = await talking();
    talk.cancel();
    await eventually(async () => server?.seen.cancelled.toSorted(), ['Hail', 'Talk', 'Watch']);
    expect(await client.hail()).toMatchObject({ code: OK });
  });

  test('a server that is lost: UNAVAILABLE, before its answer and after', async () => {
    const { servers: [server] } = await quaysOf(lab, 'quay');
    const waiting = client.hail('wait');
    const talk = await talking();
    await until(() => server?.seen.metadata.length === 2);
    server?.end();
    expect(await waiting).toMatchObject({ code: UNAVAILABLE });
    expect(await talk.outcome).toMatchObject({ code: UNAVAILABLE, answers: ['quay one'] });
    expect(await client.hail()).toMatchObject({ code: UNAVAILABLE });
  });

  test('no target: UNAVAILABLE', async () => {
    await quaysOf(lab);
    expect(await client.hail()).toMatchObject({ code: UNAVAILABLE, details: expect.stringContaining('503') });
  });
});

describe('weights', () => {
  test.each([[50, 50, 1_000, 423, 577], [100, 0, 200, 0, 0], [0, 1, 200, 200, 200]])(
    '%d to %d: of %d calls on one channel %d to %d go to the second group',
    async (blue, green, count, atLeast, atMost) => {
      await blueAndGreenQuays(lab, blue, green);
      const outcomes: Outcome[] = [];
      while (outcomes.length < count) outcomes.push(...(await Promise.all(Array.from({ length: 100 }, () => client.hail()))));
      expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([OK]));
      const greens = outcomes.filter(({ answers }) => answers[0] === 'green').length;
      expect(greens).toBeGreaterThanOrEqual(atLeast);
      expect(greens).toBeLessThanOrEqual(atMost);
    },
  );

  test('streams stay where they are when weights change; what begins then goes where they say', async () => {
    const { blue, green, listener } = await blueAndGreenQuays(lab, 1, 0);
    const talk = await talking('before');
    await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([blue, 0], [green, 1])] });
    expect(await client.hail()).toMatchObject({ answers: ['green'] });
    talk.send('after');
    talk.end();
    expect(await talk.outcome).toMatchObject({ code: OK, answers: ['blue before', 'blue after'] });
    expect(await talking()).toMatchObject({ answers: ['green one'] });
  });
});

describe('draining', () => {
  test('a stream goes on until the deregistration delay has passed, and is cut then', async () => {
    const { group, servers: [server] } = await quaysOf(lab, 'leaving', 'staying');
    const talks = await Promise.all([talking(), talking()]);
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '100' }];
    await lab.elb.modifyTargetGroupAttributes({ TargetGroupArn: group, Attributes });
    await lab.elb.deregisterTargets({ TargetGroupArn: group, Targets: [{ Id: server?.Id, Port: server?.Port }] });
    for (const talk of talks) talk.send('two');
    await until(() => talks.every(({ answers }) => answers.length === 2));
    expect(await lab.health(group, server)).toMatchObject({ State: 'draining' });
    for (let i = 0; i < 4; i++) expect(await client.hail()).toMatchObject({ code: OK, answers: ['staying'] });

    const leaving = talks.find(({ answers }) => answers[0]?.startsWith('leaving'));
    const staying = talks.find(({ answers }) => answers[0]?.startsWith('staying'));
    expect(await leaving?.outcome).toMatchObject({ code: UNAVAILABLE, answers: ['leaving one', 'leaving two'] });
    expect(await lab.health(group, server)).toMatchObject({ State: 'unused', Reason: 'Target.NotRegistered' });
    staying?.send('three');
    staying?.end();
    expect(await staying?.outcome).toMatchObject({ code: OK });
  });

  test('a stream that ends before ends well', async () => {
    const { group, servers: [server] } = await quaysOf(lab, 'leaving');
    const talk = await talking();
    await lab.elb.deregisterTargets({ TargetGroupArn: group, Targets: [{ Id: server?.Id, Port: server?.Port }] });
    expect(await client.hail()).toMatchObject({ code: UNAVAILABLE });
    talk.send('two');
    talk.end();
    expect(await talk.outcome).toMatchObject({ code: OK, answers: ['leaving one', 'leaving two'] });
  });
});

test('the idle timeout ends what is silent, whatever it PINGs, and nothing else', async () => {
  await quaysOf(lab, 'quay');
  const pinging = connection(lab);
  const stream = pinging.request({ ':method': 'POST', ':path': '/harbour.Quay/Talk', 'content-type': 'application/grpc', te: 'trailers' });
  stream.on('error', () => undefined).resume();
  stream.write(Buffer.from([0, 0, 0, 0, 1, 0x31]));
  const unused = connection(lab);
  let pongs = 0;
  const pings = setInterval(() => {
    for (const session of [pinging, unused]) if (!session.closed && !session.destroyed) session.ping(() => (pongs += 1));
  }, 100);
  const busy = await talking();
  const words = setInterval(() => busy.send('more'), 100);
  const silent = await talking();
  const waiting = client.hail('wait');
  const closed = (one: NodeJS.EventEmitter) => new Promise((resolve) => one.on('close', resolve));

  await Promise.all([closed(stream), closed(unused)]);
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_PROTOCOL_ERROR);
  expect(await silent.outcome).toMatchObject({ code: INTERNAL });
  expect(await waiting).toMatchObject({ code: UNAVAILABLE, details: expect.stringContaining('504') });
  expect(pongs).toBeGreaterThan(10);
  clearInterval(pings);
  clearInterval(words);
  busy.end();
  expect(await busy.outcome).toMatchObject({ code: OK });
});

describe('health checks', () => {
  test('are calls of the path, and the status is the code', async () => {
    const group = await lab.targetGroup({ ProtocolVersion: 'GRPC', HealthCheckPath: '/grpc.health.v1.Health/Check', Matcher: { GrpcCode: '0' } });
    await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
    let code = OK;
    const server = await quay(lab, group, 'quay', () => code);
    await eventually(() => lab.health(group, server), HEALTHY);
    code = UNAVAILABLE;
    const failed = { State: 'unhealthy', Reason: 'Target.ResponseCodeMismatch', Description: 'Health checks failed with these codes: [14]' };
    await eventually(() => lab.health(group, server), failed);
    code = OK;
    await eventually(() => lab.health(group, server), HEALTHY);
  });

  test('a method that is not there has the code 12; what speaks no HTTP/2, or nothing, has none', async () => {
    const group = await lab.targetGroup({ ProtocolVersion: 'GRPC', Matcher: { GrpcCode: '0-11' } });
    await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
    const server = await quay(lab, group, 'quay');
    const other = await lab.target(group, says('HTTP/1.1'));
    await eventually(() => lab.health(group, server), { State: 'unhealthy', Description: `Health checks failed with these codes: [${UNIMPLEMENTED}]` });
    await eventually(() => lab.health(group, other), { State: 'unhealthy', Reason: 'Target.FailedHealthChecks' });
  });
});

describe('what does not go together', () => {
  async function statusOf(request: http2.OutgoingHttpHeaders): Promise<number | undefined> {
    const session = connection(lab);
    const stream = session.request(request, { endStream: true }).resume();
    const [headers] = await once(stream, 'response');
    return headers[':status'];
  }

  test('HTTP/1.1, and what is no call, with a gRPC target group: 464', async () => {
    await quaysOf(lab, 'quay');
    const agent = new https.Agent({ ca: CERTIFICATE.certificate, servername: 'balancer.test' });
    expect((await ask(`https://127.0.0.1:${lab.port}`, { agent })).status).toBe(464);
    expect(await statusOf({ ':path': '/' })).toBe(464);
  });

  test('a call with a target group of HTTP/1.1: 464; gRPC-Web is no call', async () => {
    const { group } = await groupOf(lab, says('HTTP'));
    const { Listeners = [] } = await lab.elb.describeListeners({ LoadBalancerArn: (await lab.elb.describeLoadBalancers({})).LoadBalancers?.[0]?.LoadBalancerArn });
    const Certificates = [{ CertificateArn: await lab.certificate(CERTIFICATE) }];
    await lab.elb.modifyListener({ ListenerArn: Listeners[0]?.ListenerArn, Protocol: 'HTTPS', Certificates, DefaultActions: [forward([group, 1])] });
    expect(await client.hail()).toMatchObject({ details: expect.stringContaining('464') });
    expect(await statusOf({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc-web+proto' })).toBe(200);
  });
});
