/** The built program and the signals that people and CI systems send. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
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

/** A route to 40 % that has moved the traffic and lets the weights take effect for minutes. */
async function settling(...options: string[]) {
  const env = {
    PATH: process.env['PATH'],
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: traffic.endpoint.url,
    SETTLE: '10m',
    POLL_INTERVAL: '20ms',
  };
  const child = spawn(process.execPath, [PROGRAM, 'route', '--canary', '40', ...options, ...groups()], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  running = child;
  const ended = Promise.all([once(child, 'exit'), text(child.stderr)]).then(([[code, signal], stderr]) => ({ code, signal, stderr }));
  await eventually(() => traffic.canary(), [40, 40, 40]);
  return { child, ended };
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s stops at the next safe point, tells what has which weight, and the two commands', async (signal) => {
  const { child, ended } = await settling();
  child.kill(signal);
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/Stopping at the next safe point; once more to stop at once\.\nError: Interrupted\.\nUsers are on arn:\S+ with 60% of the traffic and on arn:\S+ with 40% of the traffic\.\n/);
  expect(stderr).toMatch(/\nNext: ecs-canary route --canary 40 .*\(goes on\)\n +ecs-canary route --canary 0 .*\(goes back\)\n$/);
  expect(await traffic.canary()).toEqual([40, 40, 40]);
});

test('with --on-interrupt rollback the users go back first: exit 3', async () => {
  const { child, ended } = await settling('--on-interrupt', 'rollback');
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  expect(code).toBe(3);
  expect(stderr).toMatch(/\nError: Interrupted\.\nUsers are on arn:\S+ with 100% of the traffic\.\n/);
  expect(await traffic.canary()).toEqual([0, 0, 0]);
});

test('a second one ends the program at once, by that signal, and says how to see where users are', async () => {
  const { child, ended } = await settling();
  // Whoever looks where users are does not get an answer.
  traffic.endpoint.order('*', () => once(child, 'exit'), { times: 100 });
  child.kill('SIGINT');
  await once(child.stderr, 'data');
  child.kill('SIGINT');
  const { code, signal, stderr } = await ended;
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' });
  expect(stderr).toMatch(/Ended at once, in the middle of its work\.\nNext: the same command again .*\n +ecs-canary status .*\n$/);
  expect(await traffic.canary()).toEqual([40, 40, 40]);
});
