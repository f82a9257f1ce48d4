/** The gRPC pair, part by part, by the wire: what A's local run shows, and what must not fail when a server goes. */
import { exec } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { Client, type ClientReadableStream, ServerCredentials, type ServerUnaryCall, type ServerWritableStream, type StatusObject, credentials, status } from '@grpc/grpc-js';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { CERTIFICATE } from '../sandbox/certificates.ts';
import { EXAMPLE, type Part, copyWithVersion, endAll, run, serve, serviceOf } from './echo-pair.ts';
import { unpackedImage } from './image.ts';

const SERVER = join(EXAMPLE, 'server/server.js');
const CLIENT = join(EXAMPLE, 'client/client.js');
const STAMP = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;

const echoService = serviceOf('proto.echo.EchoService');
const healthService = serviceOf('grpc.health.v1.Health');

const clients = new Set<Client>();
afterEach(() => {
  for (const client of clients) client.close();
  clients.clear();
  endAll();
});

function clientOf(port: number): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  clients.add(client);
  return client;
}

/** @returns the status, and what was answered */
function call(client: Client, method: 'Echo' | 'Check', request: object): Promise<{ code: status; answer?: unknown }> {
  const { path, requestSerialize, responseDeserialize } = definitionOf(method);
  return new Promise((done) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => done({ code: error?.code ?? status.OK, answer }));
  });
}

function definitionOf(method: 'Echo' | 'Watch' | 'Check') {
  const found = (method === 'Check' ? healthService : echoService)[method];
  if (!found) throw new Error(`there is no ${method}`);
  return found;
}

function watch(client: Client, request: object): { stream: ClientReadableStream<unknown>; messages: unknown[]; ended: Promise<StatusObject> } {
  const { path, requestSerialize, responseDeserialize } = definitionOf('Watch');
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const messages: unknown[] = [];
  stream.on('data', (message) => messages.push(message)).on('error', () => {});
  return { stream, messages, ended: new Promise((done) => stream.on('status', done)) };
}

