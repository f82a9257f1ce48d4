import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudFormationClient, CreateStackCommand, DeleteStackCommand, DescribeStackEventsCommand, DescribeStackResourceCommand,
  DescribeStackResourcesCommand, DescribeStacksCommand, GetTemplateCommand, GetTemplateSummaryCommand, ListStackResourcesCommand,
  ListStacksCommand, paginateDescribeStackEvents, paginateListStackResources, type Stack, UpdateStackCommand, ValidateTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import type { Region } from '../../src/sandbox/parts.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

let dir: string;
let sandbox: Sandbox;
let client: CloudFormationClient;
let region: Region;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cloudformation-'));
  await start(400);
});

afterEach(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

async function start(speed: number): Promise<void> {
  sandbox = await startSandbox({ dir, speed });
  client = clientIn('ap-northeast-1');
  region = await sandbox.region('ap-northeast-1');
}

function clientIn(name: string): CloudFormationClient {
  return new CloudFormationClient({ region: name, endpoint: sandbox.url, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
}

const parametersOf = (values: Record<string, string>) =>
  Object.entries(values).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));

async function create(StackName: string, TemplateBody: string, more: object = {}): Promise<Stack> {
  const { StackId } = await client.send(new CreateStackCommand({ StackName, TemplateBody, ...more }));
  return settled(StackId ?? '');
}

async function update(StackName: string, TemplateBody: string, more: object = {}): Promise<Stack> {
  const { StackId } = await client.send(new UpdateStackCommand({ StackName, TemplateBody, ...more }));
  return settled(StackId ?? '');
}

async function settled(StackName: string): Promise<Stack> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const stack = (await client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0];
    if (stack && !stack.StackStatus?.endsWith('_IN_PROGRESS')) return stack;
    if (Date.now() > deadline) throw new Error(`still ${stack?.StackStatus}`);
  }
}

/** What happened, oldest first, one line for each event. */
async function history(StackName: string): Promise<string[]> {
  const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName }));
  return StackEvents.toReversed().map(({ LogicalResourceId, ResourceStatus, ResourceStatusReason }) =>
    [LogicalResourceId, ResourceStatus, ResourceStatusReason].filter(Boolean).join(' '),
  );
}

const outputsOf = ({ Outputs = [] }: Stack) => Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));

const physicalId = async (StackName: string, LogicalResourceId: string) =>
  (await client.send(new DescribeStackResourceCommand({ StackName, LogicalResourceId }))).StackResourceDetail?.PhysicalResourceId ?? '';

const GROUPS = `
Parameters:
  Port: {Type: Number, Default: 80}
  Path: {Type: String, Default: /}
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {TargetType: ip, Protocol: HTTP, Port: !Ref Port, VpcId: !Ref Vpc, HealthCheckPath: !Ref Path}
Outputs:
  Arn: {Value: !Ref Group}
`;

test('makes resources after those they need, tells of each, and gives their attributes out', async () => {
  const stack = await create('echo', GROUPS, { Tags: [{ Key: 'team', Value: 'blue' }], ClientRequestToken: 'first' });
  expect(stack).toMatchObject({ StackStatus: 'CREATE_COMPLETE', Tags: [{ Key: 'team', Value: 'blue' }], Outputs: [{ OutputKey: 'Arn' }] });
  expect(await history('echo')).toEqual([
    'echo CREATE_IN_PROGRESS User Initiated',
    'Vpc CREATE_IN_PROGRESS',
    'Vpc CREATE_IN_PROGRESS Resource creation Initiated',
    'Vpc CREATE_COMPLETE',
    'Group CREATE_IN_PROGRESS',
    'Group CREATE_IN_PROGRESS Resource creation Initiated',
    'Group CREATE_COMPLETE',
    'echo CREATE_COMPLETE',
  ]);
  const { Arn: arn = '' } = outputsOf(stack);
  const { TargetGroups } = await region.call('elasticloadbalancing', 'DescribeTargetGroups', { TargetGroupArns: [arn] });
  expect(TargetGroups).toEqual([
    expect.objectContaining({ Port: 80, TargetGroupName: expect.stringMatching(/^echo-Group-[A-Z0-9]{12}$/), VpcId: await physicalId('echo', 'Vpc') }),
  ]);
  const { TagDescriptions } = await region.call('elasticloadbalancing', 'DescribeTags', { ResourceArns: [arn] });
  expect(TagDescriptions).toEqual([{ ResourceArn: arn, Tags: expect.arrayContaining([{ Key: 'team', Value: 'blue' }]) }]);
  const { StackEvents } = await client.send(new DescribeStackEventsCommand({ StackName: 'echo' }));
  expect(StackEvents?.every(({ ClientRequestToken }) => ClientRequestToken === 'first')).toBe(true);
});

