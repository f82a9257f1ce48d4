/** Targets: registration, health checks, draining, as DescribeTargetHealth tells of them. */
import type { IncomingMessage, RequestListener } from 'node:http';
import { eventually, forward, HEALTHY, type Lab, openLab, says } from './load-balancing.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ speed: 50 });
});
afterEach(() => lab.end());



/** For what would be over before anybody could look: AWS's time passes twice as fast as ours only. */
async function atEase(): Promise<void> {
  await lab.end();
  lab = await openLab({ speed: 2 });
}

/** A target group that a listener forwards to. */
async function usedGroup(settings: Parameters<Lab['targetGroup']>[0] = {}) {
  const group = await lab.targetGroup(settings);
  await lab.listener(await lab.loadBalancer(), [forward([group, 1])]);
  return group;
}

/** A server whose status can be changed, with the requests it saw. */
function adjustable(status: number) {
  const seen: IncomingMessage[] = [];
  const state = { status, seen, answer: ((request, response) => {
    seen.push(request);
    response.writeHead(state.status).end();
  }) satisfies RequestListener };
  return state;
}

test('a new target is registered, checked, and healthy after its first passed check', async () => {
  await atEase();
  const group = await usedGroup({ HealthyThresholdCount: 5 });
  let checks = 0;
  const target = await lab.target(group, (_request, response) => {
    checks += 1;
    setTimeout(() => response.end(), 50);
  });
  const states: string[] = [];
  await eventually(async () => {
    const health = await lab.health(group, target);
    const text = [health?.State, health?.Reason, health?.Description].filter(Boolean).join(' | ');
    if (states.at(-1) !== text) states.push(text);
    return health;
  }, HEALTHY);
  expect(states).toEqual([
    'initial | Elb.RegistrationInProgress | Target registration is in progress',
    'initial | Elb.InitialHealthChecking | Initial health checks in progress',
    'healthy',
  ]);
  expect(checks).toBe(1);
});

test('a check asks as an Application Load Balancer does', async () => {
  const group = await usedGroup({ HealthCheckPath: '/ping?deep=1' });
  const server = adjustable(200);
  const target = await lab.target(group, server.answer);
  await eventually(() => lab.health(group), HEALTHY);
  expect(server.seen[0]).toMatchObject({
    method: 'GET',
    url: '/ping?deep=1',
    headers: { host: `${target.Id}:8080`, 'user-agent': 'ELB-HealthChecker/2.0', connection: 'close' },
  });
});

test('thresholds: unhealthy after as many failures, healthy again after as many passes', async () => {
  const group = await usedGroup({ UnhealthyThresholdCount: 3, HealthyThresholdCount: 4 });
  const server = adjustable(200);
  await lab.target(group, server.answer);
  await eventually(() => lab.health(group), HEALTHY);

  server.status = 503;
  server.seen.length = 0;
  const failed = { State: 'unhealthy', Reason: 'Target.ResponseCodeMismatch', Description: 'Health checks failed with these codes: [503]' };
  await eventually(() => lab.health(group), failed);
  expect(server.seen.length).toBeGreaterThanOrEqual(3);

  server.status = 200;
  server.seen.length = 0;
  await eventually(() => lab.health(group), HEALTHY);
  expect(server.seen.length).toBeGreaterThanOrEqual(4);
});

test.each([
  ['200', 200, true],
  ['200', 204, false],
  ['200-299', 204, true],
  ['200-299', 301, false],
  ['200,202', 202, true],
  ['200,202', 201, false],
])('matcher %s: a target that answers %d is healthy: %s', async (HttpCode, status, healthy) => {
  const group = await usedGroup({ Matcher: { HttpCode } });
  await lab.target(group, adjustable(status).answer);
  await eventually(() => lab.health(group), { State: healthy ? 'healthy' : 'unhealthy' });
});

test('a target that does not answer in time, and one that refuses connections', async () => {
  const group = await usedGroup();
  const silent = await lab.target(group, () => undefined);
  const closed = await lab.target(group, says('up'));
  closed.server.close();
  closed.server.closeAllConnections();
  await eventually(() => lab.health(group, closed), {
    State: 'unhealthy',
    Reason: 'Target.FailedHealthChecks',
    Description: 'Health checks failed',
  });
  await eventually(() => lab.health(group, silent), { State: 'unhealthy', Reason: 'Target.Timeout', Description: 'Request timed out' });
});

