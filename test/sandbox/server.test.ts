import { ECS } from '@aws-sdk/client-ecs';
import { SSM } from '@aws-sdk/client-ssm';
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning, thisProcess } from '../../src/process.ts';
import { reset, startDetached, startForeground, status, stop } from '../../src/sandbox/control.ts';
import { clientOf, newFolder, start } from './running.ts';

const parameter = { Name: '/kept', Value: 'v', Type: 'String' } as const;

describe('the port', () => {
  test.each([
    ['origin', 'https://example.com'],
    ['origin', 'null'],
    ['host', 'example.com'],
    ['host', '127.0.0.1.example.com'],
  ])('refuses a request whose %s is %s', async (header, value) => {
    const { port } = await start();
    for (const path of ['/', '/v2/', '/_ecs-canary/status']) {
      expect(await statusOf(port, path, { [header]: value })).toBe(403);
    }
  });

  test.each(['localhost:80', 'LOCALHOST', '127.0.0.1', '[::1]:4566'])('answers to the name %s', async (host) => {
    const { port } = await start();
    expect(await statusOf(port, '/_ecs-canary/status', { host })).toBe(200);
  });

  test('one that is taken is a clear error', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use by another program.`);
  });

  test('serves the registry too', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/v2/`)).status).toBe(401);
  });
});

test('every call is in the log before its answer, with what tells reads from writes', async () => {
  const dir = newFolder();
  const ssm = new SSM(clientOf(await start({ dir })));
  await ssm.putParameter(parameter);
  await ssm.getParameter({ Name: '/none' }).catch(() => undefined);
  const lines = readFileSync(join(dir, 'requests.ndjson'), 'utf8').trimEnd().split('\n');
  const common = { service: 'ssm', region: 'eu-central-1', time: expect.any(String), requestId: expect.any(String) };
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    { ...common, operation: 'PutParameter', write: true, status: 200, code: null },
    { ...common, operation: 'GetParameter', write: false, status: 400, code: 'ParameterNotFound' },
  ]);
});

describe('the state', () => {
  test('is kept across a restart, region by region, dates as dates', async () => {
    const dir = newFolder();
    const first = await start({ dir });
    await new SSM(clientOf(first)).putParameter(parameter);
    const before = await new SSM(clientOf(first)).getParameter({ Name: '/kept' });
    await new ECS(clientOf(first, 'us-east-1')).createCluster({ clusterName: 'other' });
    await first.stop();

    const second = await start({ dir });
    expect((await status(dir))?.holds).toMatchObject({ regions: 2, parameters: 1, clusters: 1, services: 0 });
    const after = await new SSM(clientOf(second)).getParameter({ Name: '/kept' });
    expect(after.Parameter).toEqual(before.Parameter);
    await expect(new SSM(clientOf(second, 'us-east-1')).getParameter({ Name: '/kept' })).rejects.toThrow();
  });

  test('is on disk soon after a change, without a stop', async () => {
    const dir = newFolder();
    await new SSM(clientOf(await start({ dir }))).putParameter(parameter);
    await until(() => existsSync(join(dir, 'eu-central-1.json')) && readFileSync(join(dir, 'eu-central-1.json'), 'utf8').includes('/kept'));
  });

  test('in a damaged file is a clear error that names it, and leaves nothing behind', async () => {
    const dir = newFolder();
    const first = await start({ dir });
    await new SSM(clientOf(first)).putParameter(parameter);
    await first.stop();
    const file = join(dir, 'eu-central-1.json');
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.slice(0, -10));
    await expect(start({ dir, port: first.port })).rejects.toThrow(file);
    expect(existsSync(join(dir, 'sandbox.json'))).toBe(false);
    writeFileSync(file, whole);
    await start({ dir, port: first.port });
  });
});