test('evaluates functions, in YAML and in JSON', async () => {
  const yaml = `
Parameters:
  Zone: {Type: Number, Default: 1}
  Names: {Type: CommaDelimitedList, Default: 'a, b'}
Mappings: {Sizes: {ap-northeast-1: {small: s-1}}}
Conditions:
  First: !Equals [!Ref Zone, '0']
  Both: !And [!Not [!Condition First], !Or [!Condition First, !Equals [!Ref 'AWS::Region', ap-northeast-1]]]
Resources:
  Cluster:
    Type: AWS::ECS::Cluster
    Properties:
      ClusterName: !If [Both, !Sub ['\${AWS::StackName}-\${Own}', {Own: !Select [1, !Ref Names]}], !Ref 'AWS::NoValue']
  Never: {Type: 'AWS::ECS::Cluster', Condition: First}
Outputs:
  Arn: {Value: !GetAtt Cluster.Arn}
  Zone: {Value: !Select [!Ref Zone, !GetAZs '']}
  Joined: {Value: !Join ['/', [x, !Ref Cluster, !Sub '\${!Cluster}-\${Cluster}']]}
  Part: {Value: !Select [2, !Split ['|', 'a|b|c']]}
  Size: {Value: !FindInMap [Sizes, !Ref 'AWS::Region', small]}
  Encoded: {Value: !Base64 hello}
  Absent: {Condition: First, Value: no}
`;
  const stack = await create('functions', yaml);
  expect(outputsOf(stack)).toEqual({
    Arn: 'arn:aws:ecs:ap-northeast-1:000000000000:cluster/functions-b',
    Zone: 'ap-northeast-1b',
    Joined: 'x/functions-b/${Cluster}-functions-b',
    Part: 'c',
    Size: 's-1',
    Encoded: 'aGVsbG8=',
  });
  const json = JSON.stringify({
    Resources: { Log: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: { 'Fn::Join': ['-', ['a', { Ref: 'AWS::AccountId' }]] } } } },
    Outputs: { Name: { Value: { Ref: 'Log' } } },
  });
  expect(outputsOf(await create('json', json))).toEqual({ Name: 'a-000000000000' });
});

test.each([
  ['no resources', 'Resources: {}', {}, 'Template format error: At least one Resources member must be defined.'],
  ['an unknown type', 'Resources: {X: {Type: "AWS::Nope::Thing"}}', {}, 'Template format error: Unrecognized resource types: [AWS::Nope::Thing]'],
  ['an unknown reference', 'Resources: {X: {Type: "AWS::ECS::Cluster", Properties: {ClusterName: !Ref Y}}}', {}, 'Template format error: Unresolved resource dependencies [Y] in the Resources block of the template'],
  ['a circle', 'Resources: {X: {Type: "AWS::ECS::Cluster", DependsOn: Y}, Y: {Type: "AWS::ECS::Cluster", DependsOn: X}}', {}, 'Circular dependency between resources: [X, Y]'],
  ['broken YAML', 'Resources: {X: [', {}, expect.stringMatching(/^Template format error: YAML not well-formed\. \(line \d+, column \d+\)$/)],
  ['a missing parameter', 'Parameters: {P: {Type: String}}\nResources: {X: {Type: "AWS::ECS::Cluster"}}', {}, 'Parameters: [P] must have values'],
  ['an unknown parameter', 'Resources: {X: {Type: "AWS::ECS::Cluster"}}', { Parameters: parametersOf({ Q: '1' }) }, 'Parameters: [Q] do not exist in the template'],
  ['a parameter out of range', GROUPS.replace('Default: 80', 'MaxValue: 99'), { Parameters: parametersOf({ Port: '100' }) }, "Parameter 'Port' must be a number not greater than 99"],
  ['a template too long', `Resources: {X: {Type: "AWS::ECS::Cluster"}} #${'x'.repeat(51_200)}`, {}, expect.stringContaining('Member must have length less than or equal to 51200')],
  ['a bad name', 'Resources: {X: {Type: "AWS::ECS::Cluster"}}', { StackName: '1st' }, expect.stringContaining("Value '1st' at 'stackName'")],
])('refuses %s, and makes nothing', async (_what, TemplateBody, more, message) => {
  await expect(client.send(new CreateStackCommand({ StackName: 'bad', TemplateBody, ...more }))).rejects.toMatchObject({ name: 'ValidationError', message });
  expect((await client.send(new DescribeStacksCommand({}))).Stacks).toEqual([]);
});

