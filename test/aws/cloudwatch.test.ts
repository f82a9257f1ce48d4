/** What the program makes of a load balancer's metrics, over the wire. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connectAws } from '../../src/aws/aws.ts';
import { ask, eventually, groupOf, type Lab, openLab, tally, until } from '../sandbox/load-balancing.ts';

/** A minute passes in half a second: a request and what becomes of it are to fall in the same. */
const SPEED = 120;
const MINUTE_MS = 60_000 / SPEED;

let lab: Lab;

function nextMinute(): Promise<void> {
  const begins = (Math.floor(Date.now() / MINUTE_MS) + 1) * MINUTE_MS;
  return until(() => Date.now() >= begins);
}

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

  await nextMinute();
  await tally(lab.url, 5);
  await nextMinute();
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

test('an answer without one of the metrics is none: it would read as one without errors', async () => {
  const now = new Date();
  const known = { Id: 'requests', Label: 'RequestCount', StatusCode: 'Complete', Timestamps: [now.getTime() / 1_000], Values: [100] };
  const MetricDataResults = [known, { Id: 'answered', Label: 'HTTPCode_Target_5XX_Count', StatusCode: 'InternalError', Timestamps: [], Values: [] }];
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/x-amz-json-1.0').end(JSON.stringify({ MetricDataResults }));
  }).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const aws = connectAws({ region: 'eu-central-1', endpointUrl: `http://127.0.0.1:${port}` });
    const arn = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:x/1';
    await expect(aws.metrics.minutes(arn, arn, 'p99', new Date(now.getTime() - 60_000), now)).rejects.toThrow(
      'CloudWatch answered InternalError about HTTPCode_Target_5XX_Count.',
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
