/** ECS services as an SDK client and a user of the load balancer see them: real tasks that are started, rolled, drained. */
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import type { Service } from '@aws-sdk/client-ecs';
import { CLUSTER, type EcsLab, REGION, messages, openEcsLab } from './ecs-lab.ts';

let lab: EcsLab;

beforeAll(async () => {
  process.env['SANDBOX_SECRET'] = 'not for tasks';
  lab = await openEcsLab();
});

afterAll(() => lab.end());

const isCompleted = ({ deployments = [] }: Service) => deployments.length === 1 && deployments[0]?.rolloutState === 'COMPLETED';
const isSteadyAt = (count: number) => (service: Service) => (
  service.runningCount === count && service.events?.[0]?.message?.endsWith('has reached a steady state.') === true
);

test('an empty service takes a version: 0 to 2 tasks, registered and healthy in both zones', async () => {
  const { loadBalancers, targets, url } = await lab.balance('empty');
  await lab.createService('empty', await lab.register('0.8'), { desiredCount: 0, loadBalancers });
  await lab.until('empty', isCompleted);

  const taskDefinition = await lab.register('0.9');
  const updated = await lab.update('empty', { taskDefinition, desiredCount: 2 });
  expect(updated).toMatchObject({ desiredCount: 2, runningCount: 0, taskDefinition });
  expect(updated.deployments).toEqual([
    expect.objectContaining({ status: 'PRIMARY', taskDefinition, desiredCount: 0, rolloutState: 'IN_PROGRESS' }),
    expect.objectContaining({ status: 'ACTIVE', desiredCount: 0, rolloutState: 'COMPLETED' }),
  ]);

  const service = await lab.until('empty', isCompleted);
  expect(service).toMatchObject({ runningCount: 2, pendingCount: 0 });
  expect(service.deployments?.[0]?.rolloutStateReason).toBe(`ECS deployment ${service.deployments?.[0]?.id} completed.`);
  expect(messages(await lab.until('empty', isSteadyAt(2)))).toEqual([
    '(deployment ecs-svc/ID) deployment completed.',
    'has reached a steady state.',
    'has started 2 tasks: (task ID) (task ID).',
    'registered 2 targets in (target-group ARN)',
    '(deployment ecs-svc/ID) deployment completed.',
    'has reached a steady state.',
  ]);
  expect((await targets()).map(({ Target, TargetHealth }) => `${Target?.Port} ${Target?.AvailabilityZone} ${TargetHealth?.State}`)).toEqual(
    expect.arrayContaining([`8080 ${REGION}a healthy`, `8080 ${REGION}b healthy`]),
  );
  expect(await (await fetch(url)).text()).toBe('0.9');
});

test('a task has its own address and shows its life as AWS does', async () => {
  const taskDefinition = await lab.register('0.9');
  await lab.createService('one', taskDefinition, { desiredCount: 1 });
  await lab.until('one', ({ runningCount }) => runningCount === 1);
  const [task] = await lab.tasks('one');
  const address = task?.attachments?.[0]?.details?.find(({ name }) => name === 'privateIPv4Address')?.value;
  expect(address).toMatch(/^10\.0\.\d+\.\d+$/);
  expect(task).toMatchObject({
    lastStatus: 'RUNNING',
    desiredStatus: 'RUNNING',
    group: 'service:one',
    taskDefinitionArn: taskDefinition,
    launchType: 'FARGATE',
    cpu: '256',
    memory: '512',
    attachments: [{ type: 'ElasticNetworkInterface', status: 'ATTACHED' }],
    containers: [{ name: 'server', lastStatus: 'RUNNING', healthStatus: 'UNKNOWN', networkInterfaces: [{ privateIpv4Address: address }] }],
  });
  const times = [task?.createdAt, task?.pullStartedAt, task?.pullStoppedAt, task?.startedAt].map(Number);
  expect(times).toEqual(times.toSorted((one, other) => one - other));
});

test('a task gets its definition\'s environment, PORT and HOST, and nothing of the sandbox\'s own', async () => {
  const { loadBalancers, url } = await lab.balance('env');
  await lab.createService('env', await lab.register('0.9', {
    environment: [{ name: 'VERSION', value: '0.9' }, { name: 'PORT', value: '8080' }],
  }), { desiredCount: 1, loadBalancers });
  await lab.until('env', isCompleted);
  const env: unknown = await (await fetch(`${url}/env`)).json();
  expect(env).toMatchObject({ VERSION: '0.9', HOST: '127.0.0.1', PORT: expect.not.stringMatching(/^8080$/) });
  expect(env).not.toHaveProperty('SANDBOX_SECRET');
});

test('a new version replaces the old one start-first: users see no error, and the old one only before the new one', async () => {
  const { loadBalancers, url } = await lab.balance('rolled');
  await lab.createService('rolled', await lab.register('0.9'), { loadBalancers });
  const before = messages(await lab.until('rolled', isSteadyAt(2)));

  const seen: string[] = [];
  const rolled = new AbortController();
  const user = useUntil(rolled.signal, url, seen);
  let fewest = 2;
  await lab.update('rolled', { taskDefinition: await lab.register('1.0') });
  await lab.until('rolled', (service) => {
    fewest = Math.min(fewest, service.runningCount ?? 0);
    return isCompleted(service);
  });
  rolled.abort();
  await user;

  expect(new Set(seen)).toEqual(new Set(['0.9', '1.0']));
  expect(seen[0]).toBe('0.9');
  expect(seen.at(-1)).toBe('1.0');
  expect(fewest).toBe(2);
  const events = messages(await lab.until('rolled', isSteadyAt(2))).slice(before.length);
  expect(events.slice(0, 3)).toEqual([
    'has started 2 tasks: (task ID) (task ID).',
    'registered 2 targets in (target-group ARN)',
    expect.stringMatching(/^has stopped [12] running tasks: /),
  ]);
  expect(events.slice(-2)).toEqual(['(deployment ecs-svc/ID) deployment completed.', 'has reached a steady state.']);
});