test('an address behind which nothing runs is unhealthy', async () => {
  const TargetGroupArn = await usedGroup();
  await lab.elb.registerTargets({ TargetGroupArn, Targets: [{ Id: '10.9.9.9' }] });
  await eventually(() => lab.health(TargetGroupArn), { State: 'unhealthy', Reason: 'Target.FailedHealthChecks' });
});

test('a group in no rule is not checked; attached at weight 0 it is', async () => {
  const idle = await lab.targetGroup();
  const busy = await lab.targetGroup();
  const server = adjustable(200);
  await lab.target(idle, server.answer);
  await lab.target(busy, says('busy'));
  const ListenerArn = await lab.listener(await lab.loadBalancer(), [forward([busy, 1])]);
  await eventually(() => lab.health(busy), HEALTHY);
  expect(await lab.health(idle)).toEqual({
    State: 'unused',
    Reason: 'Target.NotInUse',
    Description: 'Target group is not configured to receive traffic from the load balancer',
  });
  expect(server.seen).toHaveLength(0);

  await lab.elb.modifyListener({ ListenerArn, DefaultActions: [forward([busy, 1], [idle, 0])] });
  await eventually(() => lab.health(idle), HEALTHY);

  await lab.elb.modifyListener({ ListenerArn, DefaultActions: [forward([busy, 1])] });
  expect(await lab.health(idle)).toMatchObject({ State: 'unused', Reason: 'Target.NotInUse' });
});

test('a deregistered target drains for the deregistration delay, idle or not, and is gone then', async () => {
  const TargetGroupArn = await usedGroup();
  const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '15' }];
  await lab.elb.modifyTargetGroupAttributes({ TargetGroupArn, Attributes });
  const { Id, Port } = await lab.target(TargetGroupArn, says('up'));
  await eventually(() => lab.health(TargetGroupArn), HEALTHY);

  const began = performance.now();
  await lab.elb.deregisterTargets({ TargetGroupArn, Targets: [{ Id, Port }] });
  expect(await lab.health(TargetGroupArn)).toEqual({
    State: 'draining',
    Reason: 'Target.DeregistrationInProgress',
    Description: 'Target deregistration is in progress',
  });
  await eventually(() => lab.elb.describeTargetHealth({ TargetGroupArn }), { TargetHealthDescriptions: [] });
  expect(performance.now() - began).toBeGreaterThanOrEqual(15_000 / 50 - 5);
  const asked = await lab.elb.describeTargetHealth({ TargetGroupArn, Targets: [{ Id, Port }] });
  expect(asked.TargetHealthDescriptions).toEqual([
    {
      Target: { Id, Port },
      HealthCheckPort: '8080',
      TargetHealth: { State: 'unused', Reason: 'Target.NotRegistered', Description: 'Target is not registered to the target group' },
    },
  ]);
});

test('a draining target that is registered again starts anew', async () => {
  await atEase();
  const TargetGroupArn = await usedGroup();
  const { Id, Port } = await lab.target(TargetGroupArn, says('up'));
  await eventually(() => lab.health(TargetGroupArn), HEALTHY);
  await lab.elb.deregisterTargets({ TargetGroupArn, Targets: [{ Id, Port }] });
  await lab.elb.registerTargets({ TargetGroupArn, Targets: [{ Id, Port }] });
  expect(await lab.health(TargetGroupArn)).toMatchObject({ State: 'initial', Reason: 'Elb.RegistrationInProgress' });
  await eventually(() => lab.health(TargetGroupArn), HEALTHY);
});

test('registrations survive a restart, health is found out anew', async () => {
  await atEase();
  const group = await usedGroup();
  await lab.target(group, says('up'));
  await eventually(() => lab.health(group), HEALTHY);
  await lab.restart();
  expect(await lab.health(group)).toMatchObject({ State: 'initial' });
  await eventually(() => lab.health(group), HEALTHY);
});