test('IAM wants to be acknowledged, a name is taken once, and what does not exist is said not to', async () => {
  const role = 'Resources: {R: {Type: "AWS::IAM::Role", Properties: {AssumeRolePolicyDocument: {}}}}';
  await expect(create('iam', role)).rejects.toMatchObject({ name: 'InsufficientCapabilitiesException', message: 'Requires capabilities : [CAPABILITY_IAM]' });
  await create('iam', role, { Capabilities: ['CAPABILITY_IAM'] });
  await expect(create('iam', role, { Capabilities: ['CAPABILITY_IAM'] })).rejects.toMatchObject({ name: 'AlreadyExistsException', message: 'Stack [iam] already exists' });
  await expect(client.send(new DescribeStacksCommand({ StackName: 'nope' }))).rejects.toMatchObject({ message: 'Stack with id nope does not exist' });
  await expect(update('nope', role)).rejects.toMatchObject({ message: 'Stack [nope] does not exist' });
  await expect(clientIn('us-east-1').send(new DescribeStacksCommand({ StackName: 'iam' }))).rejects.toMatchObject({ name: 'ValidationError' });
});

test('a request that is repeated under its token, because its answer was lost, does nothing more', async () => {
  const role = 'Resources: {R: {Type: "AWS::IAM::Role", Properties: {AssumeRolePolicyDocument: {}}}}';
  const made = await create('again', role, { Capabilities: ['CAPABILITY_IAM'], ClientRequestToken: 'made' });
  expect(await create('again', role, { Capabilities: ['CAPABILITY_IAM'], ClientRequestToken: 'made' })).toEqual(made);
  await expect(create('again', role, { Capabilities: ['CAPABILITY_IAM'], ClientRequestToken: 'other' })).rejects.toMatchObject({ name: 'AlreadyExistsException' });
});

