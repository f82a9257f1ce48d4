/** The ECS API as the SDK's client sees it: names, refusals, pages, tags. */
import { paginateListTaskDefinitions } from '@aws-sdk/client-ecs';
import { CLUSTER, type EcsLab, openEcsLab } from './ecs-lab.ts';

let lab: EcsLab;

const refusal = (message: string, name = 'InvalidParameterException') => ({ name, message });

beforeAll(async () => {
  lab = await openEcsLab();
});

afterAll(() => lab.end());

test('a cluster is found by name and ARN, made once, and not deleted while it has services', async () => {
  const { cluster } = await lab.ecs.createCluster({ clusterName: 'second', tags: [{ key: 'team', value: 'a' }] });
  expect(cluster).toMatchObject({ clusterName: 'second', status: 'ACTIVE', runningTasksCount: 0, activeServicesCount: 0 });
  expect((await lab.ecs.createCluster({ clusterName: 'second' })).cluster?.clusterArn).toBe(cluster?.clusterArn);
  const { clusters, failures } = await lab.ecs.describeClusters({ clusters: [cluster?.clusterArn ?? '', 'none'], include: ['TAGS'] });
  expect(clusters).toMatchObject([{ clusterName: 'second', tags: [{ key: 'team', value: 'a' }] }]);
  expect(failures).toEqual([{ arn: cluster?.clusterArn?.replace('second', 'none'), reason: 'MISSING' }]);

  await lab.createService('s', await lab.register('1'), { cluster: 'second', desiredCount: 0 });
  await expect(lab.ecs.deleteCluster({ cluster: 'second' })).rejects.toMatchObject({
    name: 'ClusterContainsServicesException',
    message: 'The Cluster cannot be deleted while Services are active.',
  });
  await expect(lab.ecs.listServices({ cluster: 'none' })).rejects.toMatchObject({ name: 'ClusterNotFoundException', message: 'Cluster not found.' });
});

test('a registered task definition comes back with what AWS adds; a revision never comes twice', async () => {
  const arn = await lab.register('1', {}, { family: 'added', cpu: '.5 vCPU', memory: '1 GB', tags: [{ key: 'a', value: 'b' }] });
  const { taskDefinition, tags } = await lab.ecs.describeTaskDefinition({ taskDefinition: 'added', include: ['TAGS'] });
  expect(taskDefinition).toMatchObject({
    taskDefinitionArn: arn,
    revision: 1,
    status: 'ACTIVE',
    cpu: '512',
    memory: '1024',
    compatibilities: ['EC2', 'FARGATE'],
    requiresCompatibilities: ['FARGATE'],
    requiresAttributes: expect.arrayContaining([{ name: 'ecs.capability.task-eni' }]),
    registeredAt: expect.any(Date),
    containerDefinitions: [{ essential: true, portMappings: [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }], mountPoints: [] }],
  });
  expect(tags).toEqual([{ key: 'a', value: 'b' }]);

  await lab.ecs.deregisterTaskDefinition({ taskDefinition: arn });
  expect((await lab.ecs.describeTaskDefinition({ taskDefinition: arn })).taskDefinition?.status).toBe('INACTIVE');
  await expect(lab.ecs.describeTaskDefinition({ taskDefinition: 'added' })).rejects.toMatchObject({
    name: 'ClientException', message: 'Unable to describe task definition.',
  });
  expect(await lab.register('2', {}, { family: 'added' })).toBe(arn.replace(/1$/, '2'));
});

