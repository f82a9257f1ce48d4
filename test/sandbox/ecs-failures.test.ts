/** ECS services whose versions are bad: they crash, never get healthy, can't be pulled or started. */
import type { Service, Task } from '@aws-sdk/client-ecs';
import { type EcsLab, messages, openEcsLab } from './ecs-lab.ts';

let lab: EcsLab;

beforeAll(async () => {
  lab = await openEcsLab(SPEED);
});

afterAll(() => lab.end());

const SPEED = 100;
const BREAKER = { deploymentCircuitBreaker: { enable: true, rollback: false } };
const isCompleted = ({ deployments = [] }: Service) => deployments.length === 1 && deployments[0]?.rolloutState === 'COMPLETED';
const isTired = (service: Service) => messages(service).includes('is unable to consistently start tasks successfully.');
const inMode = (mode: string) => ({ environment: [{ name: 'VERSION', value: mode }, { name: 'MODE', value: mode }] });

test('a version that crashes at once is tried again until the circuit breaker fails it; the old one serves on', async () => {
  const { loadBalancers, url } = await lab.balance('crash');
  await lab.createService('crash', await lab.register('0.9'), { loadBalancers, deploymentConfiguration: BREAKER });
  await lab.until('crash', isCompleted);
  await lab.update('crash', { taskDefinition: await lab.register('crash', inMode('crash')) });

  const failed = await lab.until('crash', ({ deployments, runningCount, pendingCount }) => (
    deployments?.[0]?.rolloutState === 'FAILED' && runningCount === 2 && pendingCount === 0
  ));
  expect(failed.deployments).toEqual([
    expect.objectContaining({ status: 'PRIMARY', runningCount: 0, rolloutStateReason: 'ECS deployment circuit breaker: tasks failed to start.' }),
    expect.objectContaining({ status: 'ACTIVE', runningCount: 2, rolloutState: 'COMPLETED' }),
  ]);
  expect(failed.deployments?.[0]?.failedTasks).toBeGreaterThanOrEqual(3);
  expect(messages(failed)).toContain('(deployment ecs-svc/ID) deployment failed: tasks failed to start.');
  expect((await lab.tasks('crash', 'STOPPED'))[0]).toMatchObject({
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    containers: [{ exitCode: 3 }],
  });
  expect(await (await fetch(url)).text()).toBe('0.9');
});

test('the circuit breaker\'s rollback brings the version back that completed last', async () => {
  const first = await lab.register('0.9');
  await lab.createService('back', first, {
    desiredCount: 1, deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
  });
  const { deployments } = await lab.until('back', isCompleted);
  const completed = deployments?.[0]?.id;
  await lab.update('back', { taskDefinition: await lab.register('crash', inMode('crash')) });

  const rolledBack = await lab.until('back', ({ taskDefinition }) => taskDefinition === first);
  expect(rolledBack.deployments?.[0]).toMatchObject({
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: `ECS deployment circuit breaker: rolling back to deploymentId ${completed}.`,
  });
  expect(messages(rolledBack)).toContain('rolling back to deployment ecs-svc/ID.');
  expect(await lab.until('back', isCompleted)).toMatchObject({ runningCount: 1, taskDefinition: first });
});

test('without a circuit breaker ECS never gives up, but restarts at ever longer intervals and says so', async () => {
  await lab.createService('again', await lab.register('0.9', { image: '127.0.0.1:1/demo/server:none' }), { desiredCount: 1 });
  const service = await lab.until('again', isTired);
  expect(service.deployments?.[0]).toMatchObject({ rolloutState: 'IN_PROGRESS', failedTasks: 3 });
  expect(messages(service)).toContainEqual(expect.stringMatching(/^was unable to place a task\. Reason: CannotPullContainerError: /));
  const starts = (service.events ?? []).filter(({ message }) => message?.includes('has started')).map(({ createdAt }) => Number(createdAt)).toReversed();
  const waits = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
  expect(waits).toHaveLength(3);
  expect(waits[2]).toBeGreaterThan((waits[0] ?? 0) + 20_000 / SPEED);
});

