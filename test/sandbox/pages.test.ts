/** Small pages: every listing of every service keeps to `pageSize`, and its pages add up to the whole. */
import { ACM, type ListCertificatesRequest } from '@aws-sdk/client-acm';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { ECR } from '@aws-sdk/client-ecr';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { startSandbox, type Sandbox } from '../../src/sandbox/index.ts';
import { CERTIFICATE } from './certificates.ts';
import { clientOf, newFolder } from './running.ts';

const NAMES = ['one', 'two', 'three', 'four', 'five'];

let sandbox: Sandbox;
let ecs: ECS;
let elb: ElasticLoadBalancingV2;
let ecr: ECR;
let ssm: SSM;
let logs: CloudWatchLogs;
let cloudFormation: CloudFormation;
let acm: ACM;

beforeAll(async () => {
  sandbox = await startSandbox({ dir: newFolder(), pageSize: 2, speed: 100 });
  const config = clientOf(sandbox);
  [ecs, elb, ecr] = [new ECS(config), new ElasticLoadBalancingV2(config), new ECR(config)];
  [ssm, logs, cloudFormation] = [new SSM(config), new CloudWatchLogs(config), new CloudFormation(config)];
  acm = new ACM(config);
  for (const name of NAMES) {
    await ecs.createCluster({ clusterName: name });
    await ecs.registerTaskDefinition({ family: name, containerDefinitions: [{ name: 'c', image: 'i', memory: 64 }] });
    await ecs.createService({ cluster: 'one', serviceName: name, taskDefinition: name, desiredCount: 0 });
    await elb.createTargetGroup({ Name: name, Protocol: 'HTTP', Port: 80, VpcId: 'vpc-0a', TargetType: 'ip' });
    await elb.createLoadBalancer({ Name: name, Subnets: ['subnet-0a', 'subnet-0b'] });
    await ecr.createRepository({ repositoryName: name });
    await acm.importCertificate({ Certificate: Buffer.from(CERTIFICATE.certificate), PrivateKey: Buffer.from(CERTIFICATE.privateKey) });
    await ssm.putParameter({ Name: `/p/${name}`, Value: '1', Type: 'String' });
    await ssm.putParameter({ Name: '/versions', Value: name, Type: 'String', Overwrite: true });
    await logs.createLogGroup({ logGroupName: name });
    await logs.createLogStream({ logGroupName: 'one', logStreamName: name });
    await cloudFormation.createStack({ StackName: `stack-${name}`, TemplateBody: JSON.stringify({ Resources: { Network: NETWORK } }) });
  }
  await logs.putLogEvents({ logGroupName: 'one', logStreamName: 'one', logEvents: NAMES.map((message) => ({ timestamp: Date.now(), message })) });
});
afterAll(() => sandbox.stop());

const NETWORK = { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } };

const EC: ListCertificatesRequest = { Includes: { keyTypes: ['EC_prime256v1'] }, MaxItems: 1_000 };

type Page = readonly [items: readonly unknown[] | undefined, next: string | undefined];

test.each<[name: string, total: number, page: (token: string | undefined) => Promise<Page>]>([
  ['clusters', 5, async (nextToken) => pageOf(await ecs.listClusters({ nextToken }), 'clusterArns', 'nextToken')],
  ['services', 5, async (nextToken) => pageOf(await ecs.listServices({ cluster: 'one', nextToken }), 'serviceArns', 'nextToken')],
  ['task definitions', 5, async (nextToken) => pageOf(await ecs.listTaskDefinitions({ nextToken, maxResults: 100 }), 'taskDefinitionArns', 'nextToken')],
  ['families', 5, async (nextToken) => pageOf(await ecs.listTaskDefinitionFamilies({ nextToken }), 'families', 'nextToken')],
  ['target groups', 5, async (Marker) => pageOf(await elb.describeTargetGroups({ Marker, PageSize: 400 }), 'TargetGroups', 'NextMarker')],
  ['load balancers', 5, async (Marker) => pageOf(await elb.describeLoadBalancers({ Marker }), 'LoadBalancers', 'NextMarker')],
  ['quotas', 9, async (Marker) => pageOf(await elb.describeAccountLimits({ Marker }), 'Limits', 'NextMarker')],
  ['repositories', 5, async (nextToken) => pageOf(await ecr.describeRepositories({ nextToken }), 'repositories', 'nextToken')],
  ['parameters by path', 5, async (NextToken) => pageOf(await ssm.getParametersByPath({ Path: '/p', NextToken }), 'Parameters', 'NextToken')],
  ['parameters', 6, async (NextToken) => pageOf(await ssm.describeParameters({ NextToken, MaxResults: 50 }), 'Parameters', 'NextToken')],
  ['versions', 5, async (NextToken) => pageOf(await ssm.getParameterHistory({ Name: '/versions', NextToken }), 'Parameters', 'NextToken')],
  ['log groups', 5, async (nextToken) => pageOf(await logs.describeLogGroups({ nextToken }), 'logGroups', 'nextToken')],
  ['log streams', 5, async (nextToken) => pageOf(await logs.describeLogStreams({ logGroupName: 'one', nextToken }), 'logStreams', 'nextToken')],
  ['log events', 5, async (nextToken) => pageOf(await logs.filterLogEvents({ logGroupName: 'one', nextToken }), 'events', 'nextToken')],
  ['certificates', 5, async (NextToken) => pageOf(await acm.listCertificates({ NextToken, ...EC }), 'CertificateSummaryList', 'NextToken')],
  ['stacks', 5, async (NextToken) => pageOf(await cloudFormation.describeStacks({ NextToken }), 'Stacks', 'NextToken')],
])('%s: %d in pages of two', async (_name, total, page) => {
  const sizes: number[] = [];
  const seen = new Set<string>();
  let token: string | undefined;
  do {
    const [items = [], next] = await page(token);
    sizes.push(items.length);
    for (const item of items) seen.add(JSON.stringify(item));
    token = next;
  } while (token !== undefined && sizes.length < 20);
  expect(Math.max(...sizes)).toBe(2);
  expect(sizes).toHaveLength(Math.ceil(total / 2));
  expect(seen.size).toBe(total);
});

test('a smaller size that is asked for holds, and AWS’s own limits too', async () => {
  expect((await elb.describeTargetGroups({ PageSize: 1 })).TargetGroups).toHaveLength(1);
  await expect(elb.describeTargetGroups({ PageSize: 401 })).rejects.toThrow('less than or equal to 400');
  await expect(ssm.getParametersByPath({ Path: '/p', MaxResults: 11 })).rejects.toThrow('less than or equal to 10');
});

function pageOf<Answer extends object>(answer: Answer, items: keyof Answer, next: keyof Answer): Page {
  const [list, token] = [answer[items], answer[next]];
  return [Array.isArray(list) ? list : undefined, typeof token === 'string' ? token : undefined];
}
