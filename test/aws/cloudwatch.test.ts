/** What the program makes of a load balancer's metrics, over the wire. */
import { connectAws } from '../../src/aws/aws.ts';
import { ask, eventually, groupOf, type Lab, openLab, tally, until } from '../sandbox/load-balancing.ts';

/** A minute passes in 100 ms. */
const SPEED = 600;
const MINUTE_MS = 60_000 / SPEED;

let lab: Lab;

beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  lab = await openLab({ speed: SPEED });
});
afterEach(() => lab.end());

test('how a group answered, minute by minute: its 5xx and the connections that it refused count as errors', async () => {
  const aws = connectAws({ region: 'eu-central-1', endpointUrl: lab.sandbox.url });
  const { group, listener, targets } = await groupOf(lab, (_request, response) => response.writeHead(500).end());
  const { Listeners = [] } = await lab.elb.describeListeners({ ListenerArns: [listener] });
  const since = new Date();
  const read = () => aws.metrics.minutes(Listeners[0]?.LoadBalancerArn ?? '', group, 'Maximum', since, new Date());
  expect(await read()).toEqual([]);

  const nextMinute = (Math.floor(since.getTime() / MINUTE_MS) + 1) * MINUTE_MS;
  await until(() => Date.now() >= nextMinute);
  await tally(lab.url, 5);
  targets[0]?.server.close();
  targets[0]?.server.closeAllConnections();
  expect((await ask(lab.url)).status).toBe(502);

  const sums = async () => {
    const minutes = await read();
    const sumOf = (of: 'requests' | 'errors') => minutes.reduce((sum, minute) => sum + minute[of], 0);
    return { requests: sumOf('requests'), errors: sumOf('errors') };
  };
  await eventually(sums, { requests: 6, errors: 6 });
  // Milliseconds: no answer takes less than a hundredth of one here, or ten seconds.
  const slowest = Math.max(...(await read()).map(({ latency = 0 }) => latency));
  expect(slowest).toBeGreaterThan(0.01);
  expect(slowest).toBeLessThan(10_000);
});