test.each([
  ['a size Fargate does not have', {}, { memory: '4096' }, /^No Fargate configuration exists for given values/],
  ['no size', {}, { cpu: undefined }, /^Fargate requires that 'cpu' be defined at the task level\.$/],
  ['another network mode', {}, { networkMode: 'bridge' as const }, /^Fargate only supports network mode/],
  ['no execution role', {}, { executionRoleArn: undefined }, /^Fargate requires task definition to have execution role ARN to support ECR images\.$/],
  ['a name with a space', { name: 'a b' }, {}, /^Container\.name contains invalid characters\.$/],
  ['no image', { image: '' }, {}, /^Container\.image should not be null or empty\.$/],
  ['another host port', { portMappings: [{ containerPort: 80, hostPort: 81 }] }, {}, /^When networkMode=awsvpc, the host ports/],
  ['a family with a slash', {}, { family: 'a/b' }, /^Family contains invalid characters\.$/],
])('a task definition with %s is refused', async (_case, container, definition, message) => {
  await expect(lab.register('1', container, definition)).rejects.toMatchObject({ name: 'ClientException', message: expect.stringMatching(message) });
});

test('services are refused for what they name and what their target group is', async () => {
  const taskDefinition = await lab.register('1');
  const { loadBalancers } = await lab.balance('refusals');
  const [loadBalancer] = loadBalancers;
  const { TargetGroups } = await lab.elb.createTargetGroup({ Name: 'loose', Protocol: 'HTTP', Port: 80, VpcId: 'vpc-0a', TargetType: 'ip' });
  const loose = TargetGroups?.[0]?.TargetGroupArn;
  const create = (more: Parameters<EcsLab['createService']>[2], definition = taskDefinition) => lab.createService('refused', definition, more);

  await expect(create({ loadBalancers: [{ ...loadBalancer, targetGroupArn: loose }] })).rejects.toMatchObject(
    refusal(`The target group with targetGroupArn ${loose} does not have an associated load balancer.`),
  );
  await expect(create({ loadBalancers: [{ ...loadBalancer, containerName: 'x' }] })).rejects.toMatchObject(
    refusal('The container x does not exist in the task definition.'),
  );
  await expect(create({ loadBalancers: [{ ...loadBalancer, containerPort: 81 }] })).rejects.toMatchObject(
    refusal('The container server did not have a container port 81 defined.'),
  );
  await expect(create({ networkConfiguration: undefined })).rejects.toMatchObject(
    refusal('Network Configuration must be provided when networkMode \'awsvpc\' is specified.'),
  );
  await expect(create({ networkConfiguration: { awsvpcConfiguration: { subnets: [] } } })).rejects.toMatchObject(refusal('subnets can not be empty.'));
  await expect(create({}, 'none')).rejects.toMatchObject(refusal('TaskDefinition not found.', 'ClientException'));
  await expect(create({ healthCheckGracePeriodSeconds: 5 })).rejects.toMatchObject(
    refusal('Health check grace period is only valid for services configured to use load balancers'),
  );
  await expect(lab.update('none', { desiredCount: 1 })).rejects.toMatchObject(refusal('Service not found.', 'ServiceNotFoundException'));
});

test('creating the same service again answers what is there, another one of its name is refused', async () => {
  const taskDefinition = await lab.register('1');
  const created = await lab.createService('same', taskDefinition, { desiredCount: 0 });
  expect((await lab.createService('same', taskDefinition, { desiredCount: 0 })).createdAt).toEqual(created.createdAt);
  await expect(lab.createService('same', taskDefinition, { desiredCount: 1 })).rejects.toMatchObject({
    name: 'InvalidParameterException', message: 'Creation of service was not idempotent.',
  });
});

test('only a new task definition or a forced one makes a new deployment', async () => {
  const taskDefinition = await lab.register('1');
  const created = await lab.createService('redeployed', taskDefinition, { desiredCount: 0 });
  const primary = created.deployments?.[0]?.id;
  const primaryAfter = async (changes: Parameters<EcsLab['update']>[1]) => (await lab.update('redeployed', changes)).deployments?.[0]?.id;
  expect(await primaryAfter({ desiredCount: 0, healthCheckGracePeriodSeconds: 0 })).toBe(primary);
  expect(await primaryAfter({ taskDefinition })).toBe(primary);
  const forced = await primaryAfter({ forceNewDeployment: true });
  expect(forced).not.toBe(primary);
  expect(await primaryAfter({ taskDefinition: await lab.register('2') })).not.toBe(forced);
});

