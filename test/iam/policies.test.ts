/**
 * The policies of docs/iam: each command runs in a sandbox that enforces the one it is said to need, and none of them grants what
 * no call needs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { runProgram } from '../../src/cli/program.ts';
import { commands } from '../../src/cli/commands.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { CALLS } from '../../src/sandbox/iam/calls.ts';
import type { AccessCheck } from '../../src/sandbox/iam/guard.ts';
import type { Need } from '../../src/sandbox/iam/needs.ts';
import { RESOURCE_TYPES } from '../../src/sandbox/iam/resource-types.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { withFolder } from '../folder.ts';
import { filesOf, SETTINGS } from '../release/deployment.ts';

const README = readFileSync('docs/iam/README.md', 'utf8');
const POLICIES = ['infra', 'deploy', 'route', 'read-only'] as const;
type PolicyName = (typeof POLICIES)[number];

/** What the commands below do not come to, and why it is granted all the same. */
const NOT_MET: Readonly<Record<PolicyName, Readonly<Record<string, readonly string[]>>>> = {
  infra: {
    'properties that the templates do not have: further certificates, attributes of load balancers and listeners, egress of security groups': [
      'elasticloadbalancing:AddListenerCertificates', 'elasticloadbalancing:RemoveListenerCertificates', 'elasticloadbalancing:DescribeListenerCertificates',
      'elasticloadbalancing:ModifyListenerAttributes', 'elasticloadbalancing:ModifyLoadBalancerAttributes',
      'ec2:AuthorizeSecurityGroupEgress', 'ec2:RevokeSecurityGroupEgress',
    ],
    'resources that differ from one version of the templates to the next': [
      'elasticloadbalancing:SetSecurityGroups', 'elasticloadbalancing:SetSubnets', 'ec2:ModifyVpcEndpoint', 'ecs:ListTagsForResource', 'ecs:UntagResource',
      'ecr:PutImageScanningConfiguration', 'ecr:PutImageTagMutability', 'ecr:UntagResource', 'logs:UntagResource',
    ],
    'the security group that tasks had before each service got one of its own': ['ec2:DescribeSecurityGroupRules'],
    'tasks of a service that is being drained': ['ecs:DescribeTasks', 'ecs:ListTasks'],
    'a secret that was taken out of SECRETS, and a version still reads': ['ecs:DescribeTaskDefinition'],
    'the version of the images that are asked for by name': ['ecr:DescribeImages'],
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

const REGION = 'eu-central-1';
let dir: string;
let sandbox: Sandbox;
let variables: Record<string, string>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'policies-'));
  symlinkSync(resolve('docs'), join(dir, 'docs'));
  writeFileSync(join(dir, '.env'), `PROJECT_NAME=fleet\nAWS_ACCOUNT_ID=000000000000\nAWS_DEFAULT_REGION=${REGION}\n`);
  for (const name of POLICIES) fillIn(name);
  const policies = POLICIES.map((name) => `${name}=${join(dir, `${name}.json`)}`);
  sandbox = await startSandbox({ dir: join(dir, 'sandbox'), speed: 200, policies, freshAccount: true });
  const ports = { LISTENER_PORT: String(await freePort()), INTERNAL_LISTENER_PORT: String(await freePort()) };
  variables = { PROJECT_NAME: 'fleet', AWS_ACCOUNT_ID: '000000000000', AWS_DEFAULT_REGION: REGION, AWS_ENDPOINT_URL: sandbox.url, ...SETTINGS, ...ports };
}, 60_000);

afterAll(async () => {
  await sandbox.stop();
  rmSync(dir, { recursive: true });
});

