/** What is said to an engine, and what is made of its answers: with a script in its place, for what no engine does on demand. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Route53 } from '@aws-sdk/client-route-53';
import { jest } from '@jest/globals';
import { reset } from '../../src/sandbox/control.ts';
import { whyNoEngine } from '../../src/sandbox/dataplane/engine.ts';
import { makeEngineRunner } from '../../src/sandbox/dataplane/engine-runner.ts';
import { type ContainerOrder, OUT_OF_MEMORY, type OwnRunner, type RunnerName, type TaskRunner } from '../../src/sandbox/dataplane/runner.ts';
import { makeTaskRunner } from '../../src/sandbox/dataplane/task-runner.ts';
import type { StoredImage } from '../../src/sandbox/parts.ts';
import { clientOf, newFolder, start } from './running.ts';

const REGION = 'eu-central-1';
const IMAGE: StoredImage = {
  repository: 'demo/server',
  digest: 'sha256:1',
  manifest: { digest: 'sha256:1', mediaType: '', layers: [], manifests: [] },
  config: {},
  architecture: 'amd64',
};

const path = process.env['PATH'];
afterEach(() => {
  process.env['PATH'] = path;
  jest.restoreAllMocks();
});

/** Puts a shell script in the place of an engine, which has its call in `$*`; each call is written down. */
function pretend(script: string, engine = 'docker'): { readonly calls: () => string; readonly environment: () => string } {
  const bin = join(newFolder(), 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, engine), `#!/bin/sh\necho "$*" >>${bin}/calls\n${script.replaceAll('BIN', bin)}\n`);
  chmodSync(join(bin, engine), 0o755);
  process.env['PATH'] = `${bin}:${path}`;
  return { calls: () => readFileSync(join(bin, 'calls'), 'utf8'), environment: () => readFileSync(join(bin, 'environment'), 'utf8') };
}

const ENGINE = `case "$*" in
  create*) env >BIN/environment; echo c0ffee ;;
  *NetworkMode*) echo bridge ;;
  *StartedAt*) echo 2026-01-01T00:00:00Z ;;
  start*) echo listens ;;
  *OOMKilled*) echo STATE ;;
esac`;

/** Runs a container to its end. @returns what was told of the end, and its output. */
async function run(more: Partial<ContainerOrder> = {}): Promise<{ end: readonly unknown[]; lines: string[] }> {
  const region = await (await start()).region(REGION);
  return runWith(makeEngineRunner({ ...region, images: { ...region.images, find: async () => IMAGE } }, 'docker', 'feed'), more);
}

async function runWith(runner: OwnRunner, more: Partial<ContainerOrder> = {}): Promise<{ end: readonly unknown[]; lines: string[] }> {
  const image = await runner.pull('demo/server:1');
  const lines: string[] = [];
  const end = await new Promise<unknown[]>((exited, failed) => {
    runner.start({
      region: REGION,
      address: '10.0.0.1',
      definition: { name: 'server', image: 'demo/server:1' },
      cpuArchitecture: 'X86_64',
      limits: {},
      secrets: {},
      output: (line) => lines.push(line),
      exited: (...told) => exited(told),
      ...more,
    }, image).catch(failed);
  });
  return { end, lines };
}

test('a container that ran out of memory is told as ECS tells it, another one that was killed is not', async () => {
  pretend(ENGINE.replace('STATE', '137 true'));
  expect(await run()).toEqual({ end: [137, OUT_OF_MEMORY], lines: ['listens'] });
  pretend(ENGINE.replace('STATE', '137 false'));
  expect(await run()).toEqual({ end: [137, undefined], lines: ['listens'] });
});

test('one that somebody removed counts as killed', async () => {
  pretend(ENGINE.replace('*OOMKilled*) echo STATE', '*OOMKilled*) echo "no such container" >&2; exit 1'));
  expect((await run()).end).toEqual([137, undefined]);
});

