/** The policies of docs/iam where a project uses what others made: none of it carries the project's tag. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { withFolder } from '../folder.ts';
import { filesOf } from '../release/deployment.ts';
import { ACCOUNT, type Callers, makeCallers, REGION } from './callers.ts';

const SLOW_MACHINE = 600_000;
const SUBNET_IDS = 'subnet-0aaaaaaaaaaaaaaa1,subnet-0aaaaaaaaaaaaaaa2';
const SECRETS = `PASSWORD=arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:db-AbCdEf`;

let callers: Callers;
let elb: ElasticLoadBalancingV2;
let ecs: ECS;

beforeAll(async () => {
  callers = await makeCallers({ PROJECT_NAME: 'quay', CLUSTER: 'pier' });
  [elb, ecs] = [new ElasticLoadBalancingV2(callers.client('admin')), new ECS(callers.client('admin'))];
  await ecs.createCluster({ clusterName: 'pier' });
}, 60_000);

afterAll(() => callers.stop());

/** A load balancer of others with a listener, a rule of theirs, and two groups of theirs that no rule names; with what uses them. */
async function madeByOthers() {
  const { LoadBalancers: [balancer] = [] } = await elb.createLoadBalancer({ Name: 'pier', Subnets: SUBNET_IDS.split(',') });
  const group = async (Name: string) => {
    const { TargetGroups: [{ TargetGroupArn = '' } = {}] = [] } = await elb.createTargetGroup({
      Name, Protocol: 'HTTP', Port: 80, VpcId: balancer?.VpcId, TargetType: 'ip', HealthCheckPath: '/ping', HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 2,
    });
    await elb.modifyTargetGroupAttributes({ TargetGroupArn, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '10' }] });
    return TargetGroupArn;
  };
  const [blue, green, other] = [await group('blue'), await group('green'), await group('other')];
  const { Listeners: [{ ListenerArn = '' } = {}] = [] } = await elb.createListener({
    LoadBalancerArn: balancer?.LoadBalancerArn, Protocol: 'HTTP', Port: await freePort(),
    DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
  });
  await elb.createRule({ ListenerArn, Priority: 7, Conditions: [{ Field: 'path-pattern', Values: ['/pier/*'] }], Actions: [{ Type: 'forward', TargetGroupArn: other }] });
  await ecs.registerTaskDefinition({ family: 'theirs', containerDefinitions: [{ name: 'web', image: 'web:1', memory: 128 }] });
  await ecs.createService({ cluster: 'pier', serviceName: 'theirs', taskDefinition: 'theirs', desiredCount: 0 });
  const settings = {
    VPC_ID: balancer?.VpcId ?? '', SUBNET_IDS, NAT: 'one', SECURITY_GROUP_IDS: 'sg-0aaaaaaaaaaaaaaa1', LISTENER_ARNS: ListenerArn,
    BLUE_TARGET_GROUP_ARN: blue, GREEN_TARGET_GROUP_ARN: green,
  };
  return { settings, listener: ListenerArn, blue, green };
}

const push = (version: string, settings: Readonly<Record<string, string>>) =>
  withFolder(filesOf(version, ''), (path) => callers.as('deploy', `push ${path} --tag ${version}`, settings));

const refused = () => callers.checks().filter(({ decision }) => decision !== 'allowed');

