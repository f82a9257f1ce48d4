/** HTTPS listeners: TLS with the certificate they name, HTTP/1.1 and HTTP/2. */
import http2, { type IncomingHttpHeaders } from 'node:http2';
import https from 'node:https';
import type { RequestListener } from 'node:http';
import { connect } from 'node:tls';
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { CERTIFICATE, OTHER_CERTIFICATE } from './certificates.ts';
import { ask, eventually, forward, HEALTHY, isCheck, type Lab, openLab } from './load-balancing.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ speed: 50 });
});
afterEach(() => lab.end());

const mirror: RequestListener = (request, response) => {
  if (isCheck(request)) return void response.end();
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  const { method, url, headers, headersDistinct } = request;
  const cookies = headersDistinct['cookie'];
  request.on('end', () => response.writeHead(201, { 'Set-Cookie': ['a=1', 'b=2'] }).end(JSON.stringify({ method, url, headers, cookies, body })));
};

/** An HTTP target group behind an HTTPS listener, with a target that answers what it was asked. */
async function mirrored(): Promise<string> {
  const group = await lab.targetGroup();
  const listener = await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await lab.target(group, mirror);
  await eventually(() => lab.health(group), HEALTHY);
  return listener;
}

/** One request by HTTP/2. */
function askByHttp2(headers: http2.OutgoingHttpHeaders, body?: string): Promise<{ headers: IncomingHttpHeaders & { ':status'?: number }; body: string }> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://127.0.0.1:${lab.port}`, { ca: CERTIFICATE.certificate, servername: 'balancer.test' });
    const stream = session.request(headers, { endStream: body === undefined });
    let answer = '';
    let answered: IncomingHttpHeaders = {};
    stream.on('response', (headers) => {
      answered = headers;
    });
    stream.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    stream.on('end', () => {
      session.close();
      resolve({ headers: answered, body: answer });
    });
    stream.on('error', reject);
    if (body !== undefined) stream.end(body);
  });
}

