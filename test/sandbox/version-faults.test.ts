/** Faults of a version: its tasks really crash, really fail their health checks, really answer badly; others do not. */
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { ECRClient } from '@aws-sdk/client-ecr';
import type { Task } from '@aws-sdk/client-ecs';
import { type Balanced, type EcsLab, messages, openEcsLab, REGION } from './ecs-lab.ts';
import { clear, hits, isCompleted, order } from './fault-lab.ts';
import { ask, eventually, tally } from './load-balancing.ts';
import { pushFiles } from './push.ts';
import { clientOf } from './running.ts';

const SERVER = `
  const { createServer } = require('node:http');
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    request.resume().on('end', () => response.setHeader('x-path', request.url).end(process.env.VERSION));
  }).listen(process.env.PORT, '127.0.0.1');
  process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });
`;

let lab: EcsLab;
let ecr: ECRClient;
let cloudWatch: CloudWatch;
let services = 0;

beforeAll(async () => {
  lab = await openEcsLab(40);
  ecr = new ECRClient(clientOf(lab.sandbox, REGION));
  cloudWatch = new CloudWatch(clientOf(lab.sandbox, REGION));
});
afterEach(() => clear(lab));
afterAll(() => lab.end());

interface Version extends Balanced {
  readonly name: string;
  /** What the image goes by. */
  readonly tag: string;
  readonly digest: string;
}

/** An image of its own under `tag`, and a service that is to run it. */
async function deploy(tag: string, desiredCount = 1): Promise<Version> {
  const name = `service-${++services}`;
  const digest = await pushFiles(ecr, 'demo/server', tag, { 'index.js': SERVER, 'name.txt': name });
  const balanced = await lab.balance(name);
  const image = `127.0.0.1:${lab.sandbox.port}/demo/server@${digest}`;
  await lab.createService(name, await lab.register(tag, { image }), { loadBalancers: balanced.loadBalancers, desiredCount });
  return { ...balanced, name, tag, digest };
}

async function stopped(name: string): Promise<Task[]> {
  return (await lab.tasks(name, 'STOPPED')).filter(({ lastStatus }) => lastStatus === 'STOPPED');
}

/** Waits for stopped tasks, and says their exit codes, oldest first. */
async function exitCodes(name: string, count: number): Promise<unknown[]> {
  let tasks: Task[] = [];
  await eventually(async () => ({ enough: (tasks = await stopped(name)).length >= count }), { enough: true });
  for (const task of tasks) expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', stoppedReason: 'Essential container in task exited' });
  return tasks.toSorted((a, b) => Number(a.createdAt) - Number(b.createdAt)).map(({ containers }) => containers?.[0]?.exitCode);
}

async function healthOf({ targets }: Balanced): Promise<object> {
  return { health: (await targets()).map(({ TargetHealth }) => TargetHealth) };
}

describe('crash', () => {
  test('at the start, ordered before the version is there: exit code 1, again and again', async () => {
    await order(lab, 'crash-1', 'crash');
    const { name } = await deploy('crash-1');
    expect((await exitCodes(name, 2)).slice(0, 2)).toEqual([1, 1]);
    expect(lab.sandbox.faults.list()).toMatchObject([{ image: 'crash-1', seen: hits(lab)[0] }]);
    lab.sandbox.faults.clear();
    await lab.until(name, isCompleted);
  });

  test('while it runs: killed, exit code 137; what replaces it ends with 1; another version goes on', async () => {
    const [bad, good] = await Promise.all([deploy('crash-2'), deploy('good-2')]);
    for (const { name } of [bad, good]) await lab.until(name, isCompleted);
    await order(lab, bad.digest, 'crash');
    expect((await exitCodes(bad.name, 2)).slice(0, 2)).toEqual([137, 1]);
    expect(await stopped(good.name)).toEqual([]);
  });

  test('after a while, counted from the start of each task', async () => {
    await order(lab, 'demo/server:crash-3', 'crash', { afterMs: 40_000 });
    const { name } = await deploy('crash-3');
    expect((await exitCodes(name, 2)).slice(0, 2)).toEqual([137, 137]);
    // AWS's seconds, of which the clock of the answers makes 40 at a time.
    for (const { startedAt, executionStoppedAt } of await stopped(name)) {
      expect((Number(executionStoppedAt) - Number(startedAt)) * 40).toBeGreaterThan(35_000);
    }
  });

  test('with the nth request, which is lost: 502', async () => {
    const { name, url } = await deploy('crash-4');
    await lab.until(name, isCompleted);
    await order(lab, 'crash-4', 'crash', { afterRequests: 3 });
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await ask(url)).status);
    expect(statuses).toEqual([200, 200, 502]);
    expect((await exitCodes(name, 1))[0]).toBe(137);
    expect(hits(lab)).toEqual([1]);
  });
});

