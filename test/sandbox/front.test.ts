/** The front before a container: where nothing is ordered for a request, both ends see each other as they are. */
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { once } from 'node:events';
import { startFront, type Front, type Treatment } from '../../src/sandbox/dataplane/front.ts';
import { ask, freePort, listen, until } from './load-balancing.ts';

const PASS: Treatment = { delayMs: 0 };
let target: http.Server;
let front: Front;

async function open(answer: http.RequestListener, treat: () => Treatment = () => PASS): Promise<string> {
  target = http.createServer({ keepAliveTimeout: 65_000 }, answer);
  front = await startFront(await listen(target), treat);
  return `http://127.0.0.1:${front.port}`;
}

afterEach(() => {
  front.close();
  target.close();
  target.closeAllConnections();
});

test('request and answer pass as they are, with their bodies', async () => {
  const url = await open((request, response) => {
    response.writeHead(201, 'Made', { 'X-Host': request.headers.host, 'x-way': `${request.method} ${request.url}` });
    request.pipe(response);
  });
  const { status, headers, body } = await ask(`${url}/a?b=c`, { method: 'PUT', body: 'text', headers: { Host: '10.0.0.1:8080' } });
  expect([status, headers['x-host'], headers['x-way'], body]).toEqual([201, '10.0.0.1:8080', 'PUT /a?b=c', 'text']);
});

test('a container that closes an idle connection closes it for the balancer', async () => {
  const url = await open((_request, response) => response.end());
  const agent = new http.Agent({ keepAlive: true });
  const request = http.get(url, { agent });
  const [socket] = await once(request, 'socket');
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  target.closeIdleConnections();
  await once(socket, 'close');
  agent.destroy();
});

test('a container that answers half ends the answer there, and one that resets has none', async () => {
  const url = await open((request, response) => {
    if (request.url === '/none') request.socket.destroy();
    else response.writeHead(200, { 'content-length': '10' }).write('half', () => request.socket.destroy());
  });
  await expect(ask(`${url}/half`)).rejects.toThrow('aborted');
  await expect(ask(`${url}/none`)).rejects.toThrow('socket hang up');
});

test('nobody behind it: no answer', async () => {
  target = http.createServer();
  front = await startFront(await freePort(), () => PASS);
  await expect(ask(`http://127.0.0.1:${front.port}`)).rejects.toThrow('socket hang up');
});

test('who asks for another protocol gets it from the container', async () => {
  const url = await open(() => undefined);
  target.on('upgrade', (request: http.IncomingMessage, socket: net.Socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n`);
    socket.pipe(socket);
  });
  const request = http.get(url, { headers: { Connection: 'Upgrade', Upgrade: 'echo' } });
  const [{ headers }, socket] = await once(request, 'upgrade');
  expect(headers.upgrade).toBe('echo');
  socket.write('hello');
  expect(String((await once(socket, 'data'))[0])).toBe('hello');
  socket.destroy();
});

describe('HTTP/2', () => {
  let container: http2.Http2Server;
  let balancer: http2.ClientHttp2Session;
  let connection: net.Socket | undefined;
  const sessions: http2.ServerHttp2Session[] = [];

  async function openCalls(answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void): Promise<void> {
    container = http2.createServer().on('session', (session) => sessions.push(session));
    container.on('connection', (socket: net.Socket) => {
      connection = socket;
    });
    container.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => answer(stream.on('error', () => undefined), headers));
    target = http.createServer();
    front = await startFront(await listen(container), () => PASS);
    balancer = http2.connect(`http://127.0.0.1:${front.port}`).on('error', () => undefined);
  }

  /** Also after an error. */
  const closed = (one: http2.ClientHttp2Session | http2.ClientHttp2Stream) => new Promise<void>((resolve) => void one.on('close', resolve));
  const call = () => balancer.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc' }, { endStream: false });

  afterEach(() => {
    balancer.destroy();
    for (const session of sessions.splice(0)) session.destroy();
    container.close();
  });

  test('a container that goes away finishes what runs, and the balancer learns of it', async () => {
    await openCalls((stream) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.on('end', () => stream.end()).resume();
    });
    const running = call();
    await once(running, 'response');
    sessions[0]?.close();
    await once(balancer, 'goaway');
    running.resume().end();
    expect((await once(running, 'trailers'))[0]).toMatchObject({ 'grpc-status': '0' });
    await closed(balancer);
  });

  test.each([1, 7, 8, 11])('a call that the container resets with %d is reset so', async (code) => {
    await openCalls((stream) => stream.close(code));
    const reset = call().on('error', () => undefined);
    await closed(reset);
    expect(reset.rstCode).toBe(code);
  });

  test('a call that the balancer resets is reset', async () => {
    const seen: number[] = [];
    await openCalls((stream) => {
      stream.respond({ 'content-type': 'application/grpc' });
      stream.on('close', () => seen.push(stream.rstCode ?? 0));
    });
    const given = new AbortController();
    const reset = balancer.request({ ':method': 'POST', ':path': '/' }, { endStream: false, signal: given.signal }).on('error', () => undefined);
    await once(reset, 'response');
    given.abort();
    await until(() => seen.length > 0);
    expect(seen).toEqual([http2.constants.NGHTTP2_CANCEL]);
  });

  test('nobody behind it, or nobody any more: the connection ends', async () => {
    await openCalls((stream) => stream.respond({ 'content-type': 'application/grpc' }));
    const running = call().on('error', () => undefined);
    await once(running, 'response');
    connection?.resetAndDestroy();
    await closed(balancer);
    expect(running.destroyed).toBe(true);
    container.close();
    front.close();
    front = await startFront(await freePort(), () => PASS);
    balancer = http2.connect(`http://127.0.0.1:${front.port}`).on('error', () => undefined);
    call().on('error', () => undefined);
    await closed(balancer);
  });
});
