/**
 * The policies of docs/iam: each command runs in a sandbox that enforces the one it is said to need, and none of them grants what
 * no call needs.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { commands } from '../../src/cli/commands.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { CALLS } from '../../src/sandbox/iam/calls.ts';
import type { Need } from '../../src/sandbox/iam/needs.ts';
import { RESOURCE_TYPES } from '../../src/sandbox/iam/resource-types.ts';
import { withFolder } from '../folder.ts';
import { filesOf } from '../release/deployment.ts';
import { ACCOUNT, type Callers, fillIn, makeCallers, POLICIES, type PolicyName, README, REGION } from './callers.ts';

/** What the commands below do not come to, and why it is granted all the same. */
const NOT_MET: Readonly<Record<PolicyName, Readonly<Record<string, readonly string[]>>>> = {
  infra: {
    'named by the schemas of types in the templates, for properties that they do not have; when CloudFormation makes these calls is not said': [
      'elasticloadbalancing:ModifyListenerAttributes', 'elasticloadbalancing:ModifyLoadBalancerAttributes',
      'ec2:AuthorizeSecurityGroupEgress', 'ec2:RevokeSecurityGroupEgress',
    ],
    'resources that differ from one version of the templates to the next': [
      'elasticloadbalancing:SetSecurityGroups', 'elasticloadbalancing:SetSubnets', 'ec2:ModifyVpcEndpoint', 'ecs:ListTagsForResource', 'ecs:UntagResource',
      'ecr:PutImageScanningConfiguration', 'ecr:PutImageTagMutability', 'ecr:UntagResource', 'logs:UntagResource',
    ],
  },
  deploy: {
    'targets that are none of the service': ['ecs:ListServices'],
    'more than 20 entries of the release log': ['ssm:DeleteParameters'],
  },
  route: {
    'targets that are none of the service, and a way back without CloudFormation': ['ecs:ListServices'],
    'more than 20 entries of the release log': ['ssm:DeleteParameters'],
    'tasks that do not start for a greater share': ['logs:GetLogEvents'],
  },
  'read-only': {},
};

let callers: Callers;

beforeAll(async () => {
  callers = await makeCallers({ PROJECT_NAME: 'fleet' });
}, 60_000);

afterAll(() => callers.stop());

/** Two target groups that others made, with the default rule of a listener of theirs, which `remove` takes away again. */
async function twoGroups(): Promise<{ primary: string; canary: string; remove: () => Promise<unknown> }> {
  const elb = new ElasticLoadBalancingV2(callers.client('admin'));
  const make = async (Name: string) => (await elb.createTargetGroup({ Name, Protocol: 'HTTP', Port: 80, VpcId: 'vpc-1', TargetType: 'ip' })).TargetGroups?.[0]?.TargetGroupArn ?? '';
  const [primary, canary] = [await make('old'), await make('new')];
  const { LoadBalancers = [] } = await elb.describeLoadBalancers({});
  const TargetGroups = [{ TargetGroupArn: primary, Weight: 1 }, { TargetGroupArn: canary, Weight: 1 }];
  const { Listeners = [] } = await elb.createListener({
    LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn, Protocol: 'HTTP', Port: await freePort(), DefaultActions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }],
  });
  return { primary, canary, remove: () => elb.deleteListener({ ListenerArn: Listeners[0]?.ListenerArn }) };
}

function granted(name: PolicyName): string[] {
  const { Statement } = JSON.parse(readFileSync(`docs/iam/${name}.json`, 'utf8'));
  return Statement.flatMap(({ Action }: { Action: string | string[] }) => Action);
}

function mapped(): Set<string> {
  const ofCalls = Object.values(CALLS).flatMap((calls) => Object.values(calls));
  const ofResources = Object.values(RESOURCE_TYPES).flatMap((verbs) => Object.values(verbs));
  return new Set([...ofCalls, ...ofResources].flatMap((needs: readonly Need[]) => needs.map(({ action }) => action)));
}

