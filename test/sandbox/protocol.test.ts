import { QueryShapeSerializer } from '@aws-sdk/core/protocols';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2, ModifyRuleInput$, type ModifyRuleInput } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { STS } from '@aws-sdk/client-sts';
import { NormalizedSchema } from '@smithy/core/schema';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readForm } from '../../src/sandbox/api/protocol/query-form.ts';
import { clientOf, newFolder, signatureFor, start } from './running.ts';

describe('awsJson1.1', () => {
  test('carries lists, maps, empty lists and dates both ways', async () => {
    const sandbox = await start();
    const ssm = new SSM(clientOf(sandbox));
    const logs = new CloudWatchLogs(clientOf(sandbox));
    const before = Date.now();
    await ssm.putParameter({ Name: '/a/one', Value: 'line\n"two" ☂ 𝄞', Type: 'String' });
    await logs.createLogGroup({ logGroupName: 'group', tags: { one: '1', two: '' } });

    const { Parameters, InvalidParameters } = await ssm.getParameters({ Names: ['/a/one', '/a/two'] });
    expect(Parameters).toEqual([
      expect.objectContaining({ Name: '/a/one', Value: 'line\n"two" ☂ 𝄞', Version: 1, LastModifiedDate: expect.any(Date) }),
    ]);
    expect(Number(Parameters?.[0]?.LastModifiedDate)).toBeGreaterThanOrEqual(before);
    expect(InvalidParameters).toEqual(['/a/two']);
    expect((await ssm.getParametersByPath({ Path: '/nothing' })).Parameters).toEqual([]);
    expect((await logs.listTagsLogGroup({ logGroupName: 'group' })).tags).toEqual({ one: '1', two: '' });
  });

  test('names every required member that is missing', async () => {
    const ssm = new SSM(clientOf(await start()));
    await expect(ssm.putParameter({ Name: undefined, Value: undefined, Type: 'String' })).rejects.toMatchObject({
      name: 'ValidationException',
      message:
        "2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; " +
        "Value null at 'value' failed to satisfy constraint: Member must not be null",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(ssm.putParameter({ Name: 'a', Value: 'b', Type: 'String', Tags: [{ Key: 'k', Value: undefined }] })).rejects.toThrow(
      "Value null at 'tags.1.member.value'",
    );
  });

  test.each([
    ['{', ''],
    ['[]', 'Start of list found where not expected'],
    ['{"Name": 1}', 'NUMBER_VALUE can not be converted to a String'],
    ['{"Name": "a", "WithDecryption": "yes"}', 'STRING_VALUE can not be converted to a Boolean'],
    ['{"Name": ["a"]}', 'Start of list found where not expected'],
  ])('refuses the body %s', async (body, message) => {
    const { url } = await start();
    const headers = { authorization: signatureFor('ssm'), 'x-amz-target': 'AmazonSSM.GetParameter' };
    const response = await fetch(url, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ __type: 'SerializationException', ...(message && { message }) });
  });

  test("answers errors of the model with the model's class", async () => {
    const sandbox = await start();
    await expect(new SSM(clientOf(sandbox)).getParameter({ Name: 'none' })).rejects.toMatchObject({
      name: 'ParameterNotFound',
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    await expect(new ECS(clientOf(sandbox)).describeServices({ cluster: 'none', services: ['a'] })).rejects.toMatchObject({
      name: 'ClusterNotFoundException',
    });
  });
});

describe('awsQuery', () => {
  test('reads every form that the SDK writes', () => {
    const input: ModifyRuleInput = {
      RuleArn: 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener-rule/a&b=c d',
      Conditions: [],
      Actions: [
        {
          Type: 'authenticate-oidc',
          Order: 1,
          AuthenticateOidcConfig: {
            Issuer: 'https://issuer',
            AuthorizationEndpoint: 'https://issuer/a',
            TokenEndpoint: 'https://issuer/t',
            UserInfoEndpoint: 'https://issuer/u',
            ClientId: 'é ☂',
            AuthenticationRequestExtraParams: { display: 'page', prompt: '' },
            UseExistingClientSecret: true,
          },
        },
        ...Array.from({ length: 11 }, (_, order) => ({
          Type: 'forward' as const,
          Order: order + 2,
          ForwardConfig: { TargetGroups: [{ TargetGroupArn: 'a', Weight: 0 }, { TargetGroupArn: 'b', Weight: 999 }] },
        })),
      ],
      ResetTransforms: false,
    };
    const serializer = new QueryShapeSerializer({ timestampFormat: { useTrait: true, default: 5 }, serializeEmptyLists: true });
    serializer.write(ModifyRuleInput$, input);
    const form = `Action=ModifyRule&Version=2015-12-01${String(serializer.flush())}`;
    expect(readForm(NormalizedSchema.of(ModifyRuleInput$), form)).toEqual(input);
  });

  test('carries lists, empty lists, dates and page tokens', async () => {
    const elb = new ElasticLoadBalancingV2(clientOf(await start()));
    expect((await elb.describeTargetGroups({})).TargetGroups).toEqual([]);
    const before = Date.now() - 1_000;
    const { LoadBalancers } = await elb.createLoadBalancer({ Name: 'lb', Subnets: ['subnet-0a', 'subnet-0b'] });
    expect(Number(LoadBalancers?.[0]?.CreatedTime)).toBeGreaterThan(before);
    for (const Name of ['a', 'b', 'c']) {
      await elb.createTargetGroup({ Name, Protocol: 'HTTP', Port: 80, VpcId: 'vpc-0a', TargetType: 'ip' });
    }
    const first = await elb.describeTargetGroups({ PageSize: 2 });
    const second = await elb.describeTargetGroups({ PageSize: 2, Marker: first.NextMarker });
    expect([first, second].map(({ TargetGroups }) => TargetGroups?.map(({ TargetGroupName }) => TargetGroupName))).toEqual([['a', 'b'], ['c']]);
    expect(second.NextMarker).toBeUndefined();
  });

  test("answers errors as the model spells them for Query", async () => {
    const sandbox = await start();
    await expect(new ElasticLoadBalancingV2(clientOf(sandbox)).describeTargetGroups({ Names: ['none'] })).rejects.toMatchObject({
      name: 'TargetGroupNotFoundException',
      Code: 'TargetGroupNotFound',
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test('names required members that are missing, also in lists', async () => {
    const elb = new ElasticLoadBalancingV2(clientOf(await start()));
    await expect(elb.modifyRule({ RuleArn: undefined, Actions: [{ Type: undefined, Order: 1 }] })).rejects.toMatchObject({
      Code: 'ValidationError',
      message: expect.stringMatching(/^2 validation errors detected: Value null at 'ruleArn' .*; Value null at 'actions\.1\.member\.type' /),
    });
  });

  test('refuses a number that is none', async () => {
    const { url } = await start();
    const body = 'Action=DescribeTargetGroups&Version=2015-12-01&PageSize=many';
    const response = await fetch(url, { method: 'POST', headers: { authorization: signatureFor('elasticloadbalancing') }, body });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('<Code>MalformedInput</Code>')]);
  });
});

test('unknown operations and services answer as AWS does, and stand in the log', async () => {
  const dir = newFolder();
  const sandbox = await start({ dir });
  await expect(new STS(clientOf(sandbox)).getSessionToken({})).rejects.toMatchObject({
    name: 'InvalidAction',
    message: 'Could not find operation GetSessionToken for version 2011-06-15',
  });
  await expect(new ECS(clientOf(sandbox)).discoverPollEndpoint({})).rejects.toMatchObject({ name: 'UnknownOperationException' });
  const headers = { authorization: signatureFor('monitoring'), 'x-amz-target': 'GraniteServiceVersion20100801.ListMetrics' };
  const response = await fetch(sandbox.url, { method: 'POST', headers, body: '{}' });
  expect(await response.json()).toEqual({ __type: 'UnknownOperationException' });
  const log = readFileSync(join(dir, 'sandbox.log'), 'utf8');
  expect(log.match(/\S+ \S+: unknown call/g)).toEqual([
    'sts GetSessionToken: unknown call',
    'ecs DiscoverPollEndpoint: unknown call',
    'monitoring ListMetrics: unknown call',
  ]);
});

test('who calls: any credentials, but some, for a region', async () => {
  const sandbox = await start({ account: '123456789012' });
  await expect(new STS(clientOf(sandbox)).getCallerIdentity({})).resolves.toMatchObject({
    Account: '123456789012',
    Arn: 'arn:aws:iam::123456789012:user/sandbox',
  });
  const ask = async (authorization?: string, target?: string) => {
    const headers = { ...(authorization && { authorization }), ...(target && { 'x-amz-target': target }) };
    const response = await fetch(sandbox.url, { method: 'POST', headers, body: 'Action=GetCallerIdentity&Version=2011-06-15' });
    const [, code] = /(?:<Code>|"__type":")(\w+)/.exec(await response.text()) ?? [];
    return [response.status, code];
  };
  expect(await ask()).toEqual([403, 'MissingAuthenticationToken']);
  expect(await ask(undefined, 'AmazonSSM.GetParameter')).toEqual([403, 'MissingAuthenticationTokenException']);
  expect(await ask('AWS4-HMAC-SHA256 Credential=test/20260101/sts/aws4_request')).toEqual([400, 'IncompleteSignature']);
  expect(await ask(signatureFor('sts', '../../etc'))).toEqual([403, 'SignatureDoesNotMatch']);
  expect(await ask(signatureFor('sts', 'europe'))).toEqual([403, 'SignatureDoesNotMatch']);
});

test('what goes wrong inside is an InternalFailure, with its stack in the log only', async () => {
  const dir = newFolder();
  const sandbox = await start({ dir });
  const { state } = await sandbox.region('eu-central-1');
  state.ssm.parameters['broken'] = { name: 'broken', type: 'String', tags: {}, versions: [] };
  await expect(new SSM(clientOf(sandbox)).getParameter({ Name: 'broken' })).rejects.toMatchObject({
    name: 'InternalFailure',
    message: expect.not.stringContaining('version'),
    $metadata: { httpStatusCode: 500 },
  });
  expect(readFileSync(join(dir, 'sandbox.log'), 'utf8')).toMatch(/ssm GetParameter: Error: parameter broken has no version\n\s+at /);
});
