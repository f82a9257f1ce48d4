/** `logs`: what tasks wrote, as somebody reads it: by version, in the order of time, each line once, and until nobody wants more. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Aws } from '../../src/aws/aws.ts';
import { runProgram } from '../../src/cli/program.ts';
import { prepareRollout, type Release } from '../../src/release/operations.ts';
import { openTaskLogs } from '../../src/release/task-logs.ts';
import { definitionOf } from '../../src/sandbox/world/ecs/queries.ts';
import { type Project, REGION, withProject } from '../infra/project.ts';
import { openRelease, push } from '../release/deployment.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/ecs-canary.js', import.meta.url));
const ROLLOUT = { definition: undefined, replace: false, keepOld: false, tasks: undefined, acceptDrift: false };
const LONG = 60_000;

interface Lab {
  readonly project: Project;
  readonly release: Release;
  /** A line of the version's only task, written so long ago (ms). */
  readonly write: (version: string, line: string, age?: number) => Promise<void>;
  readonly logs: (...options: string[]) => Promise<{ code: number; out: string[]; err: string }>;
  /** The built program, following. */
  readonly follow: (...options: string[]) => Following;
}

interface Following {
  readonly child: ChildProcess;
  /** What it has shown so far. */
  readonly lines: string[];
  /** Resolves once it has shown the line. */
  readonly shows: (line: string) => Promise<void>;
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

let following: ChildProcess[] = [];

afterEach(() => {
  for (const child of following) child.kill('SIGKILL');
  following = [];
});

/** @param versions that run, the primary first. */
function withVersions(versions: readonly string[], action: (lab: Lab) => Promise<void>): Promise<void> {
  return withProject(async (project) => {
    const release = await openRelease(project, () => undefined, { DESIRED_COUNT: '1' });
    for (const version of versions) await (await prepareRollout(release, await push(release, version), ROLLOUT)).run();
    await action({ project, release, write: writerOf(project, release, versions), logs: (...options) => logs(project, options), follow: (...options) => follow(project, options) });
  }, { pageSize: 3 });
}

function writerOf({ sandbox, aws }: Project, { place }: Release, versions: readonly string[]): Lab['write'] {
  return async (version, line, age = 0) => {
    const colour = ['blue', 'green'][versions.indexOf(version)];
    const task = colour === undefined ? version : (await aws.containers.tasks(place.cluster, `${place.service}-${colour}`, 'RUNNING'))[0]?.id;
    const stream = `server/server/${task}`;
    const { logs: sink, state } = await sandbox.region(REGION);
    sink.write(place.logGroup, stream, line);
    const event = state.logs.groups[place.logGroup]?.streams[stream]?.events.at(-1);
    if (event) Object.assign(event, { timestamp: event.timestamp - age });
  };
}

async function logs(project: Project, options: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runProgram(['logs', ...options], { stdin: new PassThrough(), stdout, stderr, env: project.variables() }, '0');
  stdout.end();
  stderr.end();
  return { code, out: (await text(stdout)).split('\n').slice(0, -1), err: await text(stderr) };
}

function follow(project: Project, options: readonly string[]): Following {
  const env = { PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', POLL_INTERVAL: '0.2', ...project.variables() };
  const child = spawn(process.execPath, [PROGRAM, 'logs', '--follow', ...options], { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] });
  following.push(child);
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const ended = Promise.all([once(child, 'exit'), text(child.stderr)]).then(([[code], stderr]) => ({ code, stderr }));
  return {
    child,
    lines,
    async shows(line) {
      while (!lines.includes(line)) await once(output, 'line', { signal: AbortSignal.timeout(20_000) });
    },
    ended,
  };
}

test('before anything has run it says so, and what to type', () => withVersions([], async ({ logs: read }) => {
  expect(await read()).toEqual({ code: 0, out: [], err: expect.stringMatching(/^ECS knows no task of fleet\/server: .*\nNext: ecs-canary update --tag <version>, or ecs-canary logs --since 24h\n$/) });
  expect(await read('--json')).toMatchObject({ out: ['{"schemaVersion":1,"lines":[]}'] });
  expect(await read('--tag', '1.0')).toMatchObject({ code: 1, err: expect.stringMatching(/has no image with the tag 1\.0\. It is empty\.\n[^]*Next: ecs-canary push --tag 1\.0\n$/) });
}), LONG);

test('one version: its lines in the order of time, over all pages, as far back as asked', () => withVersions(['1.0'], async ({ write, logs: read }) => {
  for (const [line, minutes] of [['second', 3], ['first', 4], ['last', 1], ['third', 2], ['yesterday', 1_000]] as const) await write('1.0', line, minutes * 60_000);
  expect(await read()).toEqual({ code: 0, out: ['first', 'second', 'third', 'last'], err: '' });
  expect((await read('--since', '150s')).out).toEqual(['third', 'last']);
  expect((await read('--since', '24h')).out[0]).toBe('yesterday');
  expect(await read('--since', '1s')).toEqual({ code: 0, out: [], err: 'No task wrote anything in the last 1s.\nNext: ecs-canary logs --since 24h\n' });
  expect(await read('--since', 'ever')).toMatchObject({ code: 2, err: expect.stringContaining('--since is "ever"') });
}), LONG);

test('two versions are told apart, a task that ECS forgot too, and --tag shows one', () => withVersions(['1.0', '2.0'], async ({ write, logs: read, release }) => {
  await write('1.0', 'old words', 3_000);
  await write('2.0', 'new words', 2_000);
  await write('0123456789abcdef', 'of long ago', 1_000_000);
  expect((await read()).out).toEqual(['[task 01234567] of long ago', '[blue 1.0] old words', '[green 2.0] new words']);
  expect((await read('--tag', '2.0')).out).toEqual(['new words']);
  const { out } = await read('--tag', '1.0', '--json');
  expect(out.map((line) => JSON.parse(line))).toEqual([{
    schemaVersion: 1,
    lines: [{ time: expect.stringMatching(/^\d{4}-.*Z$/), version: '1.0', colour: 'blue', task: expect.stringMatching(/^[0-9a-f]{32}$/), container: 'server', text: 'old words' }],
  }]);
  await push(release, '3.0');
  expect(await read('--tag', '3.0')).toMatchObject({ code: 0, out: [], err: expect.stringMatching(/^ECS knows no task of 3\.0: .*\nNext: .*ecs-canary rollout --tag 3\.0\n$/) });
}), LONG);

test('containers with log groups of their own: all lines in the order of time', () => withVersions(['1.0'], async ({ project, release, write, logs: read }) => {
  const region = await project.sandbox.region(REGION);
  const [task] = await project.aws.containers.tasks(release.place.cluster, 'server-blue', 'RUNNING');
  const options = { 'awslogs-group': 'crows-nest', 'awslogs-stream-prefix': 'top', 'awslogs-region': REGION };
  definitionOf(region, task?.taskDefinition ?? '').containerDefinitions.push({ name: 'crow', image: 'none', logConfiguration: { logDriver: 'awslogs', options } });
  await region.call('logs', 'CreateLogGroup', { logGroupName: 'crows-nest' });
  region.logs.write('crows-nest', `top/crow/${task?.id}`, 'land ahoy');
  await write('1.0', 'as it was', 60_000);
  await write('1.0', 'aye');
  const { out } = await read('--json');
  expect(JSON.parse(out[0] ?? '').lines.map(({ container, text: line }: Record<string, string>) => `${container}: ${line}`)).toEqual(['server: as it was', 'crow: land ahoy', 'server: aye']);
}), LONG);

test('a task that is none of the service is asked for once, however much it writes', () => withVersions(['1.0'], async ({ project, release, write }) => {
  let looks = 0;
  const containers: Aws['containers'] = { ...project.aws.containers, describeServices: (...args) => ((looks += 1), project.aws.containers.describeServices(...args)) };
  const found = await openTaskLogs({ place: release.place, aws: { ...project.aws, containers } });
  const seen: string[] = [];
  for (const line of ['migrating', 'migrated']) {
    await write('0123456789abcdef', line);
    for await (const page of found.read(0)) seen.push(...page.map(({ task, text: said }) => `${task}: ${said}`));
  }
  expect(seen.at(-1)).toBe('0123456789abcdef: migrated');
  expect(looks).toBe(2);
}), LONG);

test('following shows each line once, late ones and those after a throttled read too, until Ctrl-C', () => withVersions(['1.0'], async ({ project, write, follow: start }) => {
  await write('1.0', 'is there');
  const { child, lines, shows, ended } = start();
  await shows('is there');
  await project.sandbox.faults.order({ operation: 'FilterLogEvents', fault: 'throttle', times: 2 });
  await write('1.0', 'comes');
  await shows('comes');
  await write('1.0', 'comes late', 5_000);
  await shows('comes late');
  await write('1.0', 'comes');
  await write('1.0', 'is over');
  await shows('is over');
  child.kill('SIGINT');
  expect(await ended).toEqual({ code: 130, stderr: '' });
  expect(lines).toEqual(['is there', 'comes', 'comes late', 'comes', 'is over']);
}), LONG);

test('following ends when nobody reads it any more, and says nothing about the pipe', () => withVersions(['1.0'], async ({ write, follow: start }) => {
  await write('1.0', 'is there');
  const { child, ended } = start('--json', '--tag', '1.0');
  await once(child.stdout ?? child, 'data');
  child.stdout?.destroy();
  await write('1.0', 'for nobody');
  expect(await ended).toEqual({ code: 0, stderr: '' });
}), LONG);