test('no secret stands in the arguments, and no variable of a container changes what the engine does', async () => {
  const { calls, environment } = pretend(ENGINE.replace('STATE', '0 false'));
  const environmentOf = [{ name: 'DOCKER_HOST', value: 'tcp://192.0.2.1' }, { name: 'LD_LIBRARY_PATH', value: '/srv/192.0.2.1' }, { name: 'GREETING', value: 'two\nlines' }];
  await run({ secrets: { SSH_KEY: 'hush', DOCKER_PASSWORD: 'hush' }, definition: { name: 'server', image: 'demo/server:1', environment: environmentOf } });
  expect(calls()).not.toContain('hush');
  expect(calls()).toMatch(/ --env=SSH_KEY .*--env=DOCKER_PASSWORD/);
  expect(environment()).toContain('\nSSH_KEY=hush\n');
  expect(environment()).toContain('\nGREETING=two\nlines\n');
  expect(environment()).not.toContain('192.0.2.1');
  expect(calls()).toContain('--env=DOCKER_HOST=tcp://192.0.2.1');
});

test.each(['HTTPS_PROXY', 'https_proxy', 'DOCKER_AUTH_CONFIG', 'LD_PRELOAD'])('a secret %s, which the engine would take for its own, is refused and shown to nobody', async (name) => {
  const { calls } = pretend(ENGINE);
  await expect(run({ secrets: { [name]: 'hush' } })).rejects.toThrow(`docker reads a variable ${name} itself`);
  expect(calls()).not.toMatch(/hush|create/);
});

test('the definition\'s command, user and folder count, and nothing is said of what it leaves to the image', async () => {
  const { calls } = pretend(ENGINE.replace('STATE', '0 false'));
  await run();
  expect(calls()).toMatch(/ --env=AWS_DEFAULT_REGION localhost\/\S+:1\n/);
  await run({
    limits: { vcpus: 0.25, memoryMiB: 512 },
    definition: { name: 'server', image: 'demo/server:1', entryPoint: ['node', '-r'], command: ['a b'], user: '1000', workingDirectory: '/srv', readonlyRootFilesystem: true, memory: 128 },
  });
  expect(calls()).toMatch(/ --cpus=0\.25 --memory=134217728 --memory-swap=134217728 --user=1000 --workdir=\/srv --read-only --entrypoint=node localhost\/\S+:1 -r a b\n/);
});

test.each([
  ['docker', 'bridge', ['server.echo.internal:host-gateway']],
  ['docker', 'host', ['server.echo.internal:127.0.0.1']],
  ['podman', 'bridge', []],
  ['podman', 'host', ['server.echo.internal:127.0.0.1']],
] as const)('%s with network %s is told which names of private zones lead to load balancers: %j', async (engine, network, hosts) => {
  const { calls } = pretend(ENGINE.replace('STATE', '0 false').replace('bridge', network), engine);
  const sandbox = await start();
  const route53 = new Route53(clientOf(sandbox, 'us-east-1'));
  for (const [Name, VPCId] of [['echo.internal', 'vpc-0a'], ['other.internal', 'vpc-0b']]) {
    const { HostedZone } = await route53.createHostedZone({ Name, CallerReference: VPCId, VPC: { VPCId, VPCRegion: REGION } });
    const AliasTarget = { HostedZoneId: 'Z35SXDOTRQ7X7K', DNSName: '127.0.0.1', EvaluateTargetHealth: false };
    const Changes = ['server', '*.any'].map((name) => ({ Action: 'CREATE' as const, ResourceRecordSet: { Name: `${name}.${Name}`, Type: 'A' as const, AliasTarget } }));
    await route53.changeResourceRecordSets({ HostedZoneId: HostedZone?.Id, ChangeBatch: { Changes } });
  }
  const region = await sandbox.region(REGION);
  await runWith(makeEngineRunner({ ...region, images: { ...region.images, find: async () => IMAGE } }, engine, 'feed'), { vpcId: 'vpc-0a' });
  const last = calls().split('\n').findLast((line) => line.startsWith('create'));
  expect(last?.match(/(?<=--add-host=)\S+/g) ?? []).toEqual(hosts);
});

/** An engine that knows again what it has made, and never forgets it: containers c0ffee1, c0ffee2 and so on. */
const REMEMBERS = `case "$*" in
  create*) echo "$*" >>BIN/made; echo c0ffee$(grep -c . BIN/made) ;;
  ps*) all="$*"; grep -n -- "\${all##*=}" BIN/made | sed 's/:.*//; s/^/c0ffee/' ;;
  *) ${ENGINE.replace('STATE', '0 false')} ;;
esac`;

