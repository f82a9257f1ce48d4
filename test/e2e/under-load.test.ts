/**
 * Traffic moves under constant load, by the built program: it is what an operator runs, and its only way to know that AWS
 * took the weights is AWS's answer, while load, targets and load balancer share this process.
 */
import { cli } from '../cli/spawn.ts';
import { blueAndGreen, forward, type Lab, openLab } from '../sandbox/load-balancing.ts';
import { band } from './binomial.ts';
import { type HttpLoad, startLoad } from './load.ts';

const CONNECTIONS = 16;
/** Canary's percent, and the requests that are looked at while it rests there: the more, the narrower the band. */
const PHASES = [[0, 4_000], [50, 10_000], [100, 4_000], [0, 4_000]] as const;
const FALSE_ALARM = 1e-6;

let lab: Lab;
let load: HttpLoad | undefined;

beforeAll(async () => {
  // At AWS's own pace: health checks that had to hurry could fail for want of processor time.
  lab = await openLab();
});
afterAll(async () => {
  await load?.end();
  await lab.end();
});

test('0 -> 50 -> 100 -> 0: no failed request, and each share inside its band', async () => {
  const { blue, green, listener } = await blueAndGreen(lab, 100, 0);
  const Conditions = [{ Field: 'path-pattern', Values: ['/orders/*'] }];
  await lab.elb.createRule({ ListenerArn: listener, Priority: 10, Conditions, Actions: [forward([blue, 100], [green, 0])] });
  const route = (percent: number) =>
    cli(['route', '--canary', String(percent), '--primary-target-group', blue, '--canary-target-group', green], {
      env: { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: lab.sandbox.url, SETTLE: '0' },
    });

  load = startLoad([`${lab.url}/`, `${lab.url}/orders/1`], CONNECTIONS);
  for (const [percent, count] of PHASES) {
    // The load goes on meanwhile. The program ends after AWS confirmed the weights.
    expect(await route(percent)).toMatchObject({ code: 0 });
    const { green: canary = 0, blue: primary = 0, ...others } = await load.sample(count);
    const [least, most] = band(count, percent / 100, FALSE_ALARM);
    expect({ percent, others, answers: canary + primary }).toEqual({ percent, others: {}, answers: count });
    expect(canary).toBeGreaterThanOrEqual(least);
    expect(canary).toBeLessThanOrEqual(most);
  }
  const { requests, connections, failures } = await load.end();
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(20_000);
  expect(connections).toBe(CONNECTIONS);
}, 120_000);

test('the bands are those of the binomial distribution', () => {
  expect(band(1_000, 0.5, FALSE_ALARM)).toEqual([423, 577]);
  expect(band(1_000, 0.1, FALSE_ALARM)).toEqual([57, 149]);
  // Twenty times heads has a chance of 2^-20, and so has twenty times tails.
  expect(band(20, 0.5, 2.1 / 2 ** 20)).toEqual([1, 19]);
  expect(band(20, 0.5, 1.9 / 2 ** 20)).toEqual([0, 20]);
  expect([band(9, 0, FALSE_ALARM), band(9, 1, FALSE_ALARM)]).toEqual([[0, 0], [9, 9]]);
});
