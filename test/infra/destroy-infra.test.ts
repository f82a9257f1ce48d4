import { PassThrough } from 'node:stream';
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import type { StackEvent } from '../../src/aws/cloudformation.ts';
import type { ListenerRule } from '../../src/aws/elbv2.ts';
import { runProgram } from '../../src/cli/program.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { destroyInfra, planDestroyInfra } from '../../src/infra/destroy-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { followStack } from '../../src/infra/stack-operation.ts';
import { serviceRequest } from '../../src/infra/stack-requests.ts';
import { type LogEntry, serialize } from '../../src/release/log-entry.ts';
import { logPath } from '../../src/release/log.ts';
import { type Pair, pairAt } from '../../src/release/model.ts';
import { holdsExactly } from '../../src/release/observe.ts';
import { faultyEndpoint } from '../faulty-endpoint.ts';
import { destroyAll, REGION, withProject } from './project.ts';

test('removes rules, ECS services, log and stacks, and nothing is left; then there is nothing to do', () =>
  withProject(async ({ session, aws, sandbox, writes }) => {
    const { session: mine, settings } = session();
    await buildInfra(mine);
    const place = await describePlace(aws, settings, 'server');
    const pair = { primary: place.targetGroups.blue, canary: place.targetGroups.green };
    await aws.parameters.create(`${logPath(pair)}/1`, '{}', 'release log');
    await runService(mine, { 'ecs-canary:project': 'fleet' });

    expect((await planDestroyInfra(mine)).lines).toEqual([
      expect.stringMatching(/^end all traffic of server: weights of 0 in arn:/),
      'scale ECS services of cluster fleet to 0 and let them drain: server-blue',
      'delete ECS services of cluster fleet: server-blue',
      expect.stringMatching(/^delete listener rules: arn:/),
      'delete the release log of server',
      'delete stack fleet-server',
      'delete stack fleet, and its protection before',
    ]);
    const before = await writes();
    expect(await destroyAll(mine)).toBe(true);

    expect((await writes()).slice(before.length)).toEqual([
      'elasticloadbalancing:ModifyRule', 'ecs:UpdateService', 'ecs:DeleteService', 'elasticloadbalancing:DeleteRule',
      'ssm:DeleteParameters', 'cloudformation:DeleteStack', 'cloudformation:UpdateTerminationProtection', 'cloudformation:DeleteStack',
    ]);
    expect((await aws.stacks.all()).length).toBe(0);
    expect(await aws.registry.countImages('fleet/server')).toBeUndefined();
    expect(await aws.parameters.list(logPath(pair))).toEqual([]);
    const region = await sandbox.region('eu-central-1');
    const { elbv2 } = region.state;
    expect([elbv2.loadBalancers, elbv2.listeners, elbv2.targetGroups].map((found) => Object.keys(found))).toEqual([[], [], []]);
    expect(await destroyAll(mine)).toBe(false);
    expect(await planDestroyInfra(mine)).toEqual({ steps: [], lines: [], images: [] });
  }));

/** At this speed a busy machine, too, sees a stack go. */
const SLOW = { speed: 50 };

test('carries on where an interrupted run stopped', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    await expect(destroyAll(stoppedAt(mine, 'fleet-server'))).rejects.toThrow('Ctrl-C');
    expect(await aws.stacks.describe('fleet')).toMatchObject({ status: 'CREATE_COMPLETE' });
    expect(await destroyAll(mine)).toBe(true);
    expect(await aws.stacks.describe('fleet')).toBeUndefined();
  }, SLOW));

test('carries on while the base is being deleted, and its listener is gone', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    await expect(destroyAll(stoppedAt(mine, 'fleet', 'PublicListener'))).rejects.toThrow('Ctrl-C');
    // CloudFormation goes on meanwhile, and may have done the rest.
    await destroyAll(mine);
    expect(await aws.stacks.all()).toEqual([]);
  }, SLOW));

test('refuses before anything is changed when something stands there that it did not make', () =>
  withProject(async ({ session, aws, writes }) => {
    const { session: mine, settings } = session();
    await buildInfra(mine);
    await runService(mine, {});
    const before = await writes();
    await expect(destroyAll(mine)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringContaining('server-blue') });

    const base = await aws.stacks.describe('fleet');
    const place = await describePlace(aws, settings, 'server');
    await aws.loadBalancing.createRule({
      listenerArn: base?.outputs['PublicListenerArn'] ?? '',
      priority: 3,
      conditions: [{ field: 'path-pattern', values: ['/theirs'] }],
      groups: [{ arn: place.targetGroups.blue, weight: 1 }],
      tags: { owner: 'somebody' },
    });
    await expect(destroyAll(mine)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringMatching(/listener rule arn:.*server-blue/s) });
    expect(await writes()).toEqual([...before, 'elasticloadbalancing:CreateRule']);
  }));

