/** gRPC calls on one channel, while the built program moves them to another version and back. */
import { status } from '@grpc/grpc-js';
import { cli } from '../cli/spawn.ts';
import { blueAndGreenQuays, caller, endAll } from '../sandbox/grpc-lab.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { band } from './binomial.ts';
import { type Load, startCalls } from './load.ts';

const AT_ONCE = 16;
/** Canary's percent, and the calls that are looked at while it rests there. */
const PHASES = [[0, 2_000], [10, 4_000], [50, 6_000], [100, 2_000], [50, 6_000], [0, 2_000]] as const;
const FALSE_ALARM = 1e-6;

let lab: Lab;
let load: Load | undefined;

beforeAll(async () => {
  // At AWS's own pace: health checks that had to hurry could fail for want of processor time.
  lab = await openLab();
});
afterAll(async () => {
  await load?.end();
  endAll();
  await lab.end();
});

test('there and back: of more than 20,000 calls none fails, and each share is inside its band', async () => {
  const { blue, green } = await blueAndGreenQuays(lab, 100, 0);
  const client = caller(lab);
  load = startCalls(async () => {
    const { code, details, answers: [answer] } = await client.hail();
    if (code === status.OK && answer !== undefined) return answer;
    throw new Error(`${code} ${details}`);
  }, AT_ONCE);
  for (const [percent, count] of PHASES) {
    const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: lab.sandbox.url, SETTLE: '0' };
    expect(await cli(['route', '--canary', String(percent), '--primary-target-group', blue, '--canary-target-group', green], { env })).toMatchObject({ code: 0 });
    const { green: canary = 0, blue: primary = 0, ...others } = await load.sample(count);
    const [least, most] = band(count, percent / 100, FALSE_ALARM);
    expect({ percent, others, answers: canary + primary }).toEqual({ percent, others: {}, answers: count });
    expect(canary).toBeGreaterThanOrEqual(least);
    expect(canary).toBeLessThanOrEqual(most);
  }
  const { requests, failures } = await load.end();
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(20_000);
}, 240_000);
