/** Faults of a version that speaks gRPC: what its clients, the load balancer and ECS see of them is what a server's own would be. */
import { ACM } from '@aws-sdk/client-acm';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { ECRClient } from '@aws-sdk/client-ecr';
import { Metadata, status } from '@grpc/grpc-js';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { CERTIFICATE } from './certificates.ts';
import { type EcsLab, messages, openEcsLab, REGION } from './ecs-lab.ts';
import { clear, hits, isCompleted, order } from './fault-lab.ts';
import { caller, type Caller, endAll } from './grpc-lab.ts';
import { eventually, forward, until } from './load-balancing.ts';
import { pushFiles } from './push.ts';
import { clientOf } from './running.ts';

const { OK, UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE } = status;

/** Answers each message with its version; its trailers tell what arrived. */
const SERVER = `
  const { createServer } = require('node:http2');
  const { PORT, VERSION } = process.env;
  const message = Buffer.from([0, 0, 0, 0, VERSION.length, ...Buffer.from(VERSION)]);
  const sessions = new Set();
  const server = createServer().on('session', (session) => sessions.add(session)).on('stream', (stream, headers) => {
    stream.on('error', () => undefined).on('data', () => stream.write(message)).on('end', () => stream.end());
    stream.respond({ 'content-type': 'application/grpc', 'x-head': 'high' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-seen': [headers[':path'], headers[':authority'], headers['x-boat']].join() }));
  }).listen(PORT, '127.0.0.1');
  process.on('SIGTERM', () => { for (const session of sessions) session.close(); server.close(() => process.exit(0)); });
`;

let lab: EcsLab;
let services = 0;

beforeAll(async () => {
  lab = await openEcsLab(40);
});
afterEach(async () => {
  endAll();
  await clear(lab);
});
afterAll(() => lab.end());

interface Version {
  readonly name: string;
  readonly client: Caller;
  readonly loadBalancer: string;
  /** The states of its targets. */
  readonly health: () => Promise<object>;
}

/** An image of its own under `tag`, and a service with one task that is to run it behind an HTTPS listener. */
async function deploy(tag: string): Promise<Version> {
  const name = `grpc-${++services}`;
  const digest = await pushFiles(new ECRClient(clientOf(lab.sandbox, REGION)), 'demo/server', tag, { 'index.js': SERVER, 'name.txt': name });
  const { LoadBalancers } = await lab.elb.createLoadBalancer({ Name: name, Subnets: ['subnet-0a', 'subnet-0b'] });
  const { TargetGroups } = await lab.elb.createTargetGroup({
    Name: name, Protocol: 'HTTP', ProtocolVersion: 'GRPC', Port: 8080, VpcId: 'vpc-0a', TargetType: 'ip', Matcher: { GrpcCode: '0' },
    HealthCheckPath: '/grpc.health.v1.Health/Check', HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 2, HealthyThresholdCount: 2,
  });
  const TargetGroupArn = TargetGroups?.[0]?.TargetGroupArn ?? '';
  const loadBalancer = LoadBalancers?.[0]?.LoadBalancerArn ?? '';
  const acm = new ACM(clientOf(lab.sandbox, REGION));
  const { CertificateArn } = await acm.importCertificate({
    Certificate: Buffer.from(CERTIFICATE.certificate), PrivateKey: Buffer.from(CERTIFICATE.privateKey),
  });
  const Port = await freePort();
  await lab.elb.createListener({
    LoadBalancerArn: loadBalancer, Protocol: 'HTTPS', Port, Certificates: [{ CertificateArn }], DefaultActions: [forward([TargetGroupArn, 1])],
  });
  const image = `127.0.0.1:${lab.sandbox.port}/demo/server@${digest}`;
  const loadBalancers = [{ targetGroupArn: TargetGroupArn, containerName: 'server', containerPort: 8080 }];
  await lab.createService(name, await lab.register(tag, { image }), { loadBalancers, desiredCount: 1 });
  return {
    name,
    client: caller({ port: Port }),
    loadBalancer,
    async health() {
      const { TargetHealthDescriptions = [] } = await lab.elb.describeTargetHealth({ TargetGroupArn });
      return { health: TargetHealthDescriptions.map(({ TargetHealth }) => TargetHealth) };
    },
  };
}

test('never becomes healthy: its checks have the status UNAVAILABLE', async () => {
  await order(lab, 'grpc-sick', 'unhealthy');
  const { name, health } = await deploy('grpc-sick');
  const failed = { State: 'unhealthy', Reason: 'Target.ResponseCodeMismatch', Description: 'Health checks failed with these codes: [14]' };
  await eventually(health, { health: expect.arrayContaining([failed]) });
  const service = await lab.until(name, (now) => messages(now).some((text) => text.includes('is unhealthy')));
  expect(messages(service)).toContain('(task ID) (port 8080) is unhealthy in (target-group ARN) due to (reason Health checks failed with these codes: [14]).');
});

test('answers with errors: a status of gRPC, which CloudWatch counts as HTTP 200; its health checks pass', async () => {
  const { name, client, health, loadBalancer } = await deploy('grpc-errors');
  await lab.until(name, isCompleted);
  await order(lab, 'grpc-errors', { answer: 503, rate: 0.5 });
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => client.hail()));
  const bad = outcomes.filter(({ code }) => code === UNAVAILABLE);
  expect(outcomes.filter(({ code, answers }) => code === OK && answers[0] === 'grpc-errors')).toHaveLength(200 - bad.length);
  // Of 200 by chance: 5 standard deviations.
  expect(Math.abs(bad.length - 100)).toBeLessThan(36);
  expect(hits(lab)).toEqual([bad.length]);
  expect(bad[0]?.details).toBe('503, as ordered from the sandbox');
  expect(await health()).toEqual({ health: [{ State: 'healthy' }] });
  expect(await counts(loadBalancer, ['HTTPCode_Target_2XX_Count', 'HTTPCode_Target_5XX_Count'], 200)).toEqual([200, 0]);
});

