/** What the calls that change stacks refuse, and what they do when they are asked twice. */
import {
  ContinueUpdateRollbackCommand, CreateStackCommand, DeleteStackCommand, UpdateStackCommand, UpdateTerminationProtectionCommand,
} from '@aws-sdk/client-cloudformation';
import { parametersOf, useLab } from './cloudformation-lab.ts';

const lab = useLab();

const TEMPLATE = `
Parameters: {Path: {Type: String, Default: /}}
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {TargetType: ip, Protocol: HTTP, Port: 80, VpcId: !Ref Vpc, HealthCheckPath: !Ref Path}
`;

const remove = (more: object = {}) => lab.client.send(new DeleteStackCommand({ StackName: 'net', ...more }));
const protect = (EnableTerminationProtection: boolean) =>
  lab.client.send(new UpdateTerminationProtectionCommand({ StackName: 'net', EnableTerminationProtection }));

test('a protected stack is not deleted until it is protected no more', async () => {
  const { StackId = '' } = await lab.create('net', TEMPLATE, { EnableTerminationProtection: true });
  const refused = { name: 'ValidationError', message: 'Stack [net] cannot be deleted while TerminationProtection is enabled' };
  await expect(remove()).rejects.toMatchObject(refused);
  await lab.restart();
  await expect(remove()).rejects.toMatchObject(refused);
  expect(await lab.settled('net')).toMatchObject({ StackStatus: 'CREATE_COMPLETE', EnableTerminationProtection: true });
  await protect(false);
  expect(await lab.settled('net')).toMatchObject({ EnableTerminationProtection: false });
  await protect(true);
  await expect(remove()).rejects.toMatchObject(refused);
  await protect(false);
  await remove();
  expect((await lab.settled(StackId)).EnableTerminationProtection).toBeUndefined();
});

test('a client token stands for one request: the same is told the same, another is refused', async () => {
  const taken = { name: 'TokenAlreadyExistsException' };
  const made = await lab.create('net', TEMPLATE, { ClientRequestToken: 'one' });
  expect(await lab.create('net', TEMPLATE, { ClientRequestToken: 'one' })).toEqual(made);
  await expect(lab.create('net', `${TEMPLATE}#`, { ClientRequestToken: 'one' })).rejects.toMatchObject(taken);
  await expect(lab.create('net', TEMPLATE, { ClientRequestToken: 'two' })).rejects.toMatchObject({ name: 'AlreadyExistsException' });
  const Parameters = parametersOf({ Path: '/a' });
  await expect(lab.update('net', TEMPLATE, { Parameters, ClientRequestToken: 'one' })).rejects.toMatchObject(taken);
  await expect(remove({ ClientRequestToken: 'one' })).rejects.toMatchObject(taken);
  const changed = await lab.update('net', TEMPLATE, { Parameters, ClientRequestToken: 'change' });
  // The token of an earlier operation still stands for it.
  expect(await lab.create('net', TEMPLATE, { ClientRequestToken: 'one' })).toEqual(changed);
  expect(await lab.update('net', TEMPLATE, { Parameters, ClientRequestToken: 'change' })).toEqual(changed);
});