/** The name in the certificate that a new connection is shown. */
function presented(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: lab.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('HTTP/1.1', async () => {
  await mirrored();
  const agent = new https.Agent({ ca: CERTIFICATE.certificate, servername: 'balancer.test' });
  const { status, body } = await ask(`https://127.0.0.1:${lab.port}/a?b`, { agent });
  expect(status).toBe(201);
  expect(JSON.parse(body)).toMatchObject({
    method: 'GET', url: '/a?b', headers: { 'x-forwarded-proto': 'https', 'x-forwarded-port': String(lab.port), 'x-forwarded-for': '127.0.0.1' },
  });
});

test('HTTP/2, of which a target of HTTP/1.1 sees nothing', async () => {
  await mirrored();
  const text = 'x'.repeat(300_000);
  const { headers, body } = await askByHttp2(
    { ':method': 'POST', ':path': '/a?b', ':authority': 'balancer.test', cookie: ['c=1', 'd=2'], 'x-forwarded-for': '192.0.2.1' },
    text,
  );
  expect(headers).toMatchObject({ ':status': 201, 'set-cookie': ['a=1', 'b=2'] });
  expect(JSON.parse(body)).toMatchObject({
    method: 'POST',
    url: '/a?b',
    body: text,
    cookies: ['c=1; d=2'],
    headers: { host: 'balancer.test', 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1, 127.0.0.1' },
  });
});

test('rules, and what the load balancer answers by itself, are the same by HTTP/2', async () => {
  const ListenerArn = await mirrored();
  const rule = async (Priority: number, path: string, action: Action) => {
    await lab.elb.createRule({ ListenerArn, Priority, Conditions: [{ Field: 'path-pattern', Values: [path] }], Actions: [action] });
  };
  await rule(1, '/fixed', { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '418', ContentType: 'text/plain', MessageBody: 'tea' } });
  await rule(2, '/old', { Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301', Path: '/new' } });
  await rule(3, '/none', forward([await lab.targetGroup(), 1]));
  expect(await askByHttp2({ ':path': '/fixed' })).toMatchObject({ headers: { ':status': 418, server: 'awselb/2.0' }, body: 'tea' });
  const location = `https://balancer.test:${lab.port}/new`;
  expect(await askByHttp2({ ':path': '/old', ':authority': 'balancer.test' })).toMatchObject({ headers: { ':status': 301, location } });
  const none = await askByHttp2({ ':path': '/none' });
  expect(none.headers[':status']).toBe(503);
  expect(none.body).toContain('503 Service Temporarily Unavailable');
});

test('a target that breaks off: the client does not take what it got for the whole', async () => {
  const group = await lab.targetGroup();
  await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await lab.target(group, (request, response) => {
    if (isCheck(request)) response.end();
    else response.write('half', () => request.socket.destroy());
  });
  await eventually(() => lab.health(group), HEALTHY);
  await expect(askByHttp2({ ':path': '/' })).rejects.toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' });
});

test('what a target says twice and may say once', async () => {
  const group = await lab.targetGroup();
  await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await lab.target(group, (_request, response) => response.setHeader('Location', ['/a', '/b']).setHeader('X-A', ['1', '2']).end());
  await eventually(() => lab.health(group), HEALTHY);
  expect((await askByHttp2({ ':path': '/' })).headers).toMatchObject({ ':status': 200, location: '/a', 'x-a': '1, 2' });
});

test('another certificate holds from the next connection on', async () => {
  const ListenerArn = await mirrored();
  expect(await presented()).toBe('balancer.test');
  const Certificates = [{ CertificateArn: await lab.certificate(OTHER_CERTIFICATE) }];
  await lab.elb.modifyListener({ ListenerArn, Certificates });
  expect(await presented()).toBe('other.test');
});

test('a listener goes from HTTPS to HTTP on its port, and back', async () => {
  const ListenerArn = await mirrored();
  await lab.elb.modifyListener({ ListenerArn, Protocol: 'HTTP' });
  expect((await ask(lab.url)).status).toBe(201);
  await lab.elb.modifyListener({ ListenerArn, Protocol: 'HTTPS', Certificates: [{ CertificateArn: await lab.certificate(CERTIFICATE) }] });
  expect(await presented()).toBe('balancer.test');
});

test('it is there again after a restart; without its certificate it is kept and not opened', async () => {
  const ListenerArn = await mirrored();
  await lab.restart();
  expect(await presented()).toBe('balancer.test');
  await lab.elb.modifyListener({ ListenerArn, Certificates: [{ CertificateArn: 'arn:aws:acm:eu-central-1:000000000000:certificate/none' }] });
  await expect(presented()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('by HTTP/2, a target that says twice what may come once', async () => {
  const group = await lab.targetGroup();
  await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await lab.target(group, (_request, response) => response.setHeader('X-Content-Type-Options', ['nosniff', 'nosniff']).setHeader('Set-Cookie', ['a=1', 'b=2']).end('well'));
  await eventually(() => lab.health(group), HEALTHY);
  const { headers, body } = await askByHttp2({ ':path': '/' });
  expect({ headers, body }).toMatchObject({ headers: { ':status': 200, 'x-content-type-options': 'nosniff, nosniff', 'set-cookie': ['a=1', 'b=2'] }, body: 'well' });
});

test('by HTTP/2, a target that changes the protocol unasked: 502', async () => {
  const group = await lab.targetGroup();
  await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  await lab.target(group, (request, response) => {
    if (isCheck(request)) response.end();
    else request.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n');
  });
  await eventually(() => lab.health(group), HEALTHY);
  expect((await askByHttp2({ ':path': '/' })).headers).toMatchObject({ ':status': 502 });
});

test('by HTTP/2, who goes on with a request that is answered already is told to stop', async () => {
  await lab.secureListener(await lab.loadBalancer(), [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '413' } }]);
  const session = http2.connect(`https://127.0.0.1:${lab.port}`, { ca: CERTIFICATE.certificate, servername: 'balancer.test' });
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
  stream.write('more');
  const answered = new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])));
  stream.resume();
  await new Promise((resolve) => stream.on('close', resolve));
  expect([await answered, stream.rstCode]).toEqual([413, http2.constants.NGHTTP2_NO_ERROR]);
  session.destroy();
});