describe('unhealthy', () => {
  test('from the start: it never gets healthy, because it answers its health checks with 503, and ECS replaces it', async () => {
    await order(lab, 'sick-1', 'unhealthy');
    const sick = await deploy('sick-1');
    await eventually(() => healthOf(sick), {
      health: expect.arrayContaining([{ State: 'unhealthy', Reason: 'Target.ResponseCodeMismatch', Description: 'Health checks failed with these codes: [503]' }]),
    });
    const service = await lab.until(sick.name, (now) => messages(now).some((message) => message.includes('is unhealthy')));
    expect(messages(service)).toContain('(task ID) (port 8080) is unhealthy in (target-group ARN) due to (reason Health checks failed with these codes: [503]).');
    expect(messages(service)).not.toContain('has reached a steady state.');
  });

  test('under traffic: healthy until the nth request', async () => {
    const sick = await deploy('sick-2');
    await lab.until(sick.name, isCompleted);
    await order(lab, 'sick-2', 'unhealthy', { afterRequests: 4 });
    for (let n = 0; n < 3; n += 1) expect((await ask(sick.url)).status).toBe(200);
    expect([await healthOf(sick), hits(lab)]).toEqual([{ health: [{ State: 'healthy' }] }, [0]]);
    expect((await ask(sick.url)).status).toBe(200);
    await eventually(async () => ({ failed: (hits(lab)[0] ?? 0) >= 2 }), { failed: true });
    await lab.until(sick.name, (now) => messages(now).some((message) => message.includes('is unhealthy')));
  });
});

describe('answers', () => {
  test('with a status at a rate; its health checks pass, and CloudWatch counts what the balancer saw', async () => {
    const { name, url, targets, targetGroupArn } = await deploy('errors');
    await lab.until(name, isCompleted);
    await order(lab, 'errors', { answer: 503, rate: 0.3 });
    const seen = await tally(url, 300);
    expect(Object.keys(seen).toSorted()).toEqual(['503', 'errors']);
    // Of 300 by chance: 5 standard deviations.
    expect(Math.abs((seen['503'] ?? 0) - 90)).toBeLessThan(40);
    expect(hits(lab)).toEqual([seen['503']]);
    expect((await targets()).map(({ TargetHealth }) => TargetHealth?.State)).toEqual(['healthy']);
    expect(await targetErrors(targetGroupArn, 300)).toBe(seen['503']);
  });

  test('late at a rate, and several orders at once; the rest is passed on as it is', async () => {
    const { name, url } = await deploy('slow');
    await lab.until(name, isCompleted);
    await order(lab, 'slow', { slowMs: 300 });
    await order(lab, 'slow', { answer: 500 }, { afterRequests: 2 });
    const started = performance.now();
    const first = await ask(`${url}/some/path?q=1`, { method: 'POST', body: 'text' });
    expect(performance.now() - started).toBeGreaterThan(295);
    expect([first.status, first.body, first.headers['x-path']]).toEqual([200, 'slow', '/some/path?q=1']);
    expect((await ask(url)).status).toBe(500);
    expect(performance.now() - started).toBeGreaterThan(590);
    lab.sandbox.faults.clear();
    expect((await ask(url)).status).toBe(200);
    expect(lab.sandbox.faults.list()).toEqual([]);
  });

  test('ordering and clearing lose no request of a constant load', async () => {
    const { name, url } = await deploy('load', 2);
    await lab.until(name, isCompleted);
    const over = new AbortController();
    const load = (async () => {
      const seen: Record<string, number> = {};
      while (!over.signal.aborted) for (const [key, count] of Object.entries(await tally(url, 40))) seen[key] = (seen[key] ?? 0) + count;
      return seen;
    })();
    for (let n = 0; n < 20; n += 1) {
      await order(lab, 'load', { slowMs: 1, rate: 0.5 });
      const { hits: before } = lab.sandbox.faults.list()[0] ?? { hits: 0 };
      await eventually(async () => ({ used: (hits(lab)[0] ?? 0) > before }), { used: true });
      lab.sandbox.faults.clear();
    }
    over.abort();
    expect(Object.keys(await load)).toEqual(['load']);
  });
});

