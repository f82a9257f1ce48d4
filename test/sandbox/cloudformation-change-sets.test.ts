/** Change sets: what they say, what executing them does, and when they can't be. */
import {
  CreateChangeSetCommand, type CreateChangeSetInput, CreateStackCommand, DeleteChangeSetCommand, DeleteStackCommand,
  DescribeChangeSetCommand, type DescribeChangeSetOutput, DescribeStacksCommand, ExecuteChangeSetCommand, GetTemplateCommand,
  ListChangeSetsCommand, paginateListChangeSets, UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { parametersOf, useLab } from './cloudformation-lab.ts';

const lab = useLab();

const NETWORK = `
Parameters:
  Port: {Type: Number, Default: 80}
  Path: {Type: String, Default: /}
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {TargetType: ip, Protocol: HTTP, Port: !Ref Port, VpcId: !Ref Vpc, HealthCheckPath: !Ref Path}
  Note: {Type: 'AWS::SSM::Parameter', Properties: {Name: note, Type: String, Value: !GetAtt Group.TargetGroupName}}
Outputs:
  Arn: {Value: !Ref Group}
`;

async function make(input: Partial<CreateChangeSetInput> = {}): Promise<DescribeChangeSetOutput> {
  const { Id } = await lab.client.send(
    new CreateChangeSetCommand({ StackName: 'net', ChangeSetName: 'plan', TemplateBody: NETWORK, ...input }),
  );
  for (;;) {
    const made = await lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: Id }));
    if (made.Status !== 'CREATE_PENDING' && made.Status !== 'CREATE_IN_PROGRESS') return made;
  }
}

const execute = (ChangeSetName: string | undefined, more: object = {}) =>
  lab.client.send(new ExecuteChangeSetCommand({ ChangeSetName, ...more }));
const statusOf = async (StackName: string) =>
  (await lab.client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0]?.StackStatus;
const listed = async () =>
  ((await lab.client.send(new ListChangeSetsCommand({ StackName: 'net' }))).Summaries ?? []).map(
    ({ ChangeSetName, ExecutionStatus }) => `${ChangeSetName} ${ExecutionStatus}`,
  );
/** One line for each change. */
const told = ({ Changes = [] }: DescribeChangeSetOutput) =>
  Changes.map(({ ResourceChange: change }) =>
    [change?.Action, change?.LogicalResourceId, change?.Replacement, change?.Scope?.join('+')].filter(Boolean).join(' '),
  );

test('the first one makes a stack that is but reviewed; executing it makes the resources', async () => {
  const plan = await make({ ChangeSetType: 'CREATE', Description: 'look first', Tags: [{ Key: 'team', Value: 'blue' }] });
  expect(plan).toMatchObject({
    Status: 'CREATE_COMPLETE', ExecutionStatus: 'AVAILABLE', Description: 'look first', Tags: [{ Key: 'team', Value: 'blue' }],
    ChangeSetId: expect.stringMatching(/^arn:aws:cloudformation:eu-central-1:000000000000:changeSet\/plan\/[0-9a-f-]{36}$/),
    Parameters: [{ ParameterKey: 'Port', ParameterValue: '80' }, { ParameterKey: 'Path', ParameterValue: '/' }],
  });
  expect(told(plan)).toEqual(['Add Group', 'Add Note', 'Add Vpc']);
  expect(await lab.settled('net')).toMatchObject({ StackStatus: 'REVIEW_IN_PROGRESS', StackStatusReason: 'User Initiated', Tags: [] });
  expect(await lab.history('net')).toEqual(['net REVIEW_IN_PROGRESS User Initiated']);
  const template = new GetTemplateCommand({ StackName: 'net', ChangeSetName: 'plan' });
  expect((await lab.client.send(template)).TemplateBody).toBe(NETWORK);
  await expect(lab.client.send(new GetTemplateCommand({ StackName: 'net' }))).rejects.toMatchObject({
    message: 'GetTemplate cannot be called on REVIEW_IN_PROGRESS stacks.',
  });
  await expect(make({ ChangeSetName: 'other' })).rejects.toMatchObject({ message: expect.stringContaining('is in REVIEW_IN_PROGRESS state') });

  await execute('plan', { StackName: 'net', ClientRequestToken: 'first' });
  const stack = await lab.settled('net');
  expect(stack).toMatchObject({ StackStatus: 'CREATE_COMPLETE', ChangeSetId: plan.ChangeSetId, Tags: [{ Key: 'team', Value: 'blue' }] });
  expect((await lab.history('net')).slice(0, 2)).toEqual(['net REVIEW_IN_PROGRESS User Initiated', 'net CREATE_IN_PROGRESS User Initiated']);
  // Asked once more under its token, because the answer was lost, it does nothing; under another one it is refused.
  await execute(plan.ChangeSetId, { ClientRequestToken: 'first' });
  await expect(execute(plan.ChangeSetId, { ClientRequestToken: 'second' })).rejects.toMatchObject({
    name: 'InvalidChangeSetStatusException', message: expect.stringContaining('execution status of [EXECUTE_COMPLETE]'),
  });
  await expect(execute('plan', { StackName: 'net' })).rejects.toMatchObject({ name: 'ChangeSetNotFoundException' });
});