test('a version that never gets healthy is replaced start-first, task by task, until the circuit breaker fails it', async () => {
  const { loadBalancers } = await lab.balance('sick');
  await lab.createService('sick', await lab.register('sick', inMode('sick')), {
    loadBalancers, desiredCount: 1, healthCheckGracePeriodSeconds: 20, deploymentConfiguration: BREAKER,
  });
  const failed = await lab.until('sick', ({ deployments, runningCount }) => deployments?.[0]?.rolloutState === 'FAILED' && runningCount === 0);
  const events = messages(failed);
  const unhealthy = '(task ID) (port 8080) is unhealthy in (target-group ARN) due to (reason Health checks failed with these codes: [503]).';
  expect(events.slice(0, 5)).toEqual([
    'has started 1 tasks: (task ID).',
    'registered 1 targets in (target-group ARN)',
    'has started 1 tasks: (task ID). Amazon ECS replaced 1 tasks due to an unhealthy status.',
    'registered 1 targets in (target-group ARN)',
    unhealthy,
  ]);
  const [stopped] = (await lab.tasks('sick', 'STOPPED')).toSorted(byCreation);
  expect(stopped).toMatchObject({
    stopCode: 'ServiceSchedulerInitiated',
    stoppedReason: `Task failed ELB health checks in (target-group ${loadBalancers[0]?.targetGroupArn})`,
  });
  // The grace period is 20 s of AWS time.
  expect(Number(stopped?.stoppingAt) - Number(stopped?.startedAt)).toBeGreaterThan(20_000 / SPEED);
});

test('a task that dies while it serves is replaced', async () => {
  const { loadBalancers, url } = await lab.balance('dies');
  await lab.createService('dies', await lab.register('0.9'), { loadBalancers, desiredCount: 1 });
  await lab.until('dies', isCompleted);
  const [victim] = await lab.tasks('dies');
  await fetch(`${url}/crash`);

  await lab.until('dies', ({ runningCount, events }) => runningCount === 1 && events?.filter(({ message }) => message?.includes('has started')).length === 2);
  const [stopped] = await lab.tasks('dies', 'STOPPED');
  expect(stopped).toMatchObject({ taskArn: victim?.taskArn, stopCode: 'EssentialContainerExited', containers: [{ exitCode: 4 }] });
  expect((await lab.describe('dies')).deployments?.[0]).toMatchObject({ rolloutState: 'COMPLETED', failedTasks: 0 });
});

const unstartable: [string, Parameters<EcsLab['register']>[1], Parameters<EcsLab['register']>[2], object][] = [
  ['an image that is not there', { image: '127.0.0.1:1/demo/server:none' }, {}, {
    stopCode: 'TaskFailedToStart',
    stoppedReason: 'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref '
      + '127.0.0.1:1/demo/server:none: 127.0.0.1:1/demo/server:none: not found',
  }],
  ['a command that is not in the image', { command: ['serve'] }, {}, {
    stopCode: 'TaskFailedToStart',
    stoppedReason: 'Task failed to start',
    containers: [{ reason: expect.stringMatching(/^CannotStartContainerError: .* exec: "serve": executable file not found in \$PATH: unknown$/) }],
  }],
  ['a log group that is not there', { logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': 'none' } } }, {}, {
    stopCode: 'TaskFailedToStart',
    stoppedReason: expect.stringMatching(/^ResourceInitializationError: failed to validate logger args: .* The specified log group does not exist/),
  }],
  ['a secret that is not there', { secrets: [{ name: 'KEY', valueFrom: '/none' }] }, {}, {
    stopCode: 'TaskFailedToStart',
    stoppedReason: expect.stringMatching(/^ResourceInitializationError: unable to pull secrets or registry auth: .* invalid ssm parameters: \/none$/),
  }],
  ['an image for another processor', {}, { runtimePlatform: { cpuArchitecture: 'ARM64' } }, {
    stopCode: 'EssentialContainerExited',
    containers: [{ exitCode: 255 }],
  }],
];

test.each(unstartable)('%s keeps a task from starting, and the task says so', async (name, container, definition, expected) => {
  const serviceName = name.replaceAll(' ', '-');
  await lab.createService(serviceName, await lab.register('0.9', container, definition), { desiredCount: 1 });
  await lab.until(serviceName, ({ deployments }) => (deployments?.[0]?.failedTasks ?? 0) > 0);
  expect((await lab.tasks(serviceName, 'STOPPED'))[0]).toMatchObject(expected);
});

test('a service on EC2 places no task: there is no container instance', async () => {
  await lab.createService('ec2', await lab.register('0.9'), { launchType: 'EC2', desiredCount: 1 });
  const service = await lab.until('ec2', ({ events = [] }) => events.length > 0);
  expect(messages(service)[0]).toBe(
    'was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster.',
  );
  expect(service).toMatchObject({ runningCount: 0, pendingCount: 0 });
});

function byCreation(one: Task, other: Task): number {
  return Number(one.createdAt) - Number(other.createdAt);
}
