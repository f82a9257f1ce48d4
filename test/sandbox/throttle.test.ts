/** The throttle at AWS's rates: what real clients get when they call too often, and how the buckets fill again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { makeThrottle } from '../../src/sandbox/api/throttle.ts';
import { clientOf, newFolder, start } from './running.ts';

/** So slow that no bucket gets a token back while a test runs. */
const SLOWEST = 0.0001;

const ssm = { service: 'ssm', region: 'eu-central-1', operation: 'PutParameter' };
const elb = (operation: string) => ({ service: 'elasticloadbalancing', region: 'eu-central-1', operation });
const acm = (operation: string) => ({ service: 'acm', region: 'eu-central-1', operation });
const ecs = (operation: string) => ({ service: 'ecs', region: 'eu-central-1', operation });

/** A throttle whose time stands still until it is told otherwise. */
function throttleAt(): { takes: ReturnType<typeof makeThrottle>; pass: (ms: number) => void } {
  let now = 0;
  const takes = makeThrottle({ now: () => new Date(0), awsNow: () => now, after: () => () => undefined, real: (ms) => ms });
  return {
    takes,
    pass(ms) {
      now += ms;
    },
  };
}

/** How many calls in a row are taken. */
function taken(takes: () => boolean): number {
  let count = 0;
  while (takes()) count += 1;
  return count;
}

test.each([
  [acm('ImportCertificate'), 1, 1],
  [acm('DescribeCertificate'), 10, 10],
  [elb('DescribeRules'), 40, 10],
  [elb('ModifyRule'), 20, 3],
  [ecs('CreateCluster'), 20, 1],
  [ecs('UpdateService'), 50, 5],
  [ecs('DescribeServices'), 100, 20],
  [ecs('DescribeTasks'), 100, 20],
  [ecs('RegisterTaskDefinition'), 20, 1],
  [ecs('DescribeTaskDefinition'), 50, 20],
  [ssm, 3, 3],
  [{ ...ssm, operation: 'GetParameter' }, 40, 40],
])('%j: a burst of %d, then %d per second', (call, burst, perSecond) => {
  const { takes, pass } = throttleAt();
  expect(taken(() => takes(call))).toBe(burst);
  pass(1_000);
  expect(taken(() => takes(call))).toBe(perSecond);
  // However long nobody calls, there are never more tokens than the burst.
  pass(3_600_000);
  expect(taken(() => takes(call))).toBe(burst);
});

test('load balancers are made ten at once, then one in five seconds', () => {
  const { takes, pass } = throttleAt();
  expect(taken(() => takes(elb('CreateLoadBalancer')))).toBe(10);
  pass(4_999);
  expect(takes(elb('CreateLoadBalancer'))).toBe(false);
  pass(1);
  expect(takes(elb('CreateLoadBalancer'))).toBe(true);
});

test('reads and writes of a load balancer share the account’s bucket; a refused write takes nothing from it', () => {
  const { takes } = throttleAt();
  expect(taken(() => takes(elb('ModifyRule')))).toBe(20);
  expect(taken(() => takes(elb('DescribeRules')))).toBe(20);
});

test('calls that share a bucket empty it together, other regions and services have their own', () => {
  const { takes } = throttleAt();
  expect(taken(() => takes(ecs('DescribeServices')))).toBe(100);
  expect(takes(ecs('ListServices'))).toBe(false);
  expect(takes(ecs('DescribeTasks'))).toBe(true);
  expect(takes({ ...ecs('ListServices'), region: 'us-east-1' })).toBe(true);
  // What AWS gives no figures for is never throttled.
  for (let n = 0; n < 1_000; n += 1) expect(takes({ service: 'cloudformation', region: 'eu-central-1', operation: 'DescribeStacks' })).toBe(true);
});

describe('over the wire', () => {
  test('each service says so in its own code, without effect, and it is in the log', async () => {
    const dir = newFolder();
    const sandbox = await start({ dir, throttle: true, speed: SLOWEST });
    const client = new SSM(clientOf(sandbox));
    const put = (Value: string) => client.putParameter({ Name: '/p', Value, Type: 'String', Overwrite: true });
    for (const value of ['1', '2', '3']) await put(value);
    await expect(put('4')).rejects.toMatchObject({ name: 'ThrottlingException', message: 'Rate exceeded', $metadata: { httpStatusCode: 400 } });
    expect((await client.getParameter({ Name: '/p' })).Parameter?.Value).toBe('3');

    const balancer = new ElasticLoadBalancingV2(clientOf(sandbox));
    const rules = await Promise.allSettled(Array.from({ length: 45 }, () => balancer.describeLoadBalancers({})));
    expect(rules.filter(({ status }) => status === 'rejected')).toHaveLength(5);
    await expect(balancer.describeLoadBalancers({})).rejects.toMatchObject({ name: 'Throttling', message: 'Rate exceeded', $metadata: { httpStatusCode: 400 } });

    const lines = readFileSync(join(dir, 'requests.ndjson'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
    expect(lines[3]).toMatchObject({ operation: 'PutParameter', status: 400, code: 'ThrottlingException' });
    expect(lines.at(-1)).toMatchObject({ operation: 'DescribeLoadBalancers', status: 400, code: 'Throttling' });
    expect(lines.at(-1)).not.toHaveProperty('fault');
  });

  test('with --speed the buckets fill that much faster', async () => {
    const sandbox = await start({ throttle: true, speed: 1_000 });
    const client = new SSM(clientOf(sandbox));
    // Three thousand in a second: a client can't be that fast.
    for (let n = 0; n < 20; n += 1) await client.putParameter({ Name: '/p', Value: `${n}`, Type: 'String', Overwrite: true });
  });

  test('not unless asked for', async () => {
    const sandbox = await start({ speed: SLOWEST });
    const client = new ECS(clientOf(sandbox));
    for (let n = 0; n < 60; n += 1) await client.describeClusters({});
  });

  test('what CloudFormation makes by itself is not throttled', async () => {
    const { CloudFormation } = await import('@aws-sdk/client-cloudformation');
    const sandbox = await start({ throttle: true, speed: 40 });
    const client = new CloudFormation(clientOf(sandbox));
    // The twelve parameters are four times the burst of PutParameter; a throttled one would fail the stack.
    const names = Array.from({ length: 12 }, (_, n) => `P${n}`);
    const Resources = Object.fromEntries(names.map((name) => [name, { Type: 'AWS::SSM::Parameter', Properties: { Name: `/${name}`, Type: 'String', Value: '1' } }]));
    await client.createStack({ StackName: 'many', TemplateBody: JSON.stringify({ Resources }) });
    const status = async () => (await client.describeStacks({ StackName: 'many' })).Stacks?.[0]?.StackStatus;
    while ((await status()) === 'CREATE_IN_PROGRESS') await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await status()).toBe('CREATE_COMPLETE');
  });
});
