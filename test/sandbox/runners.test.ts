/** Whatever tasks run in, they run as ECS says, and ECS says the same of them. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import type { ContainerDefinition, Task } from '@aws-sdk/client-ecs';
import { reset } from '../../src/sandbox/control.ts';
import { OUT_OF_MEMORY, type RunnerName, type RunningContainer, type TaskRunner } from '../../src/sandbox/dataplane/runner.ts';
import { makeTaskRunner } from '../../src/sandbox/dataplane/task-runner.ts';
import { type EcsLab, openEcsLab, REGION } from './ecs-lab.ts';
import { configurePodman, findEngines, sayWhatIsSkipped, SHARED_NETWORK } from './engines.ts';
import { IMAGE_VARIABLE, pushNodeImage } from './node-image.ts';
import { clientOf, newFolder } from './running.ts';

const GROUP = '/runners';
/** Real ms: engines take seconds for a container, on a busy machine many. */
const PATIENCE = 60_000;
const LONG = 2 * PATIENCE;
const ADDRESS = '10.9.8.7';
const HOSTNAME = 'ip-10-9-8-7';
const POLITE = "process.on('SIGTERM', () => process.exit(0)); console.log('listens'); setInterval(() => {}, 1000)";
const DEAF = "process.on('SIGTERM', () => console.log('stays')); console.log('is deaf'); setInterval(() => {}, 1000)";
const GREEDY = "const held = []; for (;;) held.push(Buffer.alloc(1048576, 1))";

const engines = await findEngines();
const runners: RunnerName[] = ['process', ...engines.filter(({ missing }) => missing === undefined).map(({ name }) => name)];
sayWhatIsSkipped(engines, (name) => `tasks in ${name}`);

