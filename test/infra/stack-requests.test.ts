/** What stacks are to be: what stays although its setting went away, and what can not be exchanged. */
import type { Stack, StackRequest } from '../../src/aws/cloudformation.ts';
import { baseRequest, needsBase, serviceRequest } from '../../src/infra/stack-requests.ts';
import { readSettings, type Settings } from '../../src/settings/settings.ts';

const settingsWith = (variables: Record<string, string> = {}): Settings =>
  readSettings({ PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: 'eu-central-1', AWS_ACCOUNT_ID: '000000000000', ...variables });
const stackOf = ({ name, parameters, tags }: StackRequest, outputs: Record<string, string> = {}): Stack =>
  ({ id: 'id', name, status: 'CREATE_COMPLETE', statusReason: undefined, parameters, outputs, tags, isProtected: false });

const VPC = { VPC_ID: 'vpc-0a1b2c3d', SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b' };
const CERTIFICATE_ARN = 'arn:aws:acm:eu-central-1:000000000000:certificate/0a1b2c3d';
const GROUP = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/web/0123456789abcdef';
const PAIR = { ...VPC, BLUE_TARGET_GROUP_ARN: GROUP, GREEN_TARGET_GROUP_ARN: `${GROUP}0` };
const LISTENER_ARNS = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/web/0123456789abcdef/fedcba9876543210';

test('the base is protected unless the settings say otherwise, the part of a service as somebody left it', () => {
  expect(baseRequest(settingsWith(), undefined).protect).toBe(true);
  expect(baseRequest(settingsWith({ TERMINATION_PROTECTION: 'false' }), undefined).protect).toBe(false);
  const settings = settingsWith();
  expect(serviceRequest(settings, settings.service, 'vpc-1').protect).toBeUndefined();
});

test('what others may stand on stays when its setting goes away', () => {
  const before = baseRequest(settingsWith({ CERTIFICATE_ARN, NAT: 'one' }), undefined);
  const after = baseRequest(settingsWith(), stackOf(before, { PublicListenerArn: 'listener' }));
  expect(after.parameters).toMatchObject({ CertificateArn: CERTIFICATE_ARN, Nat: 'none', PrivateSubnets: 'true' });
  expect(baseRequest(settingsWith(), stackOf(after)).parameters).toMatchObject({ PrivateSubnets: 'true' });
  // A base of a time before each service had a group of its own.
  expect(baseRequest(settingsWith(), stackOf(before, { TaskSecurityGroupId: 'sg-1' })).parameters).toMatchObject({ SharedTaskSecurityGroup: 'true' });
  expect(before.parameters).toMatchObject({ SharedTaskSecurityGroup: 'false' });

  const settings = settingsWith({ SECURITY_GROUP_IDS: 'sg-0a1b2c3d' });
  const own = serviceRequest(settingsWith(), settings.service, 'vpc-1', { loadBalancerGroup: 'sg-1' });
  expect(serviceRequest(settings, settings.service, 'vpc-1', { loadBalancerGroup: 'sg-1' }).parameters).toMatchObject({ LoadBalancerSecurityGroupId: '' });
  expect(serviceRequest(settings, settings.service, 'vpc-1', { loadBalancerGroup: 'sg-1', existing: stackOf(own) }).parameters).toMatchObject({
    LoadBalancerSecurityGroupId: own.parameters['LoadBalancerSecurityGroupId'],
  });
});

test('tags that somebody gave to a stack stay, but for those of AWS', () => {
  const settings = settingsWith();
  const given = { 'cost-centre': '42', 'aws:cloudformation:stack-name': 'fleet', 'ecs-canary:project': 'boat' };
  const tagged = { ...stackOf(baseRequest(settings, undefined)), tags: given };
  expect(baseRequest(settings, tagged).tags).toEqual({ 'cost-centre': '42', 'ecs-canary:project': 'fleet' });
  expect(serviceRequest(settings, settings.service, 'vpc-1', { existing: tagged }).tags).toEqual({
    'cost-centre': '42', 'ecs-canary:project': 'fleet', 'ecs-canary:service': 'server',
  });
});

test.each([
  ['into another VPC', {}, VPC, /made without VPC_ID, and VPC_ID is vpc-0a1b2c3d now/],
  ['out of a VPC', VPC, {}, /made with VPC_ID=vpc-0a1b2c3d, and VPC_ID is not set now/],
  ['into another cluster', { CLUSTER: 'one' }, { CLUSTER: 'two' }, /made with CLUSTER=one, and CLUSTER is two now/],
])('a base does not move %s', (_what, before, after, message) => {
  const existing = stackOf(baseRequest(settingsWith(before), undefined));
  expect(() => baseRequest(settingsWith(after), existing)).toThrow(expect.objectContaining({ code: 'infra-moved', message: expect.stringMatching(message) }));
});

test('the pair of a service is not exchanged', () => {
  const own = settingsWith(VPC);
  const given = settingsWith(PAIR);
  const existing = stackOf(serviceRequest(own, own.service, 'vpc-1'));
  const moved = expect.objectContaining({ code: 'infra-moved', next: expect.stringContaining('remove BLUE_TARGET_GROUP_ARN') });
  expect(() => serviceRequest(given, given.service, 'vpc-1', { existing })).toThrow(moved);
  expect(() => serviceRequest(own, own.service, 'vpc-1', { existing })).not.toThrow();
});

test('a base is needed as long as anything of it is not there', () => {
  const all = { ...VPC, LISTENER_ARNS, SECURITY_GROUP_IDS: 'sg-0a', CLUSTER: 'shared' };
  expect(needsBase(settingsWith(all))).toBe(false);
  expect(needsBase(settingsWith({ ...all, CLUSTER: '' }))).toBe(true);
  expect(needsBase(settingsWith({ ...all, KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24' }))).toBe(true);
  expect(needsBase(settingsWith({ ...VPC, CLUSTER: 'shared' }))).toBe(true);
});

test('a role may read each secret as a whole, and each parameter, once', () => {
  const secret = 'arn:aws:secretsmanager:eu-central-1:000000000000:secret:db-AbCdEf';
  const parameter = 'arn:aws:ssm:eu-central-1:000000000000:parameter/fleet/key';
  const settings = settingsWith({ SECRETS: `USER=${secret}:user::,PASSWORD=${secret}:password::,KEY=${parameter}` });
  expect(serviceRequest(settings, settings.service, 'vpc-1').parameters).toMatchObject({ SecretArns: secret, SecretParameterArns: parameter });
});