/** As README.md has it typed, by somebody whose settings are in .env alone. */
function fillIn(name: PolicyName): void {
  const [, lines = ''] = /```sh\n(set -a[^`]*)```/.exec(README) ?? [];
  execFileSync('sh', ['-c', lines.replaceAll('deploy', name)], { cwd: dir, env: { PATH: process.env['PATH'], TMPDIR: dir }, stdio: 'pipe' });
}

/** Types a command as somebody with that policy. @returns what it printed. */
async function as(user: PolicyName, line: string, { exit = 0, ...more }: Readonly<Record<string, string | number>> = {}): Promise<string> {
  process.env['AWS_ACCESS_KEY_ID'] = user;
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { ...variables, ...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, String(value)])) };
  const code = await runProgram(line.split(' '), { stdin: new PassThrough(), stdout, stderr, env }, '0');
  stdout.end();
  stderr.end();
  const printed = `${await text(stdout)}${await text(stderr)}`;
  expect({ line, code, printed: code === exit ? '' : printed }).toEqual({ line, code: exit, printed: '' });
  return printed;
}

const clientFor = (accessKeyId: string) => ({ endpoint: sandbox.url, region: REGION, credentials: { accessKeyId, secretAccessKey: 'test' } });

/** Two target groups that others made, with the default rule of a listener of theirs, which `remove` takes away again. */
async function twoGroups(): Promise<{ primary: string; canary: string; remove: () => Promise<unknown> }> {
  const elb = new ElasticLoadBalancingV2(clientFor('admin'));
  const make = async (Name: string) => (await elb.createTargetGroup({ Name, Protocol: 'HTTP', Port: 80, VpcId: 'vpc-1', TargetType: 'ip' })).TargetGroups?.[0]?.TargetGroupArn ?? '';
  const [primary, canary] = [await make('old'), await make('new')];
  const { LoadBalancers = [] } = await elb.describeLoadBalancers({});
  const TargetGroups = [{ TargetGroupArn: primary, Weight: 1 }, { TargetGroupArn: canary, Weight: 1 }];
  const { Listeners = [] } = await elb.createListener({
    LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn, Protocol: 'HTTP', Port: await freePort(), DefaultActions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }],
  });
  return { primary, canary, remove: () => elb.deleteListener({ ListenerArn: Listeners[0]?.ListenerArn }) };
}

function checks(): AccessCheck[] {
  return readFileSync(join(dir, 'sandbox', 'access.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
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
const SECRETS = `PASSWORD=arn:aws:secretsmanager:${REGION}:000000000000:secret:db-AbCdEf,KEY=arn:aws:ssm:${REGION}:000000000000:parameter/fleet/key`;
const SLOW_MACHINE = 600_000;

test('every command of the program does its work with the policy that README.md names for it', async () => {
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
  await as('deploy', 'route --canary 50', { SETTLE: '2s' });
  await as('read-only', 'status');
  await as('read-only', 'logs');
  await as('deploy', 'logs --tag 1');
  await as('route', 'status');
  await as('route', 'route --canary 60', { SETTLE: '2s' });
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
  await as('infra', 'destroy-infra --yes', BASTION);
  expect(checks().filter(({ decision }) => decision !== 'allowed')).toEqual([]);
  // The stack is named beside a change set.
  expect(checks().filter(({ action, resource }) => action.endsWith('ChangeSet') && !resource.includes(':stack/'))).toEqual([]);
}, SLOW_MACHINE);

test.each(POLICIES)('%s grants nothing that no call needs', (name) => {
  const used = new Set(checks().filter(({ user }) => user === name).map(({ action }) => action));
  const excused = Object.values(NOT_MET[name]).flat();
  expect(granted(name).filter((action) => action.includes('*'))).toEqual([]);
  expect(granted(name).filter((action) => !mapped().has(action))).toEqual([]);
  expect([...new Set(granted(name))].filter((action) => !used.has(action) && !excused.includes(action))).toEqual([]);
  expect(excused.filter((action) => used.has(action))).toEqual([]);
});

test('services of others in the same cluster can be read, and not be changed', async () => {
  const [admin, deploy] = [new ECS(clientFor('admin')), new ECS(clientFor('deploy'))];
  await admin.createCluster({ clusterName: 'fleet' });
  await admin.registerTaskDefinition({ family: 'theirs', containerDefinitions: [{ name: 'web', image: 'web:1', memory: 128 }] });
  const theirs = { cluster: 'fleet', service: 'theirs' };
  await admin.createService({ cluster: 'fleet', serviceName: 'theirs', taskDefinition: 'theirs', desiredCount: 0 });
  const denied = { name: 'AccessDeniedException' };
  for (const user of ['infra', 'deploy', 'route']) {
    const ecs = new ECS(clientFor(user));
    expect((await ecs.describeServices({ cluster: 'fleet', services: ['theirs'] })).services).toHaveLength(1);
    await expect(ecs.updateService({ ...theirs, desiredCount: 1 })).rejects.toMatchObject(denied);
    await expect(ecs.deleteService(theirs)).rejects.toMatchObject(denied);
  }
  const made = { cluster: 'fleet', serviceName: 'ours', taskDefinition: 'theirs', desiredCount: 0 };
  await expect(deploy.createService(made)).rejects.toMatchObject(denied);
  await deploy.createService({ ...made, tags: [{ key: 'ecs-canary:project', value: 'fleet' }] });
  await deploy.updateService({ cluster: 'fleet', service: 'ours', desiredCount: 0 });
});

test('a change set of the command is granted where the call names it by its ARN alone, and no other', async () => {
  const infra = new CloudFormation(clientFor('infra'));
  const named = (name: string) => ({ ChangeSetName: `arn:aws:cloudformation:${REGION}:000000000000:changeSet/${name}/1` });
  await expect(infra.describeChangeSet(named('ecs-canary-look-1'))).rejects.toMatchObject({ name: 'ChangeSetNotFoundException' });
  await expect(infra.describeChangeSet(named('theirs'))).rejects.toMatchObject({ name: 'AccessDenied' });
});

test('settings that are missing end the command line of README.md, and no policy without them comes to be', () => {
  writeFileSync(join(dir, '.env'), 'PROJECT_NAME=fleet\n');
  rmSync(join(dir, 'route.json'));
  expect(() => fillIn('route')).toThrow(/AWS_ACCOUNT_ID/);
  expect(readdirSync(dir)).not.toContain('route.json');
});

test('README.md names a policy for each command, and explains each statement', () => {
  for (const [path, { local }] of commands) if (!local) expect(README).toContain(`\`${path.join(' ')}\``);
  for (const name of POLICIES) {
    const { Statement } = JSON.parse(readFileSync(`docs/iam/${name}.json`, 'utf8'));
    for (const { Sid } of Statement) expect(README).toContain(`\`${Sid}\``);
  }
});
