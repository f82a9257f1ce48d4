/** Two runs of the built program on one pair: one at a time, and the emergency exit ahead of both. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cli } from '../cli/spawn.ts';
import { openTraffic, type TrafficLab } from '../release/traffic-lab.ts';
import { eventually, type Lab, openLab } from '../sandbox/load-balancing.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/ecs-canary.js', import.meta.url));

let lab: Lab;
let traffic: TrafficLab;
let running: ChildProcess | undefined;

beforeAll(async () => {
  lab = await openLab({ speed: 200 });
});
afterAll(() => lab.end());
beforeEach(async () => {
  traffic = await openTraffic(lab);
});
afterEach(async () => {
  running?.kill('SIGKILL');
  await traffic.end();
});

const groups = () => ['--primary-target-group', traffic.pair.primary, '--canary-target-group', traffic.pair.canary];
const env = (settle: string) => ({
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL: traffic.endpoint.url,
  SETTLE: settle,
  POLL_INTERVAL: '20ms',
});
const run = (...args: string[]) => cli([...args, ...groups()], { env: env('0') });

/** A route that has moved the traffic and stays at work. */
async function atWork(percent: number): Promise<{ pid: number; ended: Promise<unknown[]> }> {
  const child = spawn(process.execPath, [PROGRAM, 'route', '--canary', String(percent), ...groups()], { env: { PATH: process.env['PATH'], ...env('10m') }, stdio: 'ignore' });
  running = child;
  const ended = once(child, 'exit');
  await eventually(() => traffic.canary(), [percent, percent, percent]);
  return { pid: child.pid ?? 0, ended };
}

test('a second run is refused and told who is at work; the emergency exit goes ahead, and the first one stops', async () => {
  const { pid, ended } = await atWork(40);
  const refused = await run('route', '--canary', '60');
  expect(refused).toMatchObject({ code: 6, stdout: '' });
  expect(refused.stderr).toMatch(new RegExp(`holds this pair with "route --canary 40 .*" since .*; its process ${pid} on this machine still runs\\.\\n`));
  expect(refused.stderr).toContain(`ecs-canary route --canary 0 ${groups().join(' ')} goes ahead of it`);
  expect(await traffic.canary()).toEqual([40, 40, 40]);

  expect(await run('route', '--canary', '0')).toMatchObject({ code: 0 });
  expect(await ended).toEqual([6, null]);
  expect(await traffic.canary()).toEqual([0, 0, 0]);
  expect(await run('route', '--canary', '60')).toMatchObject({ code: 0 });
});

test('what a killed run held is free at once: the next one carries on', async () => {
  const { pid, ended } = await atWork(40);
  process.kill(pid, 'SIGKILL');
  await ended;
  expect(await run('route', '--canary', '60')).toMatchObject({ code: 0 });
  const { entries } = JSON.parse((await run('history', '--json')).stdout);
  expect(entries).toMatchObject([{ percent: 40, state: expect.stringMatching(/^(taken-over|cut-off)$/) }, { percent: 60, state: 'ended' }]);
});

test('whom an unlock took the pair from stops by itself, and the weights stay', async () => {
  const { ended } = await atWork(40);
  expect(await run('unlock', '--yes')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Unlocked: "route --canary 40 /) });
  expect(await ended).toEqual([6, null]);
  expect(await traffic.canary()).toEqual([40, 40, 40]);
});