test.each([[500, UNKNOWN], [400, INTERNAL], [200, UNKNOWN]])('ordered to answer %d, it has the status %d', async (status, code) => {
  const tag = `grpc-${status}`;
  const { name, client } = await deploy(tag);
  await lab.until(name, isCompleted);
  await order(lab, tag, { answer: status });
  expect(await client.hail()).toMatchObject({ code, answers: [] });
});

test('is slow, and is itself again when that is cleared; what runs meanwhile goes on', async () => {
  const { name, client } = await deploy('grpc-slow');
  await lab.until(name, isCompleted);
  const before = client.talk();
  before.send('one');
  await until(() => before.answers.length === 1);
  await order(lab, 'grpc-slow', { slowMs: 400 });
  const started = performance.now();
  expect(await client.hail()).toMatchObject({ code: OK, answers: ['grpc-slow'], headers: { 'x-head': 'high' } });
  expect(performance.now() - started).toBeGreaterThan(395);
  expect(await client.hail('boat', { deadline: Date.now() + 100 })).toMatchObject({ code: DEADLINE_EXCEEDED });
  const through = client.talk();
  through.send('one');
  await until(() => through.answers.length === 1);
  lab.sandbox.faults.clear();
  for (const talk of [before, through]) {
    talk.send('two');
    talk.end();
    expect(await talk.outcome).toMatchObject({ code: OK, answers: ['grpc-slow', 'grpc-slow'] });
  }
  expect(await client.hail()).toMatchObject({ code: OK, trailers: { 'x-seen': '/harbour.Quay/Hail,balancer.test,' } });
});

test('passes calls on as they are while something is ordered for others', async () => {
  const { name, client } = await deploy('grpc-through');
  await lab.until(name, isCompleted);
  await order(lab, 'grpc-through', 'unhealthy', { afterRequests: 1_000 });
  const metadata = new Metadata();
  metadata.set('x-boat', 'north');
  expect(await client.hail('boat', {}, metadata)).toMatchObject({
    code: OK, answers: ['grpc-through'], headers: { 'x-head': 'high' }, trailers: { 'x-seen': '/harbour.Quay/Hail,balancer.test,north' },
  });
  const talk = client.talk();
  for (let i = 1; i <= 5; i++) {
    talk.send('word');
    await until(() => talk.answers.length === i);
  }
  talk.end();
  expect(await talk.outcome).toMatchObject({ code: OK, answers: Array(5).fill('grpc-through') });
});

test('crashes with its nth call, which is lost with the others that run: UNAVAILABLE', async () => {
  const { name, client } = await deploy('grpc-crash');
  await lab.until(name, isCompleted);
  await order(lab, 'grpc-crash', 'crash', { afterRequests: 3 });
  const talk = client.talk();
  talk.send('one');
  await until(() => talk.answers.length === 1);
  const codes = [(await client.hail()).code, (await client.hail()).code, (await talk.outcome).code];
  expect(codes).toEqual([OK, UNAVAILABLE, UNAVAILABLE]);
  await eventually(async () => lab.tasks(name, 'STOPPED'), expect.arrayContaining([expect.objectContaining({ stopCode: 'EssentialContainerExited' })]));
});

test('ordering and clearing lose no call of a constant load', async () => {
  const { name, client } = await deploy('grpc-load');
  await lab.until(name, isCompleted);
  const over = new AbortController();
  const load = (async () => {
    const codes = new Set<number>();
    while (!over.signal.aborted) for (const { code } of await Promise.all(Array.from({ length: 20 }, () => client.hail()))) codes.add(code);
    return [...codes];
  })();
  for (let n = 0; n < 10; n += 1) {
    await order(lab, 'grpc-load', { slowMs: 1, rate: 0.5 });
    await until(() => (hits(lab)[0] ?? 0) > 0);
    expect(hits(lab)[0]).toBeGreaterThan(0);
    lab.sandbox.faults.clear();
  }
  over.abort();
  expect(await load).toEqual([OK]);
});

/** Sums of metrics of a load balancer, once the first of them is as high as `first`: with this clock some seconds later. */
async function counts(loadBalancer: string, names: readonly string[], first: number): Promise<number[]> {
  const cloudWatch = new CloudWatch(clientOf(lab.sandbox, REGION));
  const Dimensions = [{ Name: 'LoadBalancer', Value: loadBalancer.replace(/.*:loadbalancer\//, '') }];
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { MetricDataResults = [] } = await cloudWatch.getMetricData({
      MetricDataQueries: names.map((MetricName, i) => (
        { Id: `m${i}`, MetricStat: { Metric: { Namespace: 'AWS/ApplicationELB', MetricName, Dimensions }, Period: 60, Stat: 'Sum' } })),
      StartTime: new Date(Date.now() - 600_000),
      EndTime: new Date(Date.now() + 60_000),
    });
    const sums = MetricDataResults.map(({ Values = [] }) => Values.reduce((sum, value) => sum + value, 0));
    if ((sums[0] ?? 0) >= first || Date.now() > deadline) return sums;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