/** What a sandbox of that folder has for its tasks. */
async function tasksIn(dir: string, runner: RunnerName): Promise<TaskRunner> {
  const region = await (await start()).region(REGION);
  return makeTaskRunner({ ...region, config: { ...region.config, dir, runner }, images: { ...region.images, find: async () => IMAGE } });
}

test('a start ends what this folder\'s sandbox left, and nothing of another machine\'s with a folder of the same path', async () => {
  const { calls } = pretend(REMEMBERS);
  const dir = newFolder();
  const killed = await tasksIn(dir, 'docker');
  await killed.recover();
  await runWith(killed);
  rmSync(join(dir, 'processes'), { recursive: true });
  const stranger = await tasksIn(dir, 'docker');
  await stranger.recover();
  await runWith(stranger);
  expect(calls()).not.toContain('kill');
  await (await tasksIn(dir, 'docker')).recover();
  expect(calls()).toContain('kill c0ffee2\n');
});

/** What it has started holds its output open, too. */
const HANGS = 'sleep 600; exit';

/** Lets limits of a minute pass in a fifth of a second, until the mocks are restored: for engines that never answer only. */
function hurry(): void {
  const later = setTimeout;
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(Object.assign((run: () => void, ms?: number) => later(run, (ms ?? 0) / 300), later));
}

describe.each([
  ['fails', 'echo "Error: cannot connect to the daemon" >&2; exit 1', 'cannot connect to the daemon.'],
  ['hangs', HANGS, 'docker does not answer within 60 s.'],
])('an engine that %s when what is left is to be ended', (_, script, reason) => {
  const message = `What this sandbox left in docker when it was killed can't be ended: ${reason} Make docker work`;

  /** The folder of a sandbox that was killed. */
  async function leave(): Promise<string> {
    pretend(REMEMBERS);
    const dir = newFolder();
    // What tells the folder of a sandbox, and its regions.
    for (const file of ['requests.ndjson', `${REGION}.json`]) writeFileSync(join(dir, file), '');
    const killed = await tasksIn(dir, 'docker');
    await killed.recover();
    await runWith(killed);
    return dir;
  }

  test('is told by reset, which leaves the folder as it is until the engine is back', async () => {
    const dir = await leave();
    pretend(script);
    if (script === HANGS) hurry();
    await expect(reset(dir)).rejects.toThrow(message);
    jest.restoreAllMocks();
    pretend(REMEMBERS);
    await reset(dir);
    expect(existsSync(dir)).toBe(false);
  });

  test('is told by a start with another runner, and what is left is ended by a later one', async () => {
    const dir = await leave();
    pretend(script);
    if (script === HANGS) hurry();
    const next = await tasksIn(dir, 'process');
    await expect(next.recover()).rejects.toThrow(message);
    await next.close();
    jest.restoreAllMocks();
    const { calls } = pretend('case "$*" in ps*) echo c0ffee ;; esac');
    await (await tasksIn(dir, 'process')).recover();
    expect(calls()).toContain('kill c0ffee\n');
  });
});

test('an engine that is not installed any more holds up no reset', async () => {
  pretend(REMEMBERS);
  const dir = newFolder();
  for (const file of ['requests.ndjson', `${REGION}.json`]) writeFileSync(join(dir, file), '');
  await (await tasksIn(dir, 'docker')).recover();
  process.env['PATH'] = newFolder();
  await reset(dir);
  expect(existsSync(dir)).toBe(false);
});

test.each([
  ['is not there', undefined, 'docker is not installed.'],
  ['does not answer', 'echo "Error: cannot connect to the daemon" >&2; exit 1', 'docker does not answer: cannot connect to the daemon'],
])('an engine that %s', async (_, script, reason) => {
  if (script === undefined) process.env['PATH'] = newFolder();
  else pretend(script);
  expect(await whyNoEngine('docker')).toBe(reason);
});

test('an engine that hangs', async () => {
  pretend(HANGS);
  hurry();
  expect(await whyNoEngine('docker')).toBe('docker does not answer within 15 s.');
});