test('refuses while a release is at work, and records what the weights were before it ends them', () =>
  withProject(async ({ session, aws, writes }) => {
    const { session: mine, settings } = session();
    await buildInfra(mine);
    const pair = pairAt(await describePlace(aws, settings, 'server'));
    const at = new Date().toISOString();
    const entry: LogEntry = { number: 1, at, by: 'somebody@here', command: 'update', primary: pair.primary, other: undefined, percent: 0, tasks: 1, before: {} };
    const record = (facts: Partial<LogEntry>) => aws.parameters.overwrite(`${logPath(pair)}/1`, serialize({ ...entry, ...facts }), '');
    await record({ renewed: at, holder: { host: 'here', pid: process.pid } });
    const before = await writes();
    await expect(destroyAll(mine)).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining('somebody@here holds this pair') });
    expect(await writes()).toEqual(before);

    await record({ ended: at });
    const controller = new AbortController();
    const wait = () => ({ ...mine.wait(), signal: controller.signal });
    const interrupted: InfraSession = { ...mine, wait, progress: (event) => event.type === 'waiting' && event.text.startsWith('Delete ECS services') && controller.abort(new Error('Ctrl-C')) };
    await runService(mine, { 'ecs-canary:project': 'fleet' });
    await expect(destroyAll(interrupted)).rejects.toThrow();
    const [newest] = await aws.parameters.get([`${logPath(pair)}/2`]);
    const [rule] = await pairRules(aws, pair);
    expect(Object.values<object>(JSON.parse(newest?.value ?? '{}').before)[0]).toEqual({ [(rule?.arn ?? '').split('/').at(-1) ?? '']: [100, 0] });
    expect(rule?.forward?.map(({ weight }) => weight)).toEqual([0, 0]);
    expect(await destroyAll(mine)).toBe(true);
  }));

test('another project that was built on this one is named, and nothing is changed', () =>
  withProject(async ({ session, aws, writes }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    const { settings: theirs } = session({ PROJECT_NAME: 'annex' });
    const base = await aws.stacks.describe('fleet');
    const annex = await aws.stacks.create(serviceRequest(theirs, theirs.service, base?.outputs['VpcId'] ?? ''), 'theirs');
    await followStack({ stack: annex, operation: 'theirs', verb: 'made', usersAre: '', next: '' }, mine, mine.wait());
    const before = await writes();
    await expect(destroyAll(mine)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringContaining('stack annex-server') });
    expect(await writes()).toEqual(before);
  }));

test('a stack whose network is still in use for a while is deleted again until it can be', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    const stack = await aws.stacks.describe('fleet');
    const reasons = [
      "The subnet 'subnet-1' has dependencies and cannot be deleted. (Service: Ec2, Status Code: 400)",
      "Target group 'arn:aws:elasticloadbalancing:targetgroup/blue' is currently in use by a listener or a rule (Service: ElasticLoadBalancingV2, Status Code: 400)",
      'The Cluster cannot be deleted while Services are active. (Service: AmazonECS; Status Code: 400)',
    ];
    // The first deletions of the base end as on AWS, where the interfaces of stopped tasks outlive them, and some are not known to be gone yet.
    const refused: string[] = [];
    const held = (nameOrId: string) => nameOrId === stack?.id && refused.length <= reasons.length;
    const stacks: Aws['stacks'] = {
      ...aws.stacks,
      delete: async (id, operation) => {
        if (id === stack?.id && refused.push(operation) <= reasons.length) return;
        await aws.stacks.delete(id, operation);
      },
      describe: async (nameOrId) => (held(nameOrId) && refused.length > 0 && stack ? { ...stack, status: 'DELETE_FAILED' } : aws.stacks.describe(nameOrId)),
      lastEvents: async (nameOrId) => (held(nameOrId) && refused.length > 0 ? [inUse(refused.at(-1), reasons[refused.length - 1])] : aws.stacks.lastEvents(nameOrId)),
    };
    expect(await destroyAll({ ...mine, aws: { ...aws, stacks } })).toBe(true);
    expect(refused).toHaveLength(reasons.length + 1);
    expect(await aws.stacks.describe('fleet')).toBeUndefined();
  }));

const inUse = (operation: string | undefined, reason: string | undefined): StackEvent => ({
  id: operation ?? '', operation, resource: 'SubnetA', kind: 'AWS::EC2::Subnet', status: 'DELETE_FAILED', reason,
});

