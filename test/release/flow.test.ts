/** What the metrics tell about a change of weights, over the wire, and the sentences about it. */
import { connectAws, type Aws } from '../../src/aws/aws.ts';
import { describeFlow, observeFlow } from '../../src/release/flow.ts';
import type { Pair } from '../../src/release/model.ts';
import { ALL_ATTEMPTS, type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { blueAndGreen, eventually, forward, type Lab, openLab, tally, until } from '../sandbox/load-balancing.ts';

/** A minute passes in 100 ms. */
const SPEED = 600;
const MINUTE_MS = 60_000 / SPEED;

test.each([
  [{ primary: 2_123, canary: 2_090 }, 'canary', 'Seen since: 4213 requests, 49.6% of them (2090) to the new service.'],
  [{ primary: 2_123, canary: 2_090 }, 'primary', 'Seen since: 4213 requests, 50.4% of them (2123) to the new service.'],
  [{ primary: 100, canary: 0 }, 'canary', 'Seen since: 100 requests, 0.0% of them (0) to the new service.'],
  [{ primary: 7, canary: 5 }, 'canary', 'Seen since: 12 requests, 5 of them to the new service: too few to tell the share.'],
  [{ primary: 1, canary: 0 }, 'canary', 'Seen since: 1 request, 0 of them to the new service: too few to tell the share.'],
  [{ unknown: 'No metrics for the minutes since yet' }, 'canary', 'No metrics for the minutes since yet: what share really flows is not known.'],
] as const)('%o with the new version in the %s group: %s', (flow, newGroup, sentence) => {
  expect(describeFlow(flow, newGroup)).toBe(sentence);
});

describe('over the wire', () => {
  let lab: Lab;
  let endpoint: FaultyEndpoint;
  let aws: Aws;
  let pair: Pair;
  let listener: string;
  let loadBalancer: string;

  beforeEach(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'test';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
    lab = await openLab({ speed: SPEED, seed: 7 });
    const made = await blueAndGreen(lab, 100, 0);
    pair = { primary: made.blue, canary: made.green };
    listener = made.listener;
    loadBalancer = (await lab.elb.describeListeners({ ListenerArns: [listener] })).Listeners?.[0]?.LoadBalancerArn ?? '';
    endpoint = await faultyEndpoint(lab.sandbox.url);
    aws = connectAws({ region: 'eu-central-1', endpointUrl: endpoint.url });
  });
  afterEach(async () => {
    await endpoint.close();
    await lab.end();
  });

  test('counts the minutes that began since, in one call, and says so while there are none', async () => {
    await tally(lab.url, 200);
    const since = new Date();
    await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([pair.primary, 70], [pair.canary, 30])] });
    const nextMinute = (Math.floor(since.getTime() / MINUTE_MS) + 1) * MINUTE_MS;
    await until(() => Date.now() >= nextMinute);
    const seen = await tally(lab.url, 300);
    expect(await observeFlow(aws, pair, loadBalancer, new Date())).toEqual({ unknown: 'No metrics for the minutes since yet' });

    const expected = { primary: seen['blue'], canary: seen['green'] };
    await eventually(() => observeFlow(aws, pair, loadBalancer, since), expected);
    const before = endpoint.calls.length;
    expect(await observeFlow(aws, pair, loadBalancer, since)).toEqual(expected);
    expect(endpoint.calls.slice(before).map(({ operation }) => operation)).toEqual(['GetMetricData']);
  });

  test('never throws: without permission, without a way to CloudWatch', async () => {
    const since = new Date(Date.now() - 60_000);
    endpoint.order('GetMetricData', { error: 'AccessDeniedException' }, { times: 1 });
    expect(await observeFlow(aws, pair, loadBalancer, since)).toEqual({
      unknown: expect.stringMatching(/^The metrics could not be read \(AWS denied cloudwatch:GetMetricData: .*\)$/),
    });
    endpoint.order('GetMetricData', 'cut-before', { times: ALL_ATTEMPTS });
    const unknown = expect.stringContaining('The metrics could not be read');
    expect(await observeFlow(aws, pair, loadBalancer, since)).toEqual({ unknown });
  });
});