test('where everything is there already each command does its work with its policy', async () => {
  const { as } = callers;
  const { settings, listener, blue, green } = await madeByOthers();
  await as('read-only', 'build-infra --dry-run', settings);
  await as('infra', 'build-infra', settings);
  await as('read-only', 'build-infra --dry-run', { ...settings, SECRETS });
  await as('infra', 'build-infra --change-set', { ...settings, SECRETS });
  await as('infra', 'build-infra --yes', { ...settings, SECRETS });

  await push('1', settings);
  await as('deploy', 'rollout --tag 1', settings);
  await push('2', settings);
  await as('read-only', 'rollout --tag 2 --dry-run', settings);
  await as('deploy', 'rollout --tag 2', settings);
  await as('deploy', 'route --canary 50', settings);
  await as('read-only', 'status', settings);
  await as('route', 'route --canary 60', settings);
  await as('route', 'status', settings);
  await as('read-only', 'history', settings);
  await as('infra', 'build-infra', settings);
  await as('deploy', 'rollback', settings);
  await as('deploy', 'rollout --tag 2', settings);
  expect(refused()).toEqual([]);

  // A rule for the pair that its owner made by hand, as README.md has it.
  const rule = await elb.createRule({
    ListenerArn: listener, Priority: 90, Conditions: [{ Field: 'host-header', Values: ['by-hand.example'] }],
    Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups: [{ TargetGroupArn: blue, Weight: 100 }, { TargetGroupArn: green, Weight: 0 }] } }],
  });
  const printed = await as('deploy', 'route --canary 10', { ...settings, exit: 1 });
  expect(printed).toContain('elasticloadbalancing:ModifyRule');
  expect(printed).toContain('Users are on 1 with 100% of the traffic');
  await as('route', 'route --canary 10', settings);
  await as('route', 'rollback', settings);
  await elb.deleteRule({ RuleArn: rule.Rules?.[0]?.RuleArn });
  await as('deploy', 'rollout --tag 2', settings);
  await as('deploy', 'promote', settings);
  await as('deploy', 'destroy-old --yes', settings);
  expect(refused()).toMatchObject([{ user: 'deploy', action: 'elasticloadbalancing:ModifyRule', resource: rule.Rules?.[0]?.RuleArn }]);

  await as('read-only', 'destroy-infra --dry-run', settings);
  await as('infra', 'destroy-infra --yes', settings);
  expect(refused()).toHaveLength(1);
}, SLOW_MACHINE);

test('so it does where the VPC is there already, and its load balancers and its bastion are to be made in it', async () => {
  const { as } = callers;
  const before = refused().length;
  const settings = { VPC_ID: 'vpc-0aaaaaaaaaaaaaaa1', SUBNET_IDS, KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24', SERVICES: 'server,store', STORE_PATH_PATTERN: '/store/*' };
  await as('infra', 'build-infra', settings);
  await as('infra', 'build-infra --yes', { ...settings, DEREGISTRATION_DELAY: '12', LISTENER_PORT: String(await freePort()) });
  await push('3', settings);
  await as('deploy', 'rollout --tag 3', settings);
  await as('read-only', 'status', settings);
  await as('infra', 'destroy-infra --yes', settings);
  expect(refused().slice(before)).toEqual([]);
}, SLOW_MACHINE);

test('in the cluster of others only ECS services and tasks are granted, and theirs only to be read', async () => {
  const { Statement }: { Statement: { Sid: string }[] } = JSON.parse(readFileSync(join(callers.dir, 'infra.json'), 'utf8'));
  const about = Statement.filter((statement) => JSON.stringify(statement).includes('/pier'));
  expect(about.map(({ Sid }) => Sid)).toEqual(['Services', 'OwnServices', 'ListServices']);
  for (const user of ['infra', 'deploy', 'route'] as const) {
    const theirs = new ECS(callers.client(user));
    expect((await theirs.describeServices({ cluster: 'pier', services: ['theirs'] })).services).toHaveLength(1);
    await expect(theirs.updateService({ cluster: 'pier', service: 'theirs', desiredCount: 1 })).rejects.toMatchObject({ name: 'AccessDeniedException' });
  }
});

test('nobody makes a listener or a rule of others the project\'s by its tag', async () => {
  const { Listeners: [{ ListenerArn = '' } = {}] = [] } = await elb.describeListeners({ LoadBalancerArn: (await elb.describeLoadBalancers({ Names: ['pier'] })).LoadBalancers?.[0]?.LoadBalancerArn });
  const { Rules = [] } = await elb.describeRules({ ListenerArn });
  const arns = [ListenerArn, ...Rules.flatMap(({ RuleArn = '', IsDefault }) => (IsDefault ? [] : [RuleArn]))];
  expect(arns).toHaveLength(2);
  const infra = new ElasticLoadBalancingV2(callers.client('infra'));
  for (const arn of arns) {
    await expect(infra.addTags({ ResourceArns: [arn], Tags: [{ Key: 'ecs-canary:project', Value: 'quay' }] })).rejects.toMatchObject({ name: 'AccessDenied' });
  }
});