async function pairRules(aws: Aws, pair: Pair): Promise<ListenerRule[]> {
  const base = await aws.stacks.describe('fleet');
  const rules = await aws.loadBalancing.rules([base?.outputs['PublicListenerArn'] ?? '']);
  return rules.filter((rule) => holdsExactly(rule, pair));
}

test('says how many images go with a repository', () =>
  withProject(async ({ session, aws, sandbox }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    const region = await sandbox.region('eu-central-1');
    await region.call('ecr', 'PutImage', { repositoryName: 'fleet/server', imageTag: 'a', imageManifest: imageIndex('a') });
    expect(await planDestroyInfra(mine)).toMatchObject({
      lines: expect.arrayContaining(['delete 1 image in repository fleet/server']),
      images: [{ repository: 'fleet/server', count: '1 image' }],
    });
    expect(await destroyAll(mine)).toBe(true);
    expect(await aws.registry.countImages('fleet/server')).toBeUndefined();
  }));

test('while somebody works on a stack, all that is destroyed afterwards is shown and asked for; what nobody saw then is not touched', () =>
  withProject(async ({ session, aws, sandbox, writes }) => {
    const { session: mine, settings } = session();
    await buildInfra(mine);
    const region = await sandbox.region('eu-central-1');
    const push = (imageTag: string) => region.call('ecr', 'PutImage', { repositoryName: 'fleet/server', imageTag, imageManifest: imageIndex(imageTag) });
    await push('a');
    const endpoint = await faultyEndpoint(sandbox.url);
    const plan = async () => {
      endpoint.order('DescribeStacks', { change: (answer) => ({ ...answer, body: answer.body.replace('CREATE_COMPLETE', 'UPDATE_IN_PROGRESS') }) });
      return planDestroyInfra({ ...mine, aws: connectAws({ region: REGION, endpointUrl: endpoint.url }) });
    };
    try {
      const agreed = await plan();
      expect(agreed).toMatchObject({
        lines: expect.arrayContaining([
          expect.stringMatching(/^wait for stack fleet(-server)?, which is UPDATE_IN_PROGRESS$/), expect.stringMatching(/^end all traffic of server/), 'delete stack fleet-server',
        ]),
        images: [{ repository: 'fleet/server', count: '1 image' }],
      });
      await push('b');
      const second = serviceRequest(settings, { ...settings.service, name: 'second' }, 'vpc-0a1b2c3d');
      const id = await aws.stacks.create(second, 'theirs');
      await followStack({ stack: id, operation: 'theirs', verb: 'made', usersAre: '', next: '' }, mine, mine.wait());
      const before = await writes();
      const overtaken = { code: 'overtaken', exitCode: 1, message: expect.stringMatching(/agreed to: (?=.*image 2 in repository fleet\/server)(?=.*stack arn:\S+fleet-second)/) };
      await expect(destroyInfra(mine, agreed)).rejects.toMatchObject(overtaken);
      expect(await writes()).toEqual(before);
      // Shown again, all of it goes.
      await destroyInfra(mine, await plan());
      expect(await aws.stacks.all()).toEqual([]);
    } finally {
      await endpoint.close();
    }
  }));

test('images are asked for by the name of their repository, before anything is changed', () =>
  withProject(async ({ session, aws, sandbox, variables, writes }) => {
    await buildInfra(session().session);
    const region = await sandbox.region('eu-central-1');
    await region.call('ecr', 'PutImage', { repositoryName: 'fleet/server', imageTag: 'a', imageManifest: imageIndex('a') });
    const answering = async (name: string) => {
      const done = () => true;
      const stream = () => Object.assign(new PassThrough(), { isTTY: true, cursorTo: done, clearLine: done, moveCursor: done });
      const [stdin, stdout, stderr] = [stream(), stream(), stream()];
      let said = '';
      stderr.on('data', (text: Buffer) => {
        said += text.toString();
        if (said.endsWith('[y/N] ')) stdin.write('y\n');
        if (said.endsWith('to delete them: ')) stdin.write(`${name}\n`);
      });
      const code = await runProgram(['destroy-infra', '--no-color'], { stdin, stdout, stderr, env: { ...process.env, ...variables() } }, '0');
      return { code, said };
    };
    const before = await writes();
    expect(await answering('y')).toEqual({ code: 1, said: expect.stringContaining("1 image in repository fleet/server can't be had back. Type its name to delete them: ") });
    expect(await writes()).toEqual(before);
    expect(await answering('fleet/server')).toEqual({ code: 0, said: expect.stringContaining('fleet/server') });
    expect(await aws.registry.countImages('fleet/server')).toBeUndefined();
  }));

const imageIndex = (name: string) => JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [], annotations: { name } });

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
    assignPublicIp: place.assignPublicIp,
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
