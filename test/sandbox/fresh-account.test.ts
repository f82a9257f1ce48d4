/** An account in which nobody has used ECS yet: its service-linked role comes with the first cluster, and is refused for a while. */
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { ECS } from '@aws-sdk/client-ecs';
import { eventually } from './load-balancing.ts';
import { clientOf, newFolder, start } from './running.ts';

const REFUSED = {
  name: 'InvalidParameterException',
  message: 'Unable to assume the service linked role. Please verify that the ECS service linked role exists.',
};
/** Ten times as long as on AWS: no test outlives the role's youth. */
const SLOW = 0.1;

const client = (sandbox: { url: string }) => new ECS(clientOf(sandbox));

/** A service that needs nothing but its cluster and a task definition. */
async function createService(ecs: ECS): Promise<string | undefined> {
  await ecs.registerTaskDefinition({ family: 'f', containerDefinitions: [{ name: 'c', image: 'none' }], networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'], cpu: '256', memory: '512' });
  const networkConfiguration = { awsvpcConfiguration: { subnets: ['subnet-0a'] } };
  return (await ecs.createService({ cluster: 'a', serviceName: 's', taskDefinition: 'f', desiredCount: 0, launchType: 'FARGATE', networkConfiguration })).service?.status;
}

test('the first cluster is made, and services are refused for some seconds', async () => {
  const ecs = client(await start({ freshAccount: true, speed: 20 }));
  expect((await ecs.createCluster({ clusterName: 'a' })).cluster?.status).toBe('ACTIVE');
  const began = performance.now();
  await expect(createService(ecs)).rejects.toMatchObject({ ...REFUSED, $metadata: { httpStatusCode: 400 } });
  await eventually(async () => ({ status: await createService(ecs).catch(() => undefined) }), { status: 'ACTIVE' });
  // Fifteen seconds of AWS's, twenty times as fast; the cluster was made a moment before they were counted.
  expect(performance.now() - began).toBeGreaterThan(500);
});

test('a first cluster with capacity providers is refused, and brings the role all the same', async () => {
  const ecs = client(await start({ freshAccount: true, speed: 50 }));
  const create = () => ecs.createCluster({ clusterName: 'a', capacityProviders: ['FARGATE'] });
  await expect(create()).rejects.toMatchObject(REFUSED);
  expect((await ecs.describeClusters({ clusters: ['a'] })).clusters).toEqual([]);
  await eventually(async () => ({ status: (await create().catch(() => undefined))?.cluster?.status }), { status: 'ACTIVE' });
});

test('a first stack with a cluster fails; the next one works', async () => {
  const sandbox = await start({ freshAccount: true, speed: 100 });
  const cloudFormation = new CloudFormation(clientOf(sandbox));
  const TemplateBody = JSON.stringify({ Resources: { C: { Type: 'AWS::ECS::Cluster', Properties: { ClusterName: 'a' } } } });
  const make = async (StackName: string) => {
    await cloudFormation.createStack({ StackName, TemplateBody });
    const status = async () => ({ status: (await cloudFormation.describeStacks({ StackName })).Stacks?.[0]?.StackStatus });
    await eventually(status, { status: expect.not.stringContaining('IN_PROGRESS') });
    return (await status()).status;
  };
  expect(await make('first')).toBe('ROLLBACK_COMPLETE');
  const { StackEvents = [] } = await cloudFormation.describeStackEvents({ StackName: 'first' });
  expect(StackEvents.map(({ ResourceStatusReason }) => ResourceStatusReason)).toContainEqual(expect.stringContaining(REFUSED.message));
  let last: string | undefined;
  await eventually(async () => ({ status: (last = await make(`next-${last === undefined ? 1 : Date.now()}`)) }), { status: 'CREATE_COMPLETE' });
});

test('the role lasts over a restart; an account that has clusters already is not fresh', async () => {
  const dir = newFolder();
  const first = await start({ dir, freshAccount: true, speed: SLOW });
  await client(first).createCluster({ clusterName: 'a' });
  await first.stop();
  const second = await start({ dir, speed: SLOW });
  await expect(createService(client(second))).rejects.toMatchObject(REFUSED);

  const used = newFolder();
  const before = await start({ dir: used });
  await client(before).createCluster({ clusterName: 'a' });
  await before.stop();
  expect(await createService(client(await start({ dir: used, freshAccount: true, speed: SLOW })))).toBe('ACTIVE');
});

test('not unless asked for', async () => {
  const ecs = client(await start({ speed: SLOW }));
  await ecs.createCluster({ clusterName: 'a', capacityProviders: ['FARGATE'] });
  expect(await createService(ecs)).toBe('ACTIVE');
});
