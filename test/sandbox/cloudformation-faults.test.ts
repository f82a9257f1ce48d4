/** Fault orders for resources of stacks, and what CloudFormation makes of a resource that fails. */
import { DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import { parametersOf, useLab } from './cloudformation-lab.ts';

const lab = useLab();

const TEMPLATE = `
Parameters:
  Path: {Type: String, Default: /}
  Port: {Type: Number, Default: 80}
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {TargetType: ip, Protocol: HTTP, Port: !Ref Port, VpcId: !Ref Vpc, HealthCheckPath: !Ref Path}
  Cluster: {Type: 'AWS::ECS::Cluster', DependsOn: Group}
Outputs:
  Arn: {Value: !Ref Group}
`;

const groups = async () => {
  const { TargetGroups } = await lab.region.call('elasticloadbalancing', 'DescribeTargetGroups', {});
  return TargetGroups;
};
const WORDED =
  /^Resource handler returned message: "No more clusters\. \(Service: ECS, Status Code: 400, Request ID: [0-9a-f-]{36}\)" \(RequestToken: [0-9a-f-]{36}, HandlerErrorCode: GeneralServiceException\)$/;

test('a resource that can not be made takes the stack with it, once, and in its stack only', async () => {
  await lab.sandbox.faults.order({ resource: 'Cluster', stack: 'net', reason: 'No more clusters.' });
  expect((await lab.create('other', TEMPLATE)).StackStatus).toBe('CREATE_COMPLETE');
  const stack = await lab.create('net', TEMPLATE);
  expect(stack.StackStatus).toBe('ROLLBACK_COMPLETE');
  const failure = (await lab.history('net')).find((line) => line.startsWith('Cluster CREATE_FAILED '));
  expect(failure?.slice('Cluster CREATE_FAILED '.length)).toMatch(WORDED);
  expect(await groups()).toHaveLength(1);
  expect(lab.sandbox.faults.list()).toMatchObject([{ seen: 1, hits: 1 }]);
  await lab.client.send(new DeleteStackCommand({ StackName: 'net' }));
  await lab.settled(stack.StackId ?? '');
  expect((await lab.create('net', TEMPLATE)).StackStatus).toBe('CREATE_COMPLETE');
});

test('a resource that can not be changed: what was changed and replaced before it is put back', async () => {
  const { Outputs } = await lab.create('net', TEMPLATE);
  await lab.sandbox.faults.order({ resource: 'AWS::ECS::Cluster', on: 'update', reason: 'No more clusters.' });
  const changed = TEMPLATE.replace('DependsOn: Group', 'DependsOn: Group, Properties: {ClusterName: other}');
  const stack = await lab.update('net', changed, { Parameters: parametersOf({ Path: '/ping', Port: '81' }) });
  expect(stack).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_COMPLETE', Outputs });
  expect(await groups()).toEqual([expect.objectContaining({ TargetGroupArn: Outputs?.[0]?.OutputValue, Port: 80, HealthCheckPath: '/' })]);
});

test('what can not be put back leaves the stack in UPDATE_ROLLBACK_FAILED', async () => {
  await lab.create('net', TEMPLATE);
  await lab.sandbox.faults.order({ resource: 'Group', on: 'update', times: 2 });
  const stack = await lab.update('net', TEMPLATE, { Parameters: parametersOf({ Path: '/ping' }) });
  expect(stack).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_FAILED' });
});

test('what can not be deleted stays, with what it needs', async () => {
  const { StackId = '' } = await lab.create('net', TEMPLATE);
  await lab.sandbox.faults.order({ resource: 'Group', on: 'delete' });
  await lab.client.send(new DeleteStackCommand({ StackName: 'net' }));
  expect(await lab.settled('net')).toMatchObject({
    StackStatus: 'DELETE_FAILED', StackStatusReason: 'The following resource(s) failed to delete: [Group]. ',
  });
  expect((await lab.history('net')).filter((line) => line.startsWith('Vpc DELETE'))).toEqual([]);
  await lab.client.send(new DeleteStackCommand({ StackName: 'net' }));
  expect((await lab.settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
});
