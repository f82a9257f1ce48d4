import type { Aws } from '../../src/aws/aws.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { destroyInfra, planDestroyInfra } from '../../src/infra/destroy-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { logPath } from '../../src/release/log.ts';
import { withProject } from './project.ts';

test('removes rules, ECS services, log and stacks, and nothing is left; then there is nothing to do', () =>
  withProject(async ({ session, aws, sandbox }) => {
    const { session: mine, settings } = session();
    await buildInfra(mine);
    const place = await describePlace(aws, settings, 'server');
    const pair = { primary: place.targetGroups.blue, canary: place.targetGroups.green };
    await aws.parameters.create(`${logPath(pair)}/1`, '{}', 'release log');
    await runService(mine, { 'ecs-canary:project': 'fleet' });

    expect(await planDestroyInfra(mine)).toEqual([
      expect.stringMatching(/^delete listener rules, which ends all traffic: arn:/),
      'drain and delete ECS services of cluster fleet: server-blue',
      'delete the release log of server',
      'delete stack fleet-server',
      'delete stack fleet',
    ]);
    expect(await destroyInfra(mine)).toBe(true);

    expect((await aws.stacks.all()).length).toBe(0);
    expect(await aws.registry.countImages('fleet/server')).toBeUndefined();
    expect(await aws.parameters.list(logPath(pair))).toEqual([]);
    const region = await sandbox.region('eu-central-1');
    const { elbv2 } = region.state;
    expect([elbv2.loadBalancers, elbv2.listeners, elbv2.targetGroups].map((found) => Object.keys(found))).toEqual([[], [], []]);
    expect(await destroyInfra(mine)).toBe(false);
    expect(await planDestroyInfra(mine)).toEqual([]);
  }));

test('carries on where an interrupted run stopped', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    await expect(destroyInfra(stoppedAt(mine, 'fleet-server'))).rejects.toThrow('Ctrl-C');
    expect(await aws.stacks.describe('fleet')).toMatchObject({ status: 'CREATE_COMPLETE' });
    expect(await destroyInfra(mine)).toBe(true);
    expect(await aws.stacks.describe('fleet')).toBeUndefined();
  }));

test('carries on while the base is being deleted, and its listener is gone', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    await expect(destroyInfra(stoppedAt(mine, 'fleet', 'PublicListener'))).rejects.toThrow('Ctrl-C');
    // CloudFormation goes on meanwhile, and may have done the rest.
    await destroyInfra(mine);
    expect(await aws.stacks.all()).toEqual([]);
  }));

test('refuses before anything is changed when something stands there that it did not make', () =>
  withProject(async ({ session, aws, writes }) => {
    const { session: mine, settings } = session();
    await buildInfra(mine);
    await runService(mine, {});
    const before = await writes();
    await expect(destroyInfra(mine)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringContaining('server-blue') });

    const base = await aws.stacks.describe('fleet');
    const place = await describePlace(aws, settings, 'server');
    await aws.loadBalancing.createRule({
      listenerArn: base?.outputs['PublicListenerArn'] ?? '',
      priority: 3,
      conditions: [{ field: 'path-pattern', values: ['/theirs'] }],
      groups: [{ arn: place.targetGroups.blue, weight: 1 }],
      tags: { owner: 'somebody' },
    });
    await expect(destroyInfra(mine)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringMatching(/listener rule arn:.*server-blue/s) });
    expect(await writes()).toEqual([...before, 'elasticloadbalancing:CreateRule']);
  }));

test('says how many images go with a repository', () =>
  withProject(async ({ session, aws, sandbox }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    const region = await sandbox.region('eu-central-1');
    await region.call('ecr', 'PutImage', { repositoryName: 'fleet/server', imageTag: 'a', imageManifest: EMPTY_IMAGE_INDEX });
    expect(await planDestroyInfra(mine)).toContain('delete 1 image in repository fleet/server');
    expect(await destroyInfra(mine)).toBe(true);
    expect(await aws.registry.countImages('fleet/server')).toBeUndefined();
  }));

const EMPTY_IMAGE_INDEX = JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] });

/** The colour's ECS service. Its image was never pushed, so its task never starts; it is wanted all the same. */
async function runService({ aws, settings }: { aws: Aws; settings: InfraSession['settings'] }, tags: Record<string, string>): Promise<void> {
  const place = await describePlace(aws, settings, 'server');
  const taskDefinition = await aws.containers.registerTaskDefinition({
    family: 'fleet-server',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '256',
    memory: '512',
    executionRoleArn: place.executionRoleArn,
    containerDefinitions: [{ name: 'server', image: `${place.repositoryUri}:a`, portMappings: [{ containerPort: 8080 }] }],
  });
  await aws.containers.createService({
    cluster: place.cluster,
    name: 'server-blue',
    taskDefinition,
    desired: 1,
    targetGroupArn: place.targetGroups.blue,
    container: 'server',
    containerPort: 8080,
    subnets: place.subnets,
    securityGroups: place.securityGroups,
    gracePeriod: 0,
    tags,
  });
}

/** Somebody presses Ctrl-C at the first event of a stack, or once a resource of it is gone. */
function stoppedAt(session: InfraSession, stack: string, gone?: string): InfraSession {
  const controller = new AbortController();
  return {
    ...session,
    wait: () => ({ ...session.wait(), signal: controller.signal }),
    progress: (event) => {
      if (event.type !== 'resource' || event.stack !== stack) return;
      if (gone === undefined || (event.resource === gone && event.status === 'DELETE_COMPLETE')) controller.abort(new Error('Ctrl-C'));
    },
  };
}
