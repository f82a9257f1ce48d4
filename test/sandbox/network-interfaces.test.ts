/** A task's network interface holds its subnet and security group for as long as it is there. */
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { openEcsLab } from './ecs-lab.ts';
import { clientOf } from './running.ts';

const NETWORK = `
Resources:
  Subnet: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: vpc-1, CidrBlock: 10.0.0.0/20}}
  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: g, VpcId: vpc-1}}
Outputs: {Subnet: {Value: !Ref Subnet}, Group: {Value: !GetAtt Group.GroupId}}
`;

test('the network of a running task can not be deleted, that of a stopped one can', async () => {
  const lab = await openEcsLab();
  const cloudformation = new CloudFormation(clientOf(lab.sandbox));
  const settled = async (StackName: string) => {
    for (;;) {
      const [stack] = (await cloudformation.describeStacks({ StackName })).Stacks ?? [];
      if (stack && !stack.StackStatus?.endsWith('_IN_PROGRESS')) return stack;
    }
  };
  try {
    const { StackId = '' } = await cloudformation.createStack({ StackName: 'net', TemplateBody: NETWORK });
    const outputs = new Map((await settled('net')).Outputs?.map(({ OutputKey, OutputValue = '' }) => [OutputKey, OutputValue]));
    const awsvpcConfiguration = { subnets: [outputs.get('Subnet') ?? ''], securityGroups: [outputs.get('Group') ?? ''] };
    await lab.createService('held', await lab.register('1'), { desiredCount: 1, networkConfiguration: { awsvpcConfiguration } });
    await lab.until('held', ({ runningCount }) => runningCount === 1);
    await cloudformation.deleteStack({ StackName: 'net' });
    expect((await settled('net')).StackStatusReason).toMatch(/failed to delete: \[(Subnet, Group|Group, Subnet)\]/);

    await lab.update('held', { desiredCount: 0 });
    for (let stopped = false; !stopped; ) {
      stopped = (await lab.tasks('held', 'STOPPED')).some(({ lastStatus }) => lastStatus === 'STOPPED');
    }
    await cloudformation.deleteStack({ StackName: 'net' });
    expect((await settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
  } finally {
    cloudformation.destroy();
    await lab.end();
  }
}, 60_000);