test('tells what changes, whether it is replaced, and why, without having done anything', async () => {
  await lab.create('net', NETWORK);
  const before = await lab.settled('net');
  const changed = NETWORK.replace('  Note: {', '  Cluster: {Type: "AWS::ECS::Cluster"}\n  Note: {').replace('Type: String, Value', 'Type: String, Description: x, Value');
  const plan = await make({ TemplateBody: changed, Parameters: parametersOf({ Port: '81', Path: '/ping' }) });
  expect(told(plan)).toEqual(['Add Cluster', 'Modify Group True Properties', 'Modify Note False Properties']);
  const [, group, note] = plan.Changes ?? [];
  expect(group?.ResourceChange).toMatchObject({ PhysicalResourceId: await lab.physicalId('net', 'Group'), PolicyAction: 'ReplaceAndDelete' });
  const property = (Name: string, RequiresRecreation: string) => ({ Attribute: 'Properties', Name, RequiresRecreation });
  expect(group?.ResourceChange?.Details).toEqual([
    { Target: property('Port', 'Always'), Evaluation: 'Static', ChangeSource: 'ParameterReference', CausingEntity: 'Port' },
    { Target: property('Port', 'Always'), Evaluation: 'Dynamic', ChangeSource: 'DirectModification' },
    { Target: property('HealthCheckPath', 'Never'), Evaluation: 'Static', ChangeSource: 'ParameterReference', CausingEntity: 'Path' },
    { Target: property('HealthCheckPath', 'Never'), Evaluation: 'Dynamic', ChangeSource: 'DirectModification' },
  ]);
  expect(note?.ResourceChange?.Details).toEqual([
    { Target: property('Description', 'Never'), Evaluation: 'Static', ChangeSource: 'DirectModification' },
    { Target: property('Value', 'Never'), Evaluation: 'Dynamic', ChangeSource: 'ResourceAttribute', CausingEntity: 'Group.TargetGroupName' },
  ]);
  expect(await lab.settled('net')).toEqual(before);

  await execute(plan.ChangeSetId);
  expect((await lab.settled('net')).StackStatus).toBe('UPDATE_COMPLETE');
  const removing = await make({ ChangeSetName: 'less', TemplateBody: NETWORK });
  expect(told(removing)).toContain('Remove Cluster');
});

test('what refers to a resource that is replaced may be replaced, too', async () => {
  await lab.create('net', NETWORK);
  const plan = await make({ TemplateBody: NETWORK.replace('10.0', '10.1') });
  expect(told(plan)).toEqual(['Modify Group Conditional Properties', 'Modify Note False Properties', 'Modify Vpc True Properties']);
});