test('a failure rolls everything back, and the stack can only be deleted then', async () => {
  await region.call('ecs', 'CreateCluster', { clusterName: 'other' });
  const failing = `${GROUPS.split('Outputs:')[0]}
  Listener: {Type: 'AWS::ElasticLoadBalancingV2::Listener', DependsOn: Group, Properties: {LoadBalancerArn: nonsense, Port: 80, Protocol: HTTP, DefaultActions: []}}`;
  const stack = await create('broken', failing);
  expect(stack.StackStatus).toBe('ROLLBACK_COMPLETE');
  const told = await history('broken');
  expect(told).toContainEqual(expect.stringMatching(/^Listener CREATE_FAILED Resource handler returned message: ".+Status Code: 400/));
  expect(told.slice(-1)).toEqual(['broken ROLLBACK_COMPLETE']);
  expect(told).toContain('broken ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Listener]. Rollback requested by user.');
  expect((await region.call('elasticloadbalancing', 'DescribeTargetGroups', {}))['TargetGroups']).toEqual([]);
  await expect(update('broken', GROUPS)).rejects.toMatchObject({ message: expect.stringMatching(/is in ROLLBACK_COMPLETE state and can not be updated\.$/) });

  await client.send(new DeleteStackCommand({ StackName: 'broken' }));
  expect((await settled(stack.StackId ?? '')).StackStatus).toBe('DELETE_COMPLETE');
  await expect(client.send(new DescribeStacksCommand({ StackName: 'broken' }))).rejects.toMatchObject({ message: 'Stack with id broken does not exist' });
  const { StackSummaries } = await client.send(new ListStacksCommand({ StackStatusFilter: ['DELETE_COMPLETE'] }));
  expect(StackSummaries?.map(({ StackName }) => StackName)).toEqual(['broken']);
});

test('an update changes in place what can be changed, replaces the rest, and says when there is nothing to do', async () => {
  const before = outputsOf(await create('echo', GROUPS))['Arn'];
  await expect(update('echo', `# only a comment\n${GROUPS}`)).rejects.toMatchObject({ name: 'ValidationError', message: 'No updates are to be performed.' });

  const changed = await update('echo', GROUPS, { Parameters: parametersOf({ Path: '/ping' }) });
  expect(changed.StackStatus).toBe('UPDATE_COMPLETE');
  expect(outputsOf(changed)['Arn']).toBe(before);
  const { TargetGroups } = await region.call('elasticloadbalancing', 'DescribeTargetGroups', {});
  expect(TargetGroups).toEqual([expect.objectContaining({ HealthCheckPath: '/ping' })]);

  const Parameters = [...parametersOf({ Port: '81' }), { ParameterKey: 'Path', UsePreviousValue: true }];
  const replaced = await update('echo', GROUPS, { Parameters });
  const after = outputsOf(replaced)['Arn'];
  expect(after).not.toBe(before);
  expect((await region.call('elasticloadbalancing', 'DescribeTargetGroups', {}))['TargetGroups']).toEqual([
    expect.objectContaining({ TargetGroupArn: after, Port: 81, HealthCheckPath: '/ping' }),
  ]);
  expect((await history('echo')).slice(-8)).toEqual([
    'echo UPDATE_IN_PROGRESS User Initiated',
    'Group UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.',
    'Group UPDATE_IN_PROGRESS Resource creation Initiated',
    'Group UPDATE_COMPLETE',
    'echo UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
    'Group DELETE_IN_PROGRESS',
    'Group DELETE_COMPLETE',
    'echo UPDATE_COMPLETE',
  ]);
});

test('an update that fails puts everything back', async () => {
  const before = outputsOf(await create('echo', GROUPS))['Arn'];
  const failing = GROUPS.replace('Outputs:', `
  Bad: {Type: 'AWS::ElasticLoadBalancingV2::TargetGroup', DependsOn: Group, Properties: {Name: '-bad-', Port: 80, Protocol: HTTP, VpcId: !Ref Vpc, TargetType: ip}}
Outputs:`);
  const stack = await update('echo', failing, { Parameters: parametersOf({ Port: '81', Path: '/ping' }) });
  expect(stack).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_COMPLETE', Outputs: [{ OutputKey: 'Arn', OutputValue: before }] });
  expect((await region.call('elasticloadbalancing', 'DescribeTargetGroups', {}))['TargetGroups']).toEqual([
    expect.objectContaining({ TargetGroupArn: before, Port: 80, HealthCheckPath: '/' }),
  ]);
  expect(await history('echo')).toContain('echo UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Bad].');
});

test('what can not be deleted is named, and can be left behind', async () => {
  const stack = await create('images', `Resources: {Repository: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: a/b}}, Kept: {Type: 'AWS::Logs::LogGroup', DeletionPolicy: Retain}}`);
  const imageManifest = JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] });
  await region.call('ecr', 'PutImage', { repositoryName: 'a/b', imageTag: 'one', imageManifest });
  await client.send(new DeleteStackCommand({ StackName: 'images' }));
  expect(await settled('images')).toMatchObject({ StackStatus: 'DELETE_FAILED', StackStatusReason: 'The following resource(s) failed to delete: [Repository]. ' });
  expect(await history('images')).toContainEqual(expect.stringMatching(/^Repository DELETE_FAILED .*still contains images/));
  expect(await history('images')).toContain('Kept DELETE_SKIPPED');

  await client.send(new DeleteStackCommand({ StackName: 'images', RetainResources: ['Repository'] }));
  expect((await settled(stack.StackId ?? '')).StackStatus).toBe('DELETE_COMPLETE');
  expect((await region.call('ecr', 'DescribeRepositories', {}))['repositories']).toHaveLength(1);
});

