/** A sandbox that enforces policies: what it refuses, and in which words, as clients of AWS see it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACM } from '@aws-sdk/client-acm';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { ECR } from '@aws-sdk/client-ecr';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { STS } from '@aws-sdk/client-sts';
import type { Sandbox } from '../../src/sandbox/index.ts';
import { CERTIFICATE } from './certificates.ts';
import { clientOf, newFolder, start } from './running.ts';

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: object;
}

/** A file with these statements; what they do not say is to allow, on everything. */
function policy(...statements: readonly Statement[]): string {
  const file = join(newFolder(), 'policy.json');
  const filled = statements.map((statement) => ({ Effect: 'Allow', ...(!statement.NotResource && { Resource: '*' }), ...statement }));
  writeFileSync(file, JSON.stringify({ Version: '2012-10-17', Statement: filled }));
  return file;
}

const enforcing = (...statements: readonly Statement[]) => start({ policies: [policy(...statements)], speed: 100 });
const refusal = (call: Promise<unknown>) => call.then(() => undefined, (error: Error) => ({ code: error.name, message: error.message }));

const PARAMETERS = 'arn:aws:ssm:eu-central-1:000000000000:parameter';
const put = (sandbox: Sandbox, name: string, tag?: string) =>
  refusal(new SSM(clientOf(sandbox)).putParameter({ Name: name, Value: '1', Type: 'String', Tags: tag === undefined ? undefined : [{ Key: 'team', Value: tag }] }));

describe('what is denied is worded as AWS words it', () => {
  test('in JSON services', async () => {
    const sandbox = await enforcing({ Action: 'ecs:ListServices' });
    const ecs = new ECS(clientOf(sandbox));
    expect(await refusal(ecs.updateService({ cluster: 'fleet', service: 'web-blue', desiredCount: 1 }))).toEqual({
      code: 'AccessDeniedException',
      message:
        'User: arn:aws:iam::000000000000:user/sandbox is not authorized to perform: ecs:UpdateService on resource: ' +
        'arn:aws:ecs:eu-central-1:000000000000:service/fleet/web-blue because no identity-based policy allows the ecs:UpdateService action',
    });
  });

  test('in Query services, with an explicit deny', async () => {
    const sandbox = await enforcing({ Action: '*' }, { Effect: 'Deny', Action: 'elasticloadbalancing:describe*' });
    expect(await refusal(new ElasticLoadBalancingV2(clientOf(sandbox)).describeRules({}))).toEqual({
      code: 'AccessDenied',
      message:
        'User: arn:aws:iam::000000000000:user/sandbox is not authorized to perform: elasticloadbalancing:DescribeRules on resource: * ' +
        'with an explicit deny in an identity-based policy',
    });
  });

  test('by the registry', async () => {
    const sandbox = await enforcing({ Action: ['ecr:CreateRepository', 'ecr:GetAuthorizationToken'] });
    const ecr = new ECR(clientOf(sandbox));
    await ecr.createRepository({ repositoryName: 'fleet/web' });
    const { authorizationData: [token] = [] } = await ecr.getAuthorizationToken({});
    const headers = { authorization: `Basic ${token?.authorizationToken}` };
    const answer = await fetch(`${sandbox.url}/v2/fleet/web/blobs/uploads/`, { method: 'POST', headers });
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 403,
      body: { errors: [{ code: 'DENIED', message: expect.stringMatching(/perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-central-1:000000000000:repository\/fleet\/web because/) }] },
    });
  });

  test('in the reason of a resource that CloudFormation makes for the caller', async () => {
    const sandbox = await enforcing({ Action: ['cloudformation:*', 'ec2:Describe*'] });
    const cloudFormation = new CloudFormation(clientOf(sandbox));
    const TemplateBody = JSON.stringify({ Resources: { Vpc: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } }, Log: { Type: 'AWS::Logs::LogGroup', DependsOn: 'Vpc' } } });
    await cloudFormation.createStack({ StackName: 'fleet', TemplateBody });
    const status = async () => (await cloudFormation.describeStacks({ StackName: 'fleet' })).Stacks?.[0]?.StackStatus;
    while ((await status()) !== 'ROLLBACK_COMPLETE') expect(await status()).toMatch(/IN_PROGRESS|ROLLBACK_COMPLETE/);
    const { StackEvents = [] } = await cloudFormation.describeStackEvents({ StackName: 'fleet' });
    const reasons = StackEvents.filter(({ ResourceStatus }) => ResourceStatus === 'CREATE_FAILED').map(({ ResourceStatusReason }) => ResourceStatusReason);
    expect(reasons).toEqual([
      expect.stringMatching(/"You are not authorized to perform this operation\. User: \S+ is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:eu-central-1:000000000000:vpc\/\* because .*Status Code: 403.*HandlerErrorCode: AccessDenied\)$/),
    ]);
  });
});