test('one without changes fails, stays, and can only be deleted', async () => {
  await lab.create('net', NETWORK);
  const plan = await make();
  expect(plan).toMatchObject({
    Status: 'FAILED', ExecutionStatus: 'UNAVAILABLE', Changes: [],
    StatusReason: "The submitted information didn't contain changes. Submit different information to create a change set.",
  });
  expect(await make({ ChangeSetName: 'comment', TemplateBody: `# words\n${NETWORK}` })).toMatchObject({ StatusReason: 'No updates are to be performed.' });
  await expect(execute(plan.ChangeSetId)).rejects.toMatchObject({
    name: 'InvalidChangeSetStatusException', message: `ChangeSet [${plan.ChangeSetId}] cannot be executed in its current status of [FAILED]`,
  });
  expect(await listed()).toEqual(['plan UNAVAILABLE', 'comment UNAVAILABLE']);
  const deletion = { StackName: 'net', ChangeSetName: 'plan' };
  await lab.client.send(new DeleteChangeSetCommand(deletion));
  await lab.client.send(new DeleteChangeSetCommand(deletion));
  expect(await listed()).toEqual(['comment UNAVAILABLE']);
  await expect(lab.client.send(new DescribeChangeSetCommand({ StackName: 'net', ChangeSetName: 'plan' }))).rejects.toMatchObject({
    name: 'ChangeSetNotFoundException', message: 'ChangeSet [plan] does not exist',
  });
});

test('outputs alone are a change without a resource', async () => {
  await lab.create('net', NETWORK);
  const plan = await make({ TemplateBody: `${NETWORK}  Vpc: {Value: !Ref Vpc}\n` });
  expect(plan).toMatchObject({ Status: 'CREATE_COMPLETE', Changes: [] });
  await execute(plan.ChangeSetId);
  expect((await lab.settled('net')).Outputs).toHaveLength(2);
});

test('an update makes the others obsolete, and executing one removes them', async () => {
  await lab.create('net', NETWORK);
  const stale = await make({ Parameters: parametersOf({ Path: '/a' }) });
  await lab.client.send(new UpdateStackCommand({ StackName: 'net', TemplateBody: NETWORK, Parameters: parametersOf({ Path: '/b' }) }));
  await expect(make({ ChangeSetName: 'meanwhile' })).rejects.toMatchObject({ message: expect.stringContaining('is in UPDATE_IN_PROGRESS state') });
  await lab.settled('net');
  expect(await listed()).toEqual(['plan OBSOLETE']);
  await expect(execute(stale.ChangeSetId)).rejects.toMatchObject({ message: expect.stringContaining('execution status of [OBSOLETE]') });
  const fresh = await make({ ChangeSetName: 'fresh', Parameters: parametersOf({ Path: '/c' }) });
  await execute(fresh.ChangeSetId);
  await lab.settled('net');
  expect(await listed()).toEqual([]);
  await expect(lab.client.send(new DeleteChangeSetCommand({ ChangeSetName: fresh.ChangeSetId }))).rejects.toMatchObject({ name: 'InvalidChangeSetStatusException' });
});

test('a name is taken once; the same request under the same token is the same change set', async () => {
  const first = await make({ ChangeSetType: 'CREATE', ClientToken: 'one' });
  expect((await make({ ChangeSetType: 'CREATE', ClientToken: 'one' })).ChangeSetId).toBe(first.ChangeSetId);
  const mismatch = (attribute: string) => ({
    name: 'AlreadyExistsException', message: `ChangeSet plan cannot be created due to a mismatch with existing attribute ${attribute}`,
  });
  await expect(make({ ChangeSetType: 'CREATE', ClientToken: 'two' })).rejects.toMatchObject(mismatch('ClientToken'));
  await expect(make({ ChangeSetType: 'CREATE', TemplateBody: `${NETWORK}#` })).rejects.toMatchObject(mismatch('Template'));
});

test('types fit the stack, and names are what they should be', async () => {
  await expect(make()).rejects.toMatchObject({ name: 'ValidationError', message: 'Stack [net] does not exist' });
  await expect(make({ ChangeSetType: 'CREATE', ChangeSetName: '1st' })).rejects.toMatchObject({ message: expect.stringContaining("at 'changeSetName'") });
  await lab.create('net', NETWORK);
  await expect(make({ ChangeSetType: 'CREATE' })).rejects.toMatchObject({
    message: 'Stack [net] already exists and cannot be created again with the changeSet [plan].',
  });
  await expect(lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: 'plan' }))).rejects.toMatchObject({
    message: 'StackName must be specified if ChangeSetName is not specified as an ARN.',
  });
});