test('a stack interrupted by a restart is finished after it', async () => {
  await sandbox.stop();
  await start(1);
  await client.send(new CreateStackCommand({ StackName: 'echo', TemplateBody: GROUPS }));
  await sandbox.stop();
  await start(400);
  expect(await settled('echo')).toMatchObject({ StackStatus: 'CREATE_COMPLETE', Outputs: [{ OutputKey: 'Arn' }] });
  expect((await region.call('elasticloadbalancing', 'DescribeTargetGroups', {}))['TargetGroups']).toHaveLength(1);
});

test('a stack can be deleted while it is being made', async () => {
  await sandbox.stop();
  await start(20);
  const { StackId = '' } = await client.send(new CreateStackCommand({ StackName: 'echo', TemplateBody: GROUPS }));
  await client.send(new DeleteStackCommand({ StackName: 'echo' }));
  expect((await settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
  expect((await history(StackId)).filter((line) => line.startsWith('Group CREATE'))).toEqual([]);
});

test('long lists come in pages', async () => {
  const logs = Array.from({ length: 101 }, (_, index) => `  Log${index}: {Type: 'AWS::Logs::LogGroup'}`);
  await create('many', ['Resources:', ...logs].join('\n'));
  const pages: number[] = [];
  for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName: 'many' })) pages.push(StackResourceSummaries.length);
  expect(pages).toEqual([100, 1]);
  const events: string[] = [];
  for await (const { StackEvents = [] } of paginateDescribeStackEvents({ client }, { StackName: 'many' })) events.push(...StackEvents.map(({ EventId = '' }) => EventId));
  expect(events).toHaveLength(3 * 101 + 2);
  expect(new Set(events).size).toBe(events.length);
  await expect(client.send(new ListStackResourcesCommand({ StackName: 'many', NextToken: 'nonsense' }))).rejects.toMatchObject({ name: 'ValidationError' });
});

test('templates and their parameters can be read; hidden values can not', async () => {
  const template = `
Description: secret things
Parameters: {Word: {Type: String, NoEcho: true, Description: the word}, Size: {Type: String, Default: s, AllowedValues: [s, m]}}
Resources: {Cluster: {Type: 'AWS::ECS::Cluster', Properties: {ClusterName: !Ref Word}}}
`;
  const stack = await create('secrets', template, { Parameters: parametersOf({ Word: 'harbour' }) });
  expect(stack.Parameters).toEqual([
    { ParameterKey: 'Word', ParameterValue: '****' },
    { ParameterKey: 'Size', ParameterValue: 's' },
  ]);
  expect((await client.send(new GetTemplateCommand({ StackName: 'secrets' }))).TemplateBody).toBe(template);
  const summary = await client.send(new GetTemplateSummaryCommand({ TemplateBody: template }));
  expect(summary).toMatchObject({
    Description: 'secret things',
    ResourceTypes: ['AWS::ECS::Cluster'],
    Parameters: [{ ParameterKey: 'Word', NoEcho: true }, { ParameterKey: 'Size', DefaultValue: 's', ParameterConstraints: { AllowedValues: ['s', 'm'] } }],
  });
  expect((await client.send(new ValidateTemplateCommand({ TemplateBody: template }))).Parameters).toHaveLength(2);
  const { StackResources } = await client.send(new DescribeStackResourcesCommand({ PhysicalResourceId: 'harbour' }));
  expect(StackResources).toMatchObject([{ StackName: 'secrets', LogicalResourceId: 'Cluster', ResourceStatus: 'CREATE_COMPLETE' }]);
});