test('describing names what is missing, and takes ten services and a hundred tasks at most', async () => {
  const { failures } = await lab.ecs.describeServices({ cluster: CLUSTER, services: ['none'] });
  expect(failures).toEqual([{ arn: expect.stringMatching(/:service\/demo\/none$/), reason: 'MISSING' }]);
  await expect(lab.ecs.describeServices({ cluster: CLUSTER, services: Array.from({ length: 11 }, (_, i) => `s${i}`) }))
    .rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(lab.ecs.describeTasks({ cluster: CLUSTER, tasks: Array.from({ length: 101 }, (_, i) => `t${i}`) }))
    .rejects.toMatchObject({ name: 'InvalidParameterException' });
  expect((await lab.ecs.describeTasks({ cluster: CLUSTER, tasks: ['none'] })).failures).toMatchObject([{ reason: 'MISSING' }]);
  await expect(lab.ecs.stopTask({ cluster: CLUSTER, task: 'none' })).rejects.toMatchObject({ message: 'The referenced task was not found.' });
});

test('lists come in pages, in order; a token of another kind is refused', async () => {
  const registered = [];
  for (let revision = 1; revision <= 12; revision += 1) {
    registered.push(await lab.register('1', {}, { family: 'paged' }));
  }
  const listed: string[] = [];
  for await (const page of paginateListTaskDefinitions({ client: lab.ecs, pageSize: 5 }, { familyPrefix: 'paged', sort: 'DESC' })) {
    expect(page.taskDefinitionArns?.length).toBeLessThanOrEqual(5);
    listed.push(...page.taskDefinitionArns ?? []);
  }
  expect(listed).toEqual(registered.toReversed());
  expect((await lab.ecs.listTaskDefinitionFamilies({ familyPrefix: 'pag' })).families).toEqual(['paged']);
  await expect(lab.ecs.listServices({ cluster: CLUSTER, nextToken: 'abc' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
});

test('services, tasks and definitions are tagged and untagged; tags show only where they are asked for', async () => {
  const { serviceArn } = await lab.createService('tagged', await lab.register('1'), { desiredCount: 0, tags: [{ key: 'a', value: '1' }] });
  await lab.ecs.tagResource({ resourceArn: serviceArn, tags: [{ key: 'a', value: '2' }, { key: 'b', value: '3' }] });
  await lab.ecs.untagResource({ resourceArn: serviceArn, tagKeys: ['b'] });
  expect((await lab.ecs.listTagsForResource({ resourceArn: serviceArn })).tags).toEqual([{ key: 'a', value: '2' }]);
  expect((await lab.describe('tagged')).tags).toBeUndefined();
  const { services } = await lab.ecs.describeServices({ cluster: CLUSTER, services: ['tagged'], include: ['TAGS'] });
  expect(services?.[0]?.tags).toEqual([{ key: 'a', value: '2' }]);
  await expect(lab.ecs.listTagsForResource({ resourceArn: `${serviceArn}x` })).rejects.toMatchObject({ name: 'ServiceNotFoundException' });
});

test('a task stopped by a user is replaced', async () => {
  await lab.createService('stopped', await lab.register('1'), { desiredCount: 1 });
  await lab.until('stopped', ({ runningCount }) => runningCount === 1);
  const [first] = await lab.tasks('stopped');
  const { task } = await lab.ecs.stopTask({ cluster: CLUSTER, task: first?.taskArn, reason: 'a drill' });
  expect(task).toMatchObject({ desiredStatus: 'STOPPED', stopCode: 'UserInitiated', stoppedReason: 'a drill' });
  await lab.until('stopped', ({ pendingCount }) => pendingCount === 1);
  expect((await lab.tasks('stopped'))[0]?.taskArn).not.toBe(first?.taskArn);
});