describe('a statement counts', () => {
  test('for actions without regard to case, and for resources with wildcards', async () => {
    const sandbox = await enforcing({ Action: 'SSM:put*', Resource: `${PARAMETERS}/fleet/?` });
    expect(await put(sandbox, '/fleet/1')).toBeUndefined();
    expect(await put(sandbox, '/fleet/12')).toMatchObject({ code: 'AccessDeniedException' });
    expect(await put(sandbox, '/other/1')).toMatchObject({ code: 'AccessDeniedException' });
  });

  test('for all but NotAction and NotResource', async () => {
    const sandbox = await enforcing({ NotAction: 'ssm:AddTagsToResource', NotResource: `${PARAMETERS}/secret/*` });
    expect(await put(sandbox, '/fleet/1')).toBeUndefined();
    expect(await put(sandbox, '/secret/1')).toMatchObject({ code: 'AccessDeniedException' });
    expect((await put(sandbox, '/fleet/2', 'a'))?.message).toContain('ssm:AddTagsToResource');
  });

  test.each([
    ['StringEquals', { 'aws:RequestTag/team': ['a', 'b'] }, ['a'], ['c', undefined]],
    ['StringLike', { 'aws:RequestTag/team': 'blue-*' }, ['blue-1'], ['red', undefined]],
    ['StringNotEquals', { 'AWS:requesttag/team': 'a' }, ['b', undefined], ['a']],
    ['StringEqualsIfExists', { 'aws:RequestTag/team': 'a' }, ['a', undefined], ['b']],
    ['Null', { 'aws:TagKeys': 'true' }, [undefined], ['a']],
    ['Null', { 'aws:TagKeys': 'false' }, ['a'], [undefined]],
    ['ForAllValues:StringEquals', { 'aws:TagKeys': ['team', 'app'] }, ['a', undefined], []],
    ['ForAllValues:StringEquals', { 'aws:TagKeys': ['app'] }, [undefined], ['a']],
    ['ForAnyValue:StringEquals', { 'aws:TagKeys': ['team', 'app'] }, ['a'], [undefined]],
    ['ForAnyValue:StringNotEquals', { 'aws:TagKeys': ['app'] }, ['a'], [undefined]],
    ['ForAllValues:StringNotEquals', { 'aws:TagKeys': ['app'] }, ['a', undefined], []],
  ])('where %s %j holds', async (operator, keys, allowed, denied) => {
    const sandbox = await enforcing({ Action: 'ssm:*', Condition: { [operator]: keys } });
    for (const tag of allowed) expect([tag, await put(sandbox, '/fleet/1', tag).then((refused) => refused?.code)]).not.toEqual([tag, 'AccessDeniedException']);
    for (const tag of denied) expect(await put(sandbox, '/fleet/2', tag)).toMatchObject({ code: 'AccessDeniedException' });
  });

  test('by the tags of the resource', async () => {
    const sandbox = await enforcing({ Action: 'ssm:*', Condition: { StringEquals: { 'aws:RequestTag/team': 'a' } } }, { Action: 'ssm:Delete*', Condition: { StringEquals: { 'aws:ResourceTag/team': 'a' } } });
    const ssm = new SSM(clientOf(sandbox));
    expect(await put(sandbox, '/fleet/1', 'a')).toBeUndefined();
    expect(await refusal(ssm.deleteParameters({ Names: ['/fleet/1', '/fleet/none'] }))).toMatchObject({ message: expect.stringContaining('parameter/fleet/none') });
    expect(await refusal(ssm.deleteParameters({ Names: ['/fleet/1'] }))).toBeUndefined();
  });

  test('for an ARN by its parts', async () => {
    const cluster = (name: string) => ({ ArnLike: { 'ecs:cluster': `arn:aws:ecs:*:000000000000:cluster/${name}` } });
    const sandbox = await enforcing({ Action: 'ecs:ListServices', Condition: cluster('fleet-*') });
    const ecs = new ECS(clientOf(sandbox));
    expect(await refusal(ecs.listServices({ cluster: 'fleet-1' }))).toMatchObject({ code: 'ClusterNotFoundException' });
    expect(await refusal(ecs.listServices({ cluster: 'other' }))).toMatchObject({ code: 'AccessDeniedException' });
  });
});