/** What the target group has counted in CloudWatch, once it counted `requests`: with this clock six seconds later at most. */
async function targetErrors(targetGroupArn: string, requests: number): Promise<number> {
  const { TargetGroups } = await lab.elb.describeTargetGroups({ TargetGroupArns: [targetGroupArn] });
  const loadBalancer = TargetGroups?.[0]?.LoadBalancerArns?.[0] ?? '';
  const Dimensions = [
    { Name: 'LoadBalancer', Value: loadBalancer.replace(/.*:loadbalancer\//, '') },
    { Name: 'TargetGroup', Value: targetGroupArn.replace(/.*:/, '') },
  ];
  const query = (Id: string, MetricName: string) =>
    ({ Id, MetricStat: { Metric: { Namespace: 'AWS/ApplicationELB', MetricName, Dimensions }, Period: 60, Stat: 'Sum' } });
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { MetricDataResults = [] } = await cloudWatch.getMetricData({
      MetricDataQueries: [query('requests', 'RequestCount'), query('errors', 'HTTPCode_Target_5XX_Count')],
      StartTime: new Date(Date.now() - 600_000),
      EndTime: new Date(Date.now() + 60_000),
    });
    const [all = 0, errors = 0] = MetricDataResults.map(({ Values = [] }) => Values.reduce((sum, value) => sum + value, 0));
    if (all >= requests || Date.now() > deadline) return errors;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('over the wire', () => {
  const post = async (body: unknown) => {
    const response = await fetch(`${lab.sandbox.url}/_ecs-canary/faults`, { method: 'POST', body: JSON.stringify(body) });
    return [response.status, await response.text()] as const;
  };

  test('orders for versions stand in one list with those for calls', async () => {
    const [status, made] = await post({ image: '1.0', fault: { answer: 503 } });
    const expected = { image: '1.0', fault: { answer: 503, rate: 1 }, afterMs: 0, afterRequests: 0, seen: 0, hits: 0 };
    expect([status, JSON.parse(made)]).toEqual([201, expected]);
    await post({ operation: 'ModifyRule', fault: 'throttle' });
    expect(lab.sandbox.faults.list()).toMatchObject([expected, { operation: 'ModifyRule' }]);
    expect(lab.sandbox.faults.clear()).toBe(2);
  });

  test.each<[string, unknown, string]>([
    ['a fault of calls', { image: '1.0', fault: 'throttle' }, '"fault" is "throttle": for a version it should be one of "crash"'],
    ['an operation besides', { image: '1.0', operation: 'ModifyRule', fault: 'crash' }, 'no "operation"'],
    ['no image', { image: '', fault: 'crash' }, '"image" is ""'],
    ['a status that is none', { image: '1.0', fault: { answer: 99 } }, '"fault" is {"answer":99}'],
    ['two faults', { image: '1.0', fault: { answer: 503, slowMs: 1 } }, 'it should be one of'],
    ['a rate of 0', { image: '1.0', fault: { answer: 503, rate: 0 } }, 'it should be one of'],
    ['a rate above 1', { image: '1.0', fault: { slowMs: 1, rate: 10 } }, 'it should be one of'],
    ['half a request', { image: '1.0', fault: 'crash', afterRequests: 0.5 }, '"afterRequests" is 0.5'],
    ['a time that is none', { image: '1.0', fault: 'crash', afterMs: '1s' }, '"afterMs" is "1s"'],
  ])('%s is refused', async (_what, body, sentence) => {
    expect(await post(body)).toEqual([400, expect.stringContaining(sentence)]);
    expect(lab.sandbox.faults.list()).toEqual([]);
  });
});