describe.each(runners)('tasks in %s', (runner) => {
  let lab: EcsLab;
  let logs: CloudWatchLogs;
  const services: string[] = [];
  const running: RunningContainer[] = [];

  beforeAll(async () => {
    lab = await openEcsLab(20, { runner, push: pushNodeImage, patience: PATIENCE });
    logs = new CloudWatchLogs(clientOf(lab.sandbox, REGION));
    await logs.createLogGroup({ logGroupName: GROUP });
  }, LONG);

  const path = process.env['PATH'];
  afterEach(async () => {
    process.env['PATH'] = path;
    running.splice(0).forEach((container) => container.kill());
    // Those that crash would be started again and again.
    await Promise.all(services.splice(0).map((name) => lab.update(name, { desiredCount: 0 })));
  });

  afterAll(() => lab.end(), LONG);

  /** The first task of a new service that is as asked. */
  async function firstTask(name: string, container: Partial<ContainerDefinition>, isAsAsked: (task: Task) => boolean): Promise<Task> {
    const logConfiguration = { logDriver: 'awslogs', options: { 'awslogs-group': GROUP, 'awslogs-region': REGION, 'awslogs-stream-prefix': name } } as const;
    await lab.createService(name, await lab.register(name, { stopTimeout: 2, logConfiguration, ...container }), { desiredCount: 1 });
    services.push(name);
    return until(name, isAsAsked);
  }

  async function until(name: string, isAsAsked: (task: Task) => boolean): Promise<Task> {
    let found: Task | undefined;
    let seen: Task[] = [];
    for (const deadline = Date.now() + PATIENCE; !found && Date.now() < deadline;) {
      seen = [...(await lab.tasks(name)), ...(await lab.tasks(name, 'STOPPED'))];
      found = seen.find(isAsAsked);
      // Who asks without a pause takes the processor that the container needs.
      await new Promise((later) => setTimeout(later, 50));
    }
    if (!found) throw new Error(`no task is as asked: ${JSON.stringify(seen, null, 1)}`);
    return found;
  }

  async function linesOf(name: string): Promise<string[]> {
    const { events = [] } = await logs.filterLogEvents({ logGroupName: GROUP, logStreamNamePrefix: `${name}/` });
    return events.map(({ message = '' }) => message);
  }

  const isOver = ({ lastStatus }: Task) => lastStatus === 'STOPPED';
  const script = (text: string): Partial<ContainerDefinition> => ({ command: ['node', '-e', text] });

  test('the image\'s own command serves, with its variables and the definition\'s, behind the load balancer', async () => {
    const { loadBalancers, url } = await lab.balance('serve');
    await lab.createService('serve', await lab.register('0.9', { environment: [{ name: 'VERSION', value: '0.9' }, { name: 'PORT', value: '8080' }] }), { loadBalancers, desiredCount: 2 });
    await lab.until('serve', ({ deployments = [], runningCount }) => deployments[0]?.rolloutState === 'COMPLETED' && runningCount === 2);
    expect(await (await fetch(url)).text()).toBe('0.9');
    const environment: unknown = await (await fetch(`${url}/env`)).json();
    expect(environment).toMatchObject({ VERSION: '0.9', [IMAGE_VARIABLE]: '7', AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE', AWS_REGION: REGION });
    expect(environment).not.toHaveProperty('CONTAINERS_CONF');
  }, LONG);

  test('one that crashes leaves its exit code and its last words', async () => {
    expect(await firstTask('crash', { environment: [{ name: 'MODE', value: 'crash' }] }, isOver)).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [{ exitCode: 3 }],
    });
    expect(await linesOf('crash')).toEqual(expect.arrayContaining(['no database']));
  }, LONG);

  test('SIGTERM ends it, with time to say so', async () => {
    await firstTask('polite', {}, ({ lastStatus }) => lastStatus === 'RUNNING');
    await lab.update('polite', { desiredCount: 0 });
    expect((await until('polite', isOver)).containers).toMatchObject([{ exitCode: 0 }]);
    expect((await linesOf('polite')).at(-1)).toBe('ends');
  }, LONG);

  test('SIGKILL ends one that does not listen to that', async () => {
    await firstTask('deaf', script(DEAF), ({ lastStatus }) => lastStatus === 'RUNNING');
    await lab.update('deaf', { desiredCount: 0 });
    expect((await until('deaf', isOver)).containers).toMatchObject([{ exitCode: 137 }]);
    expect(await linesOf('deaf')).toEqual(['is deaf', 'stays']);
  }, LONG);

  test.each([
    ['an image that is not there', { image: '127.0.0.1:1/demo/server:none' }, /^CannotPullContainerError: .*demo\/server:none: not found$/, /^CannotPullContainerError: /],
    ['a program that is not in it', { command: ['nowhere'] }, /^CannotStartContainerError: .*exec: "nowhere": executable file not found in \$PATH: unknown$/, /^Task failed to start$/],
  ])('%s: the reason is ECS\'s', async (_, container, reason, stoppedReason) => {
    const task = await firstTask(Object.keys(container).join(), container, isOver);
    expect(task).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: expect.stringMatching(stoppedReason), containers: [{ reason: expect.stringMatching(reason) }] });
  }, LONG);

  test('what a sandbox that was killed left is ended by the next one, and nobody else\'s', async () => {
    const region = await lab.sandbox.region(REGION);
    const [dir, other] = [newFolder(), newFolder()];
    const tasksIn = async (folder: string) => {
      const tasks = makeTaskRunner({ ...region, config: { ...region.config, dir: folder } });
      await tasks.recover();
      return tasks;
    };
    const neighbour = await tasksIn(other);
    const [left, stays] = [await run(await tasksIn(dir)), await run(neighbour)];
    await tasksIn(dir);
    expect(await left.exitCode).toBe(137);
    expect(await Promise.race([stays.exitCode, new Promise((later) => setImmediate(later, 'runs'))])).toBe('runs');
    await stays.container.stop(1_000);
    expect(await stays.exitCode).toBe(0);
    await neighbour.close();
  }, LONG);

  test('reset ends what a sandbox that was killed left', async () => {
    const dir = newFolder();
    // What tells the folder of a sandbox, and its regions.
    for (const file of ['requests.ndjson', `${REGION}.json`]) writeFileSync(join(dir, file), '');
    const region = await lab.sandbox.region(REGION);
    const tasks = makeTaskRunner({ ...region, config: { ...region.config, dir } });
    await tasks.recover();
    const { exitCode } = await run(tasks);
    await reset(dir);
    expect(await exitCode).toBe(137);
    expect(existsSync(dir)).toBe(false);
  }, LONG);

  /** Starts a container as the scheduler does, and waits until it listens to SIGTERM. */
  async function run(tasks: TaskRunner, more: Partial<ContainerDefinition> = {}) {
    const [started, exited] = [signal<string>(), signal<number>()];
    const container = await tasks.start({
      region: REGION,
      address: ADDRESS,
      definition: { name: 'server', image: lab.image, command: ['node', '-e', POLITE], ...more },
      cpuArchitecture: process.arch === 'arm64' ? 'ARM64' : 'X86_64',
      limits: { vcpus: 0.5, memoryMiB: 512 },
      secrets: {},
      output: started.give,
      exited: exited.give,
    }, await tasks.pull(lab.image));
    running.push(container);
    await started.given;
    return { container, exitCode: exited.given };
  }

  if (runner === 'process') return;

  const ask = (...args: string[]) => spawnSync(runner, args, { encoding: 'utf8', env: process.env }).stdout.trim();
  /** Of what `run` has started. */
  const ids = () => ask('ps', '-a', '--no-trunc', '--format', '{{.ID}}').split('\n').filter((id) => id !== '' && ask('inspect', id).includes(HOSTNAME));

  test('the lower limit counts, ports are on loopback only, and nothing of it is left in the engine', async () => {
    const region = await lab.sandbox.region(REGION);
    const tasks = makeTaskRunner({ ...region, config: { ...region.config, dir: newFolder() } });
    await tasks.recover();
    const images = ask('images', '--format', '{{.Repository}}');
    const { container, exitCode } = await run(tasks, { cpu: 64, memory: 200, portMappings: [{ containerPort: 8080 }] });
    const [{ HostConfig, NetworkSettings }] = JSON.parse(ask('inspect', ...ids()));
    expect(HostConfig).toMatchObject({ Memory: 200 * 1024 * 1024, CpuShares: 64, NanoCpus: 500_000_000 });
    if (HostConfig.NetworkMode !== 'host') {
      expect(NetworkSettings.Ports).toEqual({ '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: String(container.ports[8080]) }] });
    }
    await container.stop(1_000);
    expect(await exitCode).toBe(0);
    await tasks.close();
    expect([ids(), ask('images', '--format', '{{.Repository}}')]).toEqual([[], images]);
  }, LONG);

  test('a sandbox that goes on with processes ends the containers that it left', async () => {
    const region = await lab.sandbox.region(REGION);
    const config = { ...region.config, dir: newFolder() };
    const before = makeTaskRunner({ ...region, config });
    await before.recover();
    const { exitCode } = await run(before);
    await makeTaskRunner({ ...region, config: { ...config, runner: 'process' } }).recover();
    expect(await exitCode).toBe(137);
  }, LONG);

  test('CPU and memory are limits: who takes more is ended, and ECS says that it was memory where the engine does', async () => {
    sayMemory();
    const task = await firstTask('greedy', { ...script(GREEDY), memory: 128 }, isOver);
    expect(task.containers).toMatchObject([{ exitCode: 137, reason: OUT_OF_MEMORY }]);
  }, LONG);

  /** Not every engine notices what the kernel did: from here on each does, of every container that was killed. */
  function sayMemory(): void {
    const bin = newFolder();
    const engine = spawnSync('which', [runner], { encoding: 'utf8', env: process.env }).stdout.trim();
    const lines = ['#!/bin/sh', `case "$*" in *OOMKilled*) ${engine} "$@" | sed 's/^137 false$/137 true/' ;; *) exec ${engine} "$@" ;; esac`];
    writeFileSync(join(bin, runner), lines.join('\n'), { mode: 0o755 });
    process.env['PATH'] = `${bin}:${path}`;
  }

  if (runner !== 'podman') return;

  test('where a container gets this machine\'s network, it is told which port of 127.0.0.1 it has', async () => {
    const settings = process.env['CONTAINERS_CONF'];
    configurePodman(SHARED_NETWORK);
    try {
      const { url, loadBalancers } = await lab.balance('shared');
      await lab.createService('shared', await lab.register('1.0'), { loadBalancers, desiredCount: 2 });
      await lab.until('shared', ({ deployments = [] }) => deployments[0]?.rolloutState === 'COMPLETED');
      expect(await (await fetch(`${url}/env`)).json()).toMatchObject({ VERSION: '1.0', HOST: '127.0.0.1', PORT: expect.stringMatching(/^\d+$/) });
    } finally {
      configurePodman('');
      process.env['CONTAINERS_CONF'] = settings;
    }
  }, LONG);
});

/** Something that is told once. */
function signal<T>(): { readonly given: Promise<T>; readonly give: (value: T) => void } {
  let give: (value: T) => void = () => undefined;
  const given = new Promise<T>((resolve) => (give = resolve));
  return { given, give: (value) => give(value) };
}