test('a service scaled to 0 drains: its tasks serve until their targets are gone, and only then are told to end', async () => {
  const logs = new CloudWatchLogs({ region: REGION, endpoint: lab.sandbox.url, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  await logs.createLogGroup({ logGroupName: '/demo/drained' });
  const { loadBalancers, targets } = await lab.balance('drained');
  await lab.createService('drained', await lab.register('0.9', {
    logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '/demo/drained', 'awslogs-region': REGION, 'awslogs-stream-prefix': 'app' } },
  }), { loadBalancers, desiredCount: 1 });
  await lab.until('drained', isCompleted);
  const [running] = await lab.tasks('drained');
  const logStreamName = `app/server/${running?.taskArn?.split('/').at(-1)}`;
  const lines = async () => (await logs.getLogEvents({ logGroupName: '/demo/drained', logStreamName })).events?.map(({ message }) => message);

  const updated = await lab.update('drained', { desiredCount: 0 });
  expect(updated.deployments).toHaveLength(1);
  await lab.until('drained', ({ runningCount }) => runningCount === 0);
  expect((await targets()).map(({ TargetHealth }) => TargetHealth?.State)).toEqual(['draining']);
  expect((await lab.tasks('drained', 'STOPPED'))[0]).toMatchObject({ lastStatus: 'DEACTIVATING' });
  expect(await lines()).toEqual(['version 0.9 starts']);

  const { ecs } = lab;
  await waitFor(async () => (await ecs.describeTasks({ cluster: CLUSTER, tasks: [running?.taskArn ?? ''] })).tasks?.[0]?.lastStatus === 'STOPPED');
  expect((await lab.tasks('drained', 'STOPPED'))[0]).toMatchObject({
    stopCode: 'ServiceSchedulerInitiated',
    stoppedReason: expect.stringMatching(/^Scaling activity initiated by \(deployment ecs-svc\/\d{19}\)$/),
    containers: [{ lastStatus: 'STOPPED', exitCode: 0 }],
  });
  expect(await targets()).toEqual([]);
  expect(await lines()).toEqual(['version 0.9 starts', 'ends']);
  expect(messages(await lab.describe('drained')).slice(4)).toEqual([
    'has stopped 1 running tasks: (task ID).',
    'deregistered 1 targets in (target-group ARN)',
    '(service drained, taskSet ecs-svc/ID) has begun draining connections on 1 tasks.',
    'has reached a steady state.',
  ]);
});

test('a deleted service drains, then is inactive; its name is free again only then', async () => {
  const taskDefinition = await lab.register('0.9');
  await lab.createService('deleted', taskDefinition, { desiredCount: 1 });
  await lab.until('deleted', ({ runningCount }) => runningCount === 1);
  const remove = (force?: boolean) => lab.ecs.deleteService({ cluster: CLUSTER, service: 'deleted', force });
  await expect(remove()).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: 'The service cannot be stopped while the primary deployment is scaled above 0.',
  });

  expect((await remove(true)).service).toMatchObject({ status: 'DRAINING', desiredCount: 0 });
  await expect(lab.createService('deleted', taskDefinition)).rejects.toMatchObject({
    message: 'Unable to Start a service that is still Draining.',
  });
  await expect(lab.update('deleted', { desiredCount: 1 })).rejects.toMatchObject({ name: 'ServiceNotActiveException' });
  expect((await lab.ecs.listServices({ cluster: CLUSTER })).serviceArns?.some((arn) => arn.endsWith('/deleted'))).toBe(false);

  await lab.until('deleted', ({ status }) => status === 'INACTIVE');
  expect(await lab.createService('deleted', taskDefinition, { desiredCount: 0 })).toMatchObject({ status: 'ACTIVE' });
});

test('a restart of the sandbox while tasks stop does not keep them', async () => {
  const { loadBalancers, targets } = await lab.balance('stopping');
  await lab.createService('stopping', await lab.register('0.9'), { loadBalancers });
  await lab.until('stopping', isSteadyAt(2));
  await lab.update('stopping', { desiredCount: 0 });
  await lab.until('stopping', ({ runningCount }) => runningCount === 0);
  await lab.restart();

  await waitFor(async () => (await lab.tasks('stopping', 'STOPPED')).every(({ lastStatus }) => lastStatus === 'STOPPED'));
  expect(await lab.tasks('stopping')).toEqual([]);
  expect(await targets()).toEqual([]);
});

test('after a restart of the sandbox the same tasks serve again', async () => {
  const { loadBalancers, url, targets } = await lab.balance('kept');
  await lab.createService('kept', await lab.register('0.9'), { loadBalancers });
  await lab.until('kept', isSteadyAt(2));
  const before = (await lab.tasks('kept')).map(({ taskArn }) => taskArn);
  await lab.restart();

  await waitFor(async () => (await targets()).every(({ TargetHealth }) => TargetHealth?.State === 'healthy'));
  expect((await lab.tasks('kept')).map(({ taskArn }) => taskArn)).toEqual(before);
  expect(await (await fetch(url)).text()).toBe('0.9');
  expect((await lab.describe('kept')).deployments).toHaveLength(1);
});

/** Sends one request after the other, and notes each answer's version, or its status. */
async function useUntil(end: AbortSignal, url: string, seen: string[]): Promise<void> {
  while (!end.aborted) {
    const answer = await fetch(url);
    seen.push(answer.ok ? await answer.text() : String(answer.status));
  }
}

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error('it does not come to pass');
    }
    await new Promise((later) => setTimeout(later, 20));
  }
}