test('a rollback that failed can be continued, also without the resource that it failed for', async () => {
  const resume = (ResourcesToSkip: string[] = []) =>
    lab.client.send(new ContinueUpdateRollbackCommand({ StackName: 'net', ResourcesToSkip }));
  await lab.create('net', TEMPLATE);
  await expect(resume()).rejects.toMatchObject({ name: 'ValidationError', message: expect.stringContaining('is in CREATE_COMPLETE state') });
  await lab.sandbox.faults.order({ resource: 'Group', on: 'update', times: 3 });
  expect((await lab.update('net', TEMPLATE, { Parameters: parametersOf({ Path: '/a' }) })).StackStatus).toBe('UPDATE_ROLLBACK_FAILED');
  await resume();
  expect((await lab.settled('net')).StackStatus).toBe('UPDATE_ROLLBACK_FAILED');
  await expect(resume(['Vpc'])).rejects.toMatchObject({ message: expect.stringContaining('[Vpc]') });
  await resume(['Group']);
  expect((await lab.settled('net')).StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');
  expect((await lab.update('net', TEMPLATE, { Parameters: parametersOf({ Path: '/b' }) })).StackStatus).toBe('UPDATE_COMPLETE');
});

test.each([
  ['a value of a list that is not allowed', '{Type: CommaDelimitedList, AllowedValues: [a, b]}', 'a,c', "Parameter 'P' must be one of AllowedValues"],
  ['a value of a list out of its pattern', "{Type: CommaDelimitedList, AllowedPattern: '[a-z]+'}", 'a,1', "Parameter 'P' must match pattern [a-z]+"],
  ['a list of numbers with a word', "{Type: 'List<Number>'}", '1,two', "Parameter 'P' must be a number"],
  ['a text too long', '{Type: String, MaxLength: 2}', 'abc', "Parameter 'P' must contain at most 2 characters"],
  ['a text too short, in words of the template', '{Type: String, MinLength: 2, ConstraintDescription: be longer.}', 'a', "Parameter 'P' failed to satisfy constraint: be longer."],
  ['a VPC that is none', "{Type: 'AWS::EC2::VPC::Id'}", 'mine', 'Parameter validation failed: parameter value mine for parameter name P does not exist'],
  ['a subnet that is none', "{Type: 'List<AWS::EC2::Subnet::Id>'}", 'subnet-1, b', 'Parameter validation failed: parameter value b for parameter name P does not exist'],
  ['an SSM parameter that is not there', "{Type: 'AWS::SSM::Parameter::Value<String>'}", '/none', 'Unable to fetch parameters [/none] from parameter store for this account.'],
  ['a type that does not exist', '{Type: Text}', 'a', 'Template format error: Unrecognized parameter type: Text'],
])('refuses %s', async (_what, declaration, value, message) => {
  const template = `Parameters: {P: ${declaration}}\nResources: {X: {Type: 'AWS::ECS::Cluster'}}`;
  await expect(lab.create('bad', template, { Parameters: parametersOf({ P: value }) })).rejects.toMatchObject({ name: 'ValidationError', message });
});

test('lists and SSM parameters give what they hold', async () => {
  await lab.region.call('ssm', 'PutParameter', { Name: '/size', Type: 'String', Value: 'small' });
  const template = `
Parameters:
  Ports: {Type: 'List<Number>', Default: '80, 443'}
  Subnets: {Type: 'List<AWS::EC2::Subnet::Id>', Default: 'subnet-a,subnet-b'}
  Size: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /size}
Resources: {X: {Type: 'AWS::ECS::Cluster'}}
Outputs:
  All: {Value: !Join ['|', [!Select [1, !Ref Ports], !Select [1, !Ref Subnets], !Ref Size]]}
`;
  expect((await lab.create('lists', template)).Outputs).toEqual([{ OutputKey: 'All', OutputValue: '443|subnet-b|small' }]);
  await expect(
    lab.create('importing', "Resources: {X: {Type: 'AWS::ECS::Cluster', Properties: {ClusterName: !ImportValue name}}}"),
  ).rejects.toMatchObject({ name: 'ValidationError', message: expect.stringContaining('Fn::ImportValue is not supported') });
});

test('what a template says is not what is live: drift stays until a property of the resource changes', async () => {
  await lab.create('net', TEMPLATE);
  const TargetGroupArn = await lab.physicalId('net', 'Group');
  const live = async () => {
    const { TargetGroups } = await lab.region.call('elasticloadbalancing', 'DescribeTargetGroups', { TargetGroupArns: [TargetGroupArn] });
    return TargetGroups;
  };
  await lab.region.call('elasticloadbalancing', 'ModifyTargetGroup', { TargetGroupArn, HealthCheckPath: '/live' });
  const other = TEMPLATE.replace('10.0.0.0/16}', '10.0.0.0/16, EnableDnsSupport: true}');
  expect((await lab.update('net', other)).StackStatus).toBe('UPDATE_COMPLETE');
  expect(await live()).toMatchObject([{ HealthCheckPath: '/live' }]);
  const touched = other.replace('HealthCheckPath', 'HealthyThresholdCount: 3, HealthCheckPath');
  await lab.client.send(new UpdateStackCommand({ StackName: 'net', TemplateBody: touched }));
  await lab.settled('net');
  expect(await live()).toMatchObject([{ HealthCheckPath: '/', HealthyThresholdCount: 3 }]);
  await expect(lab.client.send(new CreateStackCommand({ StackName: 'net', TemplateBody: TEMPLATE }))).rejects.toMatchObject({ name: 'AlreadyExistsException' });
});