const BASTION = { KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24', SERVICES: 'server,store', STORE_EXPOSE: 'internal', STORE_PATH_PATTERN: '/store/*' };
const SECRETS = `PASSWORD=arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:db-AbCdEf,KEY=arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/fleet/key`;
const CERTIFICATE_ARN = `arn:aws:acm:${REGION}:${ACCOUNT}:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0`;
/** Metrics are asked for only of a range that is that long. */
const A_SECOND = { SETTLE: '1.1s' };
const SLOW_MACHINE = 600_000;

test('every command of the program does its work with the policy that README.md names for it', async () => {
  const { as, checks } = callers;
  await as('read-only', 'build-infra --dry-run');
  await as('infra', 'build-infra', { ...BASTION, NAT: 'per-zone' });
  await as('infra', 'build-infra --yes', { ...BASTION, NAT: 'one' });
  await as('infra', 'build-infra --yes', { ...BASTION, NAT: 'endpoints', SECRETS });
  await as('read-only', 'build-infra --dry-run', BASTION);
  await as('infra', 'build-infra --change-set', { ...BASTION, DEREGISTRATION_DELAY: '11' });
  await as('infra', 'build-infra --yes', { ...BASTION, DEREGISTRATION_DELAY: '12', LISTENER_PORT: String(await freePort()) });

  const folder = (version: string, action: (path: string) => Promise<unknown>) => withFolder(filesOf(version, ''), action);
  await folder('1', async (path) => {
    await as('read-only', `push ${path} --tag 1 --dry-run`);
    await as('deploy', `push ${path} --tag 1`);
  });
  await as('deploy', 'rollout --tag 1');
  await folder('2', (path) => as('deploy', `push ${path} --tag 2`));
  await as('read-only', 'rollout --tag 2 --dry-run');
  await as('deploy', 'rollout --tag 2 --tasks 1');
  await as('read-only', 'route --canary 50 --dry-run');
  await as('deploy', 'route --canary 50', A_SECOND);
  await as('read-only', 'status');
  await as('read-only', 'logs');
  await as('deploy', 'logs --tag 1');
  await as('route', 'status');
  await as('route', 'route --canary 60', A_SECOND);
  await as('route', 'rollback');
  const { primary, canary, remove } = await twoGroups();
  const groups = `--primary-target-group ${primary} --canary-target-group ${canary}`;
  await as('route', `route --canary 0 --force ${groups}`);
  await as('route', `history ${groups}`);
  await remove();
  await as('deploy', 'rollout --tag 2');
  await as('deploy', 'route --canary 50');
  await as('deploy', 'rollback');
  await as('deploy', 'rollout --tag 2');
  await as('deploy', 'route --canary 100');
  await as('read-only', 'promote --dry-run');
  await as('deploy', 'promote');
  await as('read-only', 'destroy-old --dry-run');
  await as('read-only', 'rollback --dry-run');
  await as('deploy', 'destroy-old --yes');
  await folder('3', async (path) => {
    await as('read-only', `update ${path} --tag 3 --dry-run`);
    await as('deploy', `update ${path} --tag 3 --destroy-old`);
  });
  await withFolder(filesOf('4', '} process.exit(1); {'), (path) => as('deploy', `push ${path} --tag 4`));
  await as('deploy', 'rollout --tag 4', { exit: 1 });
  await as('deploy', 'unlock --yes');
  await as('read-only', 'unlock --dry-run');
  await as('read-only', 'history');

  await as('read-only', 'destroy-infra --dry-run');
  const https = { ...BASTION, CERTIFICATE_ARN, HTTPS_LISTENER_PORT: String(await freePort()) };
  await as('infra', 'build-infra --yes', { ...https, SECRETS });
  await as('infra', 'build-infra --yes', https);
  const grpc = { ...BASTION, SERVICES: 'server,store,quay', QUAY_PROTOCOL: 'grpc', QUAY_HEALTH_CHECK_PATH: '/grpc.health.v1.Health/Check', INTERNAL_HTTPS_LISTENER_PORT: String(await freePort()) };
  await as('infra', 'build-infra --yes --self-signed', grpc);
  await as('infra', 'build-infra --self-signed', grpc);
  await as('read-only', 'build-infra --self-signed --dry-run', grpc);
  await as('read-only', 'destroy-infra --dry-run', grpc);
  await as('infra', 'destroy-infra --yes', grpc);
  expect(checks().filter(({ decision }) => decision !== 'allowed')).toEqual([]);
  // The stack is named beside a change set.
  expect(checks().filter(({ action, resource }) => action.endsWith('ChangeSet') && !resource.includes(':stack/'))).toEqual([]);
}, SLOW_MACHINE);

test.each(POLICIES)('%s grants nothing that no call needs', (name) => {
  const used = new Set(callers.checks().filter(({ user }) => user === name).map(({ action }) => action));
  const excused = Object.values(NOT_MET[name]).flat();
  expect(granted(name).filter((action) => action.includes('*'))).toEqual([]);
  expect(granted(name).filter((action) => !mapped().has(action))).toEqual([]);
  expect([...new Set(granted(name))].filter((action) => !used.has(action) && !excused.includes(action))).toEqual([]);
  expect(excused.filter((action) => used.has(action))).toEqual([]);
});

test('services of others in the same cluster can be read, and not be changed; what is made has the tag of the project', async () => {
  const [admin, deploy] = [new ECS(callers.client('admin')), new ECS(callers.client('deploy'))];
  await admin.createCluster({ clusterName: 'fleet' });
  await admin.registerTaskDefinition({ family: 'theirs', containerDefinitions: [{ name: 'web', image: 'web:1', memory: 128 }] });
  const theirs = { cluster: 'fleet', service: 'theirs' };
  await admin.createService({ cluster: 'fleet', serviceName: 'theirs', taskDefinition: 'theirs', desiredCount: 0 });
  const denied = { name: 'AccessDeniedException' };
  for (const user of ['infra', 'deploy', 'route'] as const) {
    const ecs = new ECS(callers.client(user));
    expect((await ecs.describeServices({ cluster: 'fleet', services: ['theirs'] })).services).toHaveLength(1);
    await expect(ecs.updateService({ ...theirs, desiredCount: 1 })).rejects.toMatchObject(denied);
    await expect(ecs.deleteService(theirs)).rejects.toMatchObject(denied);
  }
  const revision = { family: 'ours', containerDefinitions: [{ name: 'web', image: 'web:1', memory: 128 }] };
  await expect(deploy.registerTaskDefinition(revision)).rejects.toMatchObject(denied);
  await expect(deploy.registerTaskDefinition({ ...revision, tags: [{ key: 'ecs-canary:project', value: 'other' }] })).rejects.toMatchObject(denied);
  const made = { cluster: 'fleet', serviceName: 'ours', taskDefinition: 'theirs', desiredCount: 0 };
  await expect(deploy.createService(made)).rejects.toMatchObject(denied);
  await deploy.createService({ ...made, tags: [{ key: 'ecs-canary:project', value: 'fleet' }] });
  await deploy.updateService({ cluster: 'fleet', service: 'ours', desiredCount: 0 });
});

test('a change set of the command is granted where the call names it by its ARN alone, and no other', async () => {
  const infra = new CloudFormation(callers.client('infra'));
  const named = (name: string) => ({ ChangeSetName: `arn:aws:cloudformation:${REGION}:${ACCOUNT}:changeSet/${name}/1` });
  await expect(infra.describeChangeSet(named('ecs-canary-look-1'))).rejects.toMatchObject({ name: 'ChangeSetNotFoundException' });
  await expect(infra.describeChangeSet(named('theirs'))).rejects.toMatchObject({ name: 'AccessDenied' });
});

test('settings that are missing end the command line of README.md, and no policy without them comes to be', () => {
  const { dir } = callers;
  writeFileSync(join(dir, '.env'), 'PROJECT_NAME=fleet\n');
  rmSync(join(dir, 'route.json'));
  expect(() => fillIn('route', dir)).toThrow(/AWS_ACCOUNT_ID/);
  expect(readdirSync(dir)).not.toContain('route.json');
});

test('README.md names a policy for each command, and explains each statement', () => {
  for (const [path, { local }] of commands) if (!local) expect(README).toContain(`\`${path.join(' ')}\``);
  for (const name of POLICIES) {
    const { Statement } = JSON.parse(readFileSync(`docs/iam/${name}.json`, 'utf8'));
    for (const { Sid } of Statement) expect(README).toContain(`\`${Sid}\``);
  }
});