async function get(part: Part, path: string): Promise<{ code: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${part.port}${path}`);
  return { code: answer.status, text: await answer.text() };
}

const addressOf = (port: number) => ({ SERVER_ADDRESS: `127.0.0.1:${port}` });
const greetingOf = (version: string) => ({ code: 200, text: expect.stringMatching(new RegExp(`^Response from the server: Hello, Yizumi-san! \\(Said [\\d.]+, Version ${version}\\)\\n$`)) });

test("A's local run: what both say at their start, and a call through both", async () => {
  const server = await run(SERVER);
  expect(server.lines.every((line) => STAMP.test(line))).toBe(true);
  expect(server.lines.map((line) => line.replace(STAMP, ''))).toEqual(['Echo Server Version 0.9', `Starting on port: ${server.port}, ssl: false`]);
  const client = await run(CLIENT, addressOf(server.port));
  expect(client.lines.every((line) => STAMP.test(line))).toBe(true);
  expect(client.lines.map((line) => line.replace(STAMP, ''))).toEqual(['Echo Client 0.1', `Echo Client connecting to 127.0.0.1:${server.port}`, `Listening to port: ${client.port}`]);

  expect(await get(client, '/?name=Yizumi')).toEqual(greetingOf('0.9'));
  expect(await get(client, '/watch?name=Yizumi&count=3&every=10')).toEqual({ code: 200, text: expect.stringMatching(/^(\d: Hello, Yizumi-san! \(Said [\d.]+, Version 0\.9\)\n){3}$/) });
  expect((await get(client, '/ping')).code).toBe(200);
  expect((await get(client, '//')).code).toBe(404);
  const health = clientOf(server.port);
  expect(await call(health, 'Check', {})).toMatchObject({ code: status.OK, answer: { status: 1 } });
  expect((await call(health, 'Check', { service: 'other' })).code).toBe(status.NOT_FOUND);

  client.terminate();
  expect(await client.ended).toEqual([0, null]);
});

test.each(['server', 'client'])('the bundle of the %s runs in its image, with nothing beside it', async (part) => {
  const copy = await copyWithVersion('1.0');
  const dir = await mkdtemp(join(tmpdir(), 'echo-'));
  try {
    await promisify(exec)('npm run build', { cwd: join(copy.dir, part) });
    const { rootfs, config } = await unpackedImage(join(copy.dir, part), dir);
    expect((await readdir(join(rootfs, 'app'))).toSorted()).toEqual([`${part}.cjs`, 'echo.proto', 'health.proto'].toSorted());
    expect(config).toMatchObject({ User: 'node', WorkingDir: '/app', Cmd: ['node', `${part}.cjs`], Env: expect.arrayContaining(['HOST=0.0.0.0']) });
    const bundle = join(rootfs, 'app', `${part}.cjs`);
    const server = await run(part === 'server' ? bundle : SERVER);
    const client = await run(part === 'client' ? bundle : CLIENT, addressOf(server.port));
    expect(await get(client, '/?name=Yizumi')).toEqual(greetingOf(part === 'server' ? '1.0' : '0.9'));
  } finally {
    await copy.remove();
    await rm(dir, { recursive: true });
  }
});

describe('a server that gets SIGTERM', () => {
  test('fails its health checks and ends its streams so that they are resumed, and goes on answering calls', async () => {
    const server = await run(SERVER, { DRAIN_SECONDS: '600' });
    const client = clientOf(server.port);
    const { stream, messages, ended } = watch(client, { name: 'Yizumi', every: 30_000 });
    await once(stream, 'data');

    server.terminate();
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
    expect(messages).toEqual([{ number: 1, text: expect.stringContaining('Hello, Yizumi-san!') }]);
    expect((await call(client, 'Check', {})).code).toBe(status.UNAVAILABLE);
    expect((await call(client, 'Echo', { name: 'Yizumi' })).code).toBe(status.OK);
    expect(await watch(client, {}).ended).toMatchObject({ code: status.UNAVAILABLE });
  });

  test('finishes the call that is running, takes nothing new, and ends with 0', async () => {
    const server = await run(SERVER, { DRAIN_SECONDS: '0' });
    const client = clientOf(server.port);
    const { path, requestSerialize, responseDeserialize } = definitionOf('Echo');
    const answered = new Promise((done, failed) => {
      // As a stream it can be begun without its message.
      const half = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, answer) => (error ? failed(error) : done(answer)));
      void (async () => {
        // What comes later on the same connection was read later.
        await call(client, 'Echo', {});
        server.terminate();
        while ((await call(clientOf(server.port), 'Echo', {})).code === status.OK);
        half.end({ name: 'Yizumi' });
      })().catch(failed);
    });
    expect(await answered).toEqual({ text: expect.stringContaining('Hello, Yizumi-san!') });
    expect(await server.ended).toEqual([0, null]);
  });
});

describe('the client', () => {
  test('is answered by each server that comes in place of another, without one error', async () => {
    const copy = await copyWithVersion('1.0');
    try {
      const first = await run(SERVER, { DRAIN_SECONDS: '0' });
      const client = await run(CLIENT, addressOf(first.port));
      const answers: { code: number; text: string }[] = [];
      const askUntil = async (done: () => boolean) => {
        for (const last = answers.length; !done() || answers.length === last;) answers.push(await get(client, '/?name=Yizumi'));
      };
      await askUntil(() => answers.length > 20);
      const replaced = (async () => {
        first.terminate();
        await first.ended;
        return await run(join(copy.dir, 'server/server.js'), { PORT: String(first.port) });
      })();
      await askUntil(() => answers.at(-1)?.text.includes('Version 1.0') === true);
      await replaced;
      expect(answers.filter(({ code }) => code !== 200)).toEqual([]);
      expect(answers[0]).toEqual(greetingOf('0.9'));
      expect(answers.at(-1)).toEqual(greetingOf('1.0'));
    } finally {
      await copy.remove();
    }
  });

  test('waits for a server that is not there yet', async () => {
    const port = await freePort();
    const nobody = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await once(nobody, 'listening');
    const client = await run(CLIENT, addressOf(port));
    const answer = get(client, '/');
    // By then a call that only repeats what failed has given up.
    for (let connections = 0; connections < 6; connections += 1) await once(nobody, 'connection');
    nobody.close();
    await once(nobody, 'close');
    await serve([[echoService, { echo: (_call: unknown, done: Answer) => done(null, { text: 'Hello' }) }]], { port });
    expect(await answer).toEqual({ code: 200, text: 'Response from the server: Hello\n' });
  });

  test('resumes a stream that was cut: each greeting comes once, those after the cut from the server that is there then', async () => {
    const copy = await copyWithVersion('1.0');
    try {
      const first = await run(SERVER, { DRAIN_SECONDS: '0' });
      const client = await run(CLIENT, addressOf(first.port));
      const { body } = await fetch(`http://127.0.0.1:${client.port}/watch?name=Yizumi&every=10`);
      if (!body) throw new Error('no stream');
      const numbers: number[] = [];
      const versions = new Set<string>();
      let replaced: Promise<unknown> | undefined;
      const input = Readable.fromWeb(body);
      for await (const line of createInterface(input)) {
        numbers.push(Number.parseInt(line, 10));
        versions.add(/Version ([\d.]+)/.exec(line)?.[1] ?? line);
        if (numbers.length === 10) {
          first.terminate();
          replaced = first.ended.then(() => run(join(copy.dir, 'server/server.js'), { PORT: String(first.port) }));
        }
        if (versions.size === 2) break;
      }
      input.destroy();
      await replaced;
      expect([...versions]).toEqual(['0.9', '1.0']);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    } finally {
      await copy.remove();
    }
  });

  test('sends data on an idle connection, on its one channel', async () => {
    const peers: string[] = [];
    let idle = () => {};
    const thrice = new Promise<void>((done) => (idle = done));
    const echo = (call: Peer, answer: Answer) => {
      peers.push(call.getPeer());
      answer(null, { text: 'Hello' });
    };
    const check = (call: Peer, answer: Answer) => {
      peers.push(call.getPeer());
      answer(null, { status: 'SERVING' });
      if (peers.length >= 3) idle();
    };
    const client = await run(CLIENT, { ...addressOf(await serve([[healthService, { check }], [echoService, { echo }]])), IDLE_CALL_SECONDS: '0.05' });
    expect((await get(client, '/')).code).toBe(200);
    await thrice;
    expect(new Set(peers).size).toBe(1);
  });

  test('tries a call again that was answered with UNAVAILABLE, and no other', async () => {
    const codes = [status.UNAVAILABLE, status.UNAVAILABLE, status.OK, status.INTERNAL, status.OK];
    const port = await serve([[echoService, {
      echo: (_call: unknown, answer: Answer) => {
        const code = codes.shift();
        if (code === status.OK) answer(null, { text: 'Hello' });
        else answer({ code });
      },
    }]]);
    const client = await run(CLIENT, addressOf(port));
    expect(await get(client, '/')).toEqual({ code: 200, text: 'Response from the server: Hello\n' });
    expect(codes).toEqual([status.INTERNAL, status.OK]);
    expect(await get(client, '/')).toEqual({ code: 502, text: 'Response from the server: (Error)\n' });
    expect(codes).toEqual([status.OK]);
  });

  test('opens a stream again after the last number, however it was cut, and gives up when none helps', async () => {
    const requests: unknown[] = [];
    const port = await serve([[echoService, {
      watch: (call: ServerWritableStream<{ after: number }, object>) => {
        requests.push(call.request);
        const { after } = call.request;
        if (after < 4) for (const number of [after + 1, after + 2]) call.write({ number, text: 'Hello' });
        call.emit('error', { code: after < 2 ? status.UNAVAILABLE : after < 4 ? status.INTERNAL : status.FAILED_PRECONDITION });
      },
    }]]);
    const client = await run(CLIENT, addressOf(port));
    expect((await get(client, '/watch?name=Yizumi&count=7&every=20')).text).toBe('1: Hello\n2: Hello\n3: Hello\n4: Hello\nResponse from the server: (Error)\n');
    expect(requests).toEqual([0, 2, 4].map((after) => ({ name: 'Yizumi', after, count: 7, every: 20 })));
  });

  test('trusts the certificate that it is given, and speaks TLS then', async () => {
    const key = { private_key: Buffer.from(CERTIFICATE.privateKey), cert_chain: Buffer.from(CERTIFICATE.certificate) };
    const port = await serve([[echoService, { echo: ({ request }: ServerUnaryCall<{ name: string }, object>, answer: Answer) => answer(null, { text: `Hello, ${request.name}` }) }]],
      { credentials: ServerCredentials.createSsl(null, [key]) });
    const client = await run(CLIENT, { SERVER_ADDRESS: `localhost:${port}`, INTERNAL_CA_CERTIFICATE: CERTIFICATE.certificate });
    expect((await get(client, '/?name=Yizumi')).text).toBe('Response from the server: Hello, Yizumi\n');
  });

  test('ends its streams and then itself on SIGTERM', async () => {
    const server = await run(SERVER);
    const client = await run(CLIENT, addressOf(server.port));
    const answer = await fetch(`http://127.0.0.1:${client.port}/watch?name=Yizumi&every=10`);
    client.terminate();
    expect(await answer.text()).toMatch(/^(\d+: Hello, .*\n)+$/);
    expect(await client.ended).toEqual([0, null]);
  });
});

interface Peer {
  getPeer(): string;
}
type Answer = (error: object | null, value?: object) => void;