test('certificates: tags that are given at the import, and those that the certificate has', async () => {
  const team = (kind: string) => ({ StringEquals: { [`aws:${kind}Tag/team`]: 'a' } });
  const sandbox = await enforcing(
    { Action: ['acm:ImportCertificate', 'acm:AddTagsToCertificate'], Resource: 'arn:aws:acm:eu-central-1:000000000000:certificate/*', Condition: team('Request') },
    { Action: 'acm:*', Resource: 'arn:aws:acm:*:*:certificate/*', Condition: team('Resource') },
    { Effect: 'Deny', Action: 'acm:AddTagsToCertificate', Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': 'owner' } } },
  );
  const acm = new ACM(clientOf(sandbox));
  const take = (Tags?: { Key: string; Value: string }[]) =>
    acm.importCertificate({ Certificate: Buffer.from(CERTIFICATE.certificate), PrivateKey: Buffer.from(CERTIFICATE.privateKey), Tags });
  const { CertificateArn } = await take([{ Key: 'team', Value: 'a' }]);
  const fresh = 'on resource: arn:aws:acm:eu-central-1:000000000000:certificate/* ';
  expect((await refusal(take()))?.message).toContain(`perform: acm:ImportCertificate ${fresh}`);
  expect((await refusal(take([{ Key: 'team', Value: 'a' }, { Key: 'owner', Value: 'me' }])))?.message).toContain(`perform: acm:AddTagsToCertificate ${fresh}`);
  expect(await refusal(acm.describeCertificate({ CertificateArn }))).toBeUndefined();
  expect((await refusal(acm.listCertificates({})))?.message).toContain('perform: acm:ListCertificates on resource: * ');
  await acm.removeTagsFromCertificate({ CertificateArn, Tags: [{ Key: 'team' }] });
  expect((await refusal(acm.deleteCertificate({ CertificateArn })))?.message).toContain(`perform: acm:DeleteCertificate on resource: ${CertificateArn} `);
});

test('roles of a task definition have to be passed, to ECS tasks', async () => {
  const role = 'arn:aws:iam::000000000000:role/fleet-task';
  const sandbox = await enforcing(
    { Action: 'ecs:*' },
    { Action: 'iam:PassRole', Resource: role, Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } } },
  );
  const ecs = new ECS(clientOf(sandbox));
  const register = (executionRoleArn: string) =>
    refusal(ecs.registerTaskDefinition({ family: 'web', executionRoleArn, containerDefinitions: [{ name: 'web', image: 'web:1', memory: 128 }] }));
  expect(await register(role)).toBeUndefined();
  expect((await register(`${role}-2`))?.message).toContain('perform: iam:PassRole on resource: arn:aws:iam::000000000000:role/fleet-task-2 because');
});

test('a change set that is named by its ARN alone is asked about by that, else by its stack', async () => {
  const own = 'arn:aws:cloudformation:eu-central-1:000000000000:changeSet/mine/1';
  const sandbox = await enforcing({ Action: 'cloudformation:*', Resource: 'arn:aws:cloudformation:eu-central-1:000000000000:stack/fleet/*' });
  const cloudFormation = new CloudFormation(clientOf(sandbox));
  expect((await refusal(cloudFormation.describeChangeSet({ ChangeSetName: own })))?.message).toContain(`perform: cloudformation:DescribeChangeSet on resource: ${own} because`);
  expect(await refusal(cloudFormation.describeChangeSet({ ChangeSetName: own, StackName: 'fleet' }))).toMatchObject({ code: 'ChangeSetNotFoundException' });
});

test('a policy can be that of one access key, which is a user then; others may do everything', async () => {
  const sandbox = await start({ policies: [`ci=${policy({ Action: 'ecs:*' })}`, `ci=${policy({ Action: 'ssm:PutParameter' })}`] });
  const ci = { ...clientOf(sandbox), credentials: { accessKeyId: 'ci', secretAccessKey: 'test' } };
  expect(await put(sandbox, '/fleet/1')).toBeUndefined();
  expect((await new STS(ci).getCallerIdentity({})).Arn).toBe('arn:aws:iam::000000000000:user/ci');
  expect(await refusal(new SSM(ci).putParameter({ Name: '/fleet/2', Value: '1', Type: 'String' }))).toBeUndefined();
  expect((await refusal(new SSM(ci).deleteParameters({ Names: ['/fleet/1'] })))?.message).toMatch(/^User: arn:aws:iam::000000000000:user\/ci is not/);
});

test.each([
  ['a placeholder', { Action: '*', Resource: `${PARAMETERS}/\${ProjectName}/*` }, /still holds \$\{ProjectName\}: put a value in its place first\.$/],
  ['an unknown operator', { Action: '*', Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.1' } } }, /the condition operator IpAddress of statement 1 is not among StringEquals, /],
  ['a principal', { Action: '*', Principal: '*' }, /statement 1 has Principal, which an identity-based policy has not\.$/],
  ['no action', { Resource: '*' }, /statement 1 needs one of Action and NotAction\.$/],
])('a policy with %s is refused at the start', async (_what, statement, message) => {
  await expect(enforcing(statement)).rejects.toThrow(message);
});

test('a policy that is not there is refused at the start', async () => {
  await expect(start({ policies: ['/nowhere.json'] })).rejects.toThrow(/^The policy \/nowhere\.json can't be read: .*ENOENT/);
});
