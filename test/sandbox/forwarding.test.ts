/** What of a request reaches the target, and what of its answer the client. */
import { once } from 'node:events';
import http, { type RequestListener, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ask, eventually, groupOf, type Lab, openLab, says } from './load-balancing.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ speed: 50 });
});
afterEach(() => lab.end());

/** Answers with what it was asked. */
const mirror: RequestListener = (request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body })));
};

test('the headers of a load balancer are added, those of the connection are not passed on', async () => {
  await groupOf(lab, mirror);
  const { body } = await ask(`${lab.url}/a%20b?c=%2F`, {
    headers: { Host: 'example.com', 'X-Forwarded-For': '192.0.2.1', Connection: 'close, X-Private', 'X-Private': '1', 'X-Public': '2' },
  });
  const { method, url, headers } = JSON.parse(body);
  expect([method, url]).toEqual(['GET', '/a%20b?c=%2F']);
  expect(headers).toMatchObject({
    host: 'example.com',
    'x-public': '2',
    'x-forwarded-for': '192.0.2.1, 127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-port': String(lab.port),
    'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
    connection: 'keep-alive',
  });
  expect(headers).not.toHaveProperty('x-private');
});

test('the answer comes as the target gave it', async () => {
  await groupOf(lab, (_request, response) =>
    response.writeHead(418, 'Short and stout', { 'Set-Cookie': ['a=1', 'b=2'], 'X-Custom': 'C' }).end('tea'),
  );
  const answer = await ask(lab.url);
  expect(answer).toMatchObject({ status: 418, body: 'tea', headers: { 'set-cookie': ['a=1', 'b=2'], 'x-custom': 'C' } });
});

test.each<[string, http.RequestOptions]>([
  ['with its length', { headers: { 'Content-Length': 300_000 } }],
  ['in chunks', { headers: { 'Transfer-Encoding': 'chunked' } }],
  ['after 100-continue', { headers: { 'Content-Length': 300_000, Expect: '100-continue' } }],
])('a body %s', async (_name, options) => {
  await groupOf(lab, mirror);
  const body = 'x'.repeat(300_000);
  const answer = await ask(lab.url, { ...options, method: 'POST', body });
  expect(JSON.parse(answer.body)).toMatchObject({ method: 'POST', body });
});

test('HEAD has the headers and no body', async () => {
  await groupOf(lab, (_request, response) => response.writeHead(200, { 'Content-Length': 1_000 }).end());
  expect(await ask(lab.url, { method: 'HEAD' })).toMatchObject({ status: 200, body: '', headers: { 'content-length': '1000' } });
});

test('an answer streams: its first part arrives before its last one is written', async () => {
  const begun: ServerResponse[] = [];
  await groupOf(lab, (_request, response) => {
    response.write('first');
    begun.push(response);
  });
  const parts: string[] = [];
  await new Promise((resolve) =>
    http.get(lab.url, (response) => {
      response.setEncoding('utf8').on('data', (part: string) => {
        parts.push(part);
        begun[0]?.end('last');
      });
      response.on('end', resolve);
    }),
  );
  expect(parts).toEqual(['first', 'last']);
});

test('a client that goes away, and a target that breaks off, cut the other side', async () => {
  const closed: string[] = [];
  await groupOf(lab, (request, response) => {
    if (request.url === '/broken') response.write('half', () => request.socket.destroy());
    else response.on('close', () => closed.push('client gone')).write('half');
  });
  await new Promise<void>((resolve) => {
    http.get(lab.url, (response) => response.once('data', () => response.destroy()).on('close', resolve)).on('error', () => undefined);
  });
  await eventually(async () => closed, ['client gone']);
  await expect(ask(`${lab.url}/broken`)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('another protocol, once the target agrees to it, until the listener is deleted', async () => {
  const { listener: ListenerArn, targets: [target] } = await groupOf(lab, says('no upgrade'));
  target?.server.on('upgrade', (request, socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`);
    socket.pipe(socket);
  });
  const socket = await new Promise<Duplex>((resolve) => {
    http.get(lab.url, { headers: { Connection: 'Upgrade', Upgrade: 'echo' } }).on('upgrade', (_response, socket) => resolve(socket));
  });
  socket.write('hello');
  const [echoed] = await once(socket, 'data');
  expect(String(echoed)).toBe('hello');
  await lab.elb.deleteListener({ ListenerArn });
  await once(socket, 'close');
});

test('a client that asks for another protocol is answered when there is no target for it', async () => {
  await groupOf(lab);
  expect((await ask(lab.url, { headers: { Connection: 'Upgrade', Upgrade: 'websocket' } })).status).toBe(503);
});

test('an answer that can not be passed on: 502', async () => {
  await groupOf(lab, (request) => request.socket.end('HTTP/1.1 200 \x01\r\nContent-Length: 0\r\n\r\n'));
  expect((await ask(lab.url)).status).toBe(502);
});
