/** The HTTP example, as the sandbox runs it: packed, pushed, unpacked, started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ImageConfig } from '../../src/sandbox/parts.ts';
import { unpackedImage } from './image.ts';

let dir: string;
let image: { rootfs: string; config: ImageConfig };
let server: ChildProcess;
let lines: string[];
let port: number;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'echo-'));
  image = await unpackedImage('examples/echo-http', dir);
});

afterAll(() => rm(dir, { recursive: true }));

beforeEach(async () => {
  const { Cmd = [], WorkingDir = '/' } = image.config;
  expect(Cmd[0]).toBe('node');
  server = spawn(process.execPath, Cmd.slice(1), { cwd: join(image.rootfs, WorkingDir), env: { PORT: '0', HOST: '127.0.0.1' }, stdio: ['ignore', 'pipe', 'inherit'] });
  if (!server.stdout) throw new Error('no output');
  lines = [];
  for await (const line of createInterface(server.stdout)) {
    lines.push(line);
    if (lines.length === 2) break;
  }
  port = Number(lines[1]?.split(' ').at(-1));
});

afterEach(() => server.kill('SIGKILL'));

const read = async (socket: Socket) => {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk;
  return text;
};

test('the image holds the service and nothing else', async () => {
  expect((await readdir(join(image.rootfs, 'app'))).toSorted()).toEqual(['package.json', 'server.js', 'version.js']);
  expect(image.config).toMatchObject({ User: 'node', WorkingDir: '/app', ExposedPorts: { '8080/tcp': {} } });
});

test('it says its version at the start and in each greeting, and answers the health check', async () => {
  expect(lines).toEqual(['Echo Server Version 0.9', expect.stringMatching(/^Starting on port: \d+$/)]);
  const greeting = await fetch(`http://127.0.0.1:${port}/?name=Yusuke`);
  expect(await greeting.text()).toMatch(/^Response from the server: Hello, Yusuke-san! \(Said \d+\.\d+\.\d+\.\d+, Version 0\.9\)\n$/);
  expect(greeting.headers.get('keep-alive')).toBe('timeout=65');
  expect((await fetch(`http://127.0.0.1:${port}/ping`)).status).toBe(200);
});

test('on SIGTERM it takes nothing new, finishes the request that is running, and ends at once with 0', async () => {
  const idle = connect(port, '127.0.0.1');
  idle.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(idle, 'data');
  const running = connect(port, '127.0.0.1');
  running.write('GET /?name=Yusuke HTTP/1.1\r\nHost: a\r\n');
  // The server has read the half request once it answers a later one.
  await fetch(`http://127.0.0.1:${port}/ping`);

  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await once(idle, 'close');
  await once(connect(port, '127.0.0.1'), 'error');

  running.write('\r\n');
  const answer = await read(running);
  const endedAt = Date.now();
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Hello, Yusuke-san!/);
  expect(await ended).toEqual([0, null]);
  expect(Date.now() - endedAt).toBeLessThan(1_000);
});