describe('the folder', () => {
  test('has one sandbox at a time', async () => {
    const dir = newFolder();
    const first = await start({ dir });
    await expect(start({ dir })).rejects.toThrow(`A sandbox already runs in ${dir} (process ${process.pid}, ${first.url}).`);
    await expect(reset(dir)).rejects.toThrow('A sandbox already runs');
    await first.stop();
    await start({ dir });
  });

  test('of something else is left alone', async () => {
    const dir = newFolder();
    mkdirSync(join(dir, 'images'));
    await expect(start({ dir })).rejects.toThrow(`${dir} is not a sandbox's folder: it holds images.`);
    await expect(reset(dir)).rejects.toThrow("is not a sandbox's folder");
    expect(readdirSync(dir)).toEqual(['images']);
  });

  test('is emptied by reset of what the sandbox wrote', async () => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    await new SSM(clientOf(sandbox)).putParameter(parameter);
    await sandbox.stop();
    writeFileSync(join(dir, 'notes.txt'), 'mine');
    await reset(dir);
    expect(readdirSync(dir)).toEqual(['notes.txt']);
  });

  test("whose sandbox died is nobody's: stop says so, and another can start", async () => {
    const dir = newFolder();
    const pid = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
    const left = { id: 'dead', pid, url: 'http://127.0.0.1:9', port: 9, speed: 1, account: '000000000000', since: new Date(0).toISOString() };
    writeFileSync(join(dir, 'sandbox.json'), JSON.stringify(left));
    expect(await status(dir)).toBeUndefined();
    // A process that only happens to have the number is none either: this one began after `since`.
    writeFileSync(join(dir, 'sandbox.json'), JSON.stringify({ ...left, pid: process.pid }));
    expect(await stop(dir)).toBe(false);
    await start({ dir });
  });
});

test('in the foreground it runs until the signal', async () => {
  const dir = newFolder();
  const controller = new AbortController();
  const { info, stopped } = await startForeground({ dir, account: '123456789012', speed: 10 }, controller.signal);
  expect(await status(dir)).toMatchObject({ ...info, account: '123456789012', speed: 10, holds: { regions: 0 } });
  controller.abort();
  await stopped;
  expect(await status(dir)).toBeUndefined();
});

describe('detached', () => {
  let program = '';
  beforeAll(async () => {
    program = await bundleForeground();
  });
  afterAll(() => rmSync(program));

  test('it answers when started, and stop waits until it is gone', async () => {
    const dir = newFolder();
    const info = await startDetached({ dir, command: [process.execPath, program, dir] });
    try {
      await new SSM(clientOf(info)).putParameter(parameter);
      expect(await status(dir)).toMatchObject({ pid: info.pid, url: info.url });
      await expect(startDetached({ dir, command: [process.execPath, program, dir] })).rejects.toThrow('A sandbox already runs');
    } finally {
      expect(await stop(dir)).toBe(true);
    }
    // Where the kernel tells nothing of zombies, a child is one until Node has looked.
    await until(() => !isRunning({ ...thisProcess(), pid: info.pid, started: undefined }));
    expect(await stop(dir)).toBe(false);
    expect(readFileSync(join(dir, 'eu-central-1.json'), 'utf8')).toContain('/kept');
  });

  test('one that dies at start is an error with the end of its log', async () => {
    const dir = newFolder();
    const command: [string, ...string[]] = [process.execPath, '-e', 'console.log("first"); console.error("the reason"); process.exit(3)'];
    await expect(startDetached({ dir, command })).rejects.toThrow(
      'The sandbox could not be started: it ended with exit code 3\nfirst\nthe reason',
    );
    await expect(startDetached({ dir, command: [join(dir, 'missing')] })).rejects.toThrow('ENOENT');
  });
});

/** A program that runs a sandbox in the folder of its first argument until SIGTERM. */
async function bundleForeground(): Promise<string> {
  const outfile = join(tmpdir(), `ecs-canary-foreground-${process.pid}.mjs`);
  const contents = `
    import { startForeground } from './src/sandbox/control.ts';
    const controller = new AbortController();
    process.once('SIGTERM', () => controller.abort());
    const { stopped } = await startForeground({ dir: process.argv[2] }, controller.signal);
    await stopped;
  `;
  await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  return outfile;
}

/** Unlike fetch, this can send any Host. */
function statusOf(port: number, path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject).end();
  });
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Error('the condition was not met in time');
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