test('a reviewed stack stays when its last change set goes, and can be made or deleted', async () => {
  const plan = await make({ ChangeSetType: 'CREATE' });
  await lab.client.send(new DeleteChangeSetCommand({ ChangeSetName: plan.ChangeSetId }));
  expect(await statusOf('net')).toBe('REVIEW_IN_PROGRESS');
  await lab.client.send(new DeleteStackCommand({ StackName: 'net' }));
  expect((await lab.settled(plan.StackId ?? '')).StackStatus).toBe('DELETE_COMPLETE');

  const other = await make({ ChangeSetType: 'CREATE' });
  expect(other.StackId).not.toBe(plan.StackId);
  const { StackId } = await lab.client.send(new CreateStackCommand({ StackName: 'net', TemplateBody: NETWORK }));
  expect(StackId).toBe(other.StackId);
  expect((await lab.settled('net')).StackStatus).toBe('CREATE_COMPLETE');
  expect(await listed()).toEqual(['plan OBSOLETE']);
});

test('a restart keeps change sets, and carries on with those that were looked into', async () => {
  await lab.create('net', NETWORK);
  const plan = await make({ Parameters: parametersOf({ Path: '/a' }) });
  await lab.restart({ speed: 1 });
  const { Id } = await lab.client.send(new CreateChangeSetCommand({ StackName: 'net', ChangeSetName: 'two', TemplateBody: NETWORK, Parameters: parametersOf({ Path: '/b' }) }));
  const pending = await lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: Id }));
  expect(pending).toMatchObject({ Status: 'CREATE_PENDING', ExecutionStatus: 'UNAVAILABLE' });
  await expect(execute(Id)).rejects.toMatchObject({ message: expect.stringContaining('current status of [CREATE_PENDING]') });
  await expect(lab.client.send(new DeleteChangeSetCommand({ ChangeSetName: Id }))).rejects.toMatchObject({ name: 'InvalidChangeSetStatusException' });
  await lab.restart();
  const { $metadata: _metadata, ...kept } = await lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: plan.ChangeSetId }));
  expect(plan).toMatchObject(kept);
  for (;;) {
    const two = await lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: Id }));
    if (two.ExecutionStatus === 'AVAILABLE') break;
  }
  await execute(Id);
  expect((await lab.settled('net')).StackStatus).toBe('UPDATE_COMPLETE');
});

test('what is live is not looked at', async () => {
  await lab.create('net', NETWORK);
  await lab.region.call('elasticloadbalancing', 'ModifyTargetGroup', { TargetGroupArn: await lab.physicalId('net', 'Group'), HealthCheckPath: '/other' });
  expect(await make()).toMatchObject({ Status: 'FAILED' });
});

test('an execution that fails is told as that', async () => {
  const broken = NETWORK.replace('Protocol: HTTP', 'Protocol: NONSENSE');
  const plan = await make({ ChangeSetType: 'CREATE', TemplateBody: broken, OnStackFailure: 'DELETE' });
  await execute(plan.ChangeSetId);
  expect((await lab.settled(plan.StackId ?? '')).StackStatus).toBe('DELETE_COMPLETE');
  expect(await lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: plan.ChangeSetId }))).toMatchObject({ ExecutionStatus: 'EXECUTE_FAILED' });
});

test('long ones come in pages', async () => {
  await lab.restart({ pageSize: 2 });
  const plan = await make({ ChangeSetType: 'CREATE' });
  expect(told(plan)).toEqual(['Add Group', 'Add Note']);
  const rest = await lab.client.send(new DescribeChangeSetCommand({ ChangeSetName: plan.ChangeSetId, NextToken: plan.NextToken }));
  expect([told(rest), rest.NextToken]).toEqual([['Add Vpc'], undefined]);
  for (const ChangeSetName of ['b', 'c']) await make({ ChangeSetType: 'CREATE', ChangeSetName });
  const pages: number[] = [];
  for await (const { Summaries = [] } of paginateListChangeSets({ client: lab.client }, { StackName: 'net' })) pages.push(Summaries.length);
  expect(pages).toEqual([2, 1]);
});
