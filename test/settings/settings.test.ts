/** Every setting: its default, what it takes, and what a reader is told about a value that it does not take. */
import type { Bounds } from '../../src/settings/bounds.ts';
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { readConnection } from '../../src/settings/connection.ts';
import { readSettings, type ServiceSettings, type Settings, type Variables } from '../../src/settings/settings.ts';

const REQUIRED = { PROJECT_NAME: 'echo', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '123456789012' };
const read = (variables: Variables = {}) => readSettings({ ...REQUIRED, ...variables });

/** The error's lines, one a problem. */
function problems(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (!(error instanceof CanaryError)) throw error;
    expect(error).toMatchObject({ exitCode: ExitCode.usage, next: expect.stringContaining('.env') });
    return error.message.split('\n');
  }
  return [];
}

test('with only the required three, everything else has its default', () => {
  expect(read()).toEqual({
    project: 'echo',
    region: 'eu-west-1',
    account: '123456789012',
    endpointUrl: undefined,
    services: [SERVER],
    service: SERVER,
    listenerPort: 80,
    internalListenerPort: 8_443,
    internalHttpsListenerPort: 8_443,
    httpsListenerPort: 443,
    certificateArn: undefined,
    nat: 'none',
    terminationProtection: true,
    existing: {},
    bastion: undefined,
    pollInterval: 2_000,
    settle: 15_000,
    steps: [50, 100],
    hold: 15_000,
  });
});

const SERVER: ServiceSettings = {
  name: 'server',
  expose: 'public',
  protocol: 'http',
  pathPattern: '/*',
  hostHeader: undefined,
  containerPort: 8_080,
  desiredCount: 2,
  cpu: '256',
  memory: 512,
  cpuArchitecture: undefined,
  healthCheck: { path: '/', interval: 5, timeout: 2, healthyThreshold: 2, unhealthyThreshold: 2, gracePeriod: 60 },
  deregistrationDelay: 30,
  secrets: {},
  securityGroupIds: undefined,
  targetGroups: undefined,
  bounds: { max5xx: undefined, maxLatency: undefined },
  builder: undefined,
  baseImage: undefined,
};

const CERTIFICATE = 'arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-1234-5678-9abc-0123456789ab';
const LISTENER = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/0123456789abcdef/fedcba9876543210';
const GROUP = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef';
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf';
const VPC = { VPC_ID: 'vpc-0a1b2c3d', SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b' };

/** A good value with what becomes of it, and a bad one with what it should have been. */
const PROJECT_TABLE: [name: string, good: string, becomes: Partial<Settings>, bad: string, expected: string][] = [
  ['PROJECT_NAME', 'my-app2', { project: 'my-app2' }, 'My_App', '2 to 32 lower-case letters, digits and hyphens, beginning with a letter, such as echo'],
  ['AWS_ACCOUNT_ID', '000000000001', { account: '000000000001' }, '12345', 'the 12 digits of your AWS account, such as 123456789012'],
  ['AWS_DEFAULT_REGION', 'us-gov-west-1', { region: 'us-gov-west-1' }, 'Frankfurt', 'a region such as ap-northeast-1'],
  ['AWS_ENDPOINT_URL', 'http://127.0.0.1:4566', { endpointUrl: 'http://127.0.0.1:4566' }, '127.0.0.1', 'a URL such as http://127.0.0.1:4566'],
  ['LISTENER_PORT', '65535', { listenerPort: 65_535 }, '65536', 'a whole number from 1 to 65535'],
  ['INTERNAL_LISTENER_PORT', '1', { internalListenerPort: 1 }, '0', 'a whole number from 1 to 65535'],
  ['CERTIFICATE_ARN', CERTIFICATE, { certificateArn: CERTIFICATE }, 'example.com', `the ARN of a certificate, such as ${CERTIFICATE}`],
  ['HTTPS_LISTENER_PORT', '8444', { httpsListenerPort: 8_444 }, 'https', 'a whole number from 1 to 65535'],
  ['NAT', 'per-zone', { nat: 'per-zone' }, 'two', 'none, one, per-zone or endpoints'],
  ['TERMINATION_PROTECTION', 'false', { terminationProtection: false }, 'off', 'true or false'],
  ['CLUSTER', 'shop', { existing: { vpcId: undefined, subnetIds: undefined, cluster: 'shop', listenerArns: undefined } }, 'a b', 'the name of an ECS cluster, such as shop'],
  ['POLL_INTERVAL', '500ms', { pollInterval: 500 }, 'often', 'a duration such as 15s, 2m or 500ms, of 24h at most'],
  ['SETTLE', '0', { settle: 0 }, '-1s', 'a duration such as 15s, 2m or 500ms, of 24h at most'],
  ['HOLD', '1m30s', { hold: 90_000 }, '2 minutes', 'a duration such as 15s, 2m or 500ms, of 24h at most'],
  ['STEPS', '5, 25%,50,100', { steps: [5, 25, 50, 100] }, '50,25,100', 'rising percentages that end with 100, such as 5,25,50,100'],
  ['STEPS', '100', { steps: [100] }, '5,50', 'rising percentages that end with 100, such as 5,25,50,100'],
  ['STEPS', '1,100', { steps: [1, 100] }, '0,100', 'rising percentages that end with 100, such as 5,25,50,100'],
];

test.each(PROJECT_TABLE)('%s takes %s and refuses what is not so', (name, good, becomes, bad, expected) => {
  expect(read({ [name]: good })).toMatchObject(becomes);
  expect(problems(() => read({ [name]: bad }))).toEqual([`${name} is "${bad}": it should be ${expected}.`]);
});

const health = (change: Partial<ServiceSettings['healthCheck']>) => ({ healthCheck: { ...SERVER.healthCheck, ...change } });
const bounds = (change: Partial<Bounds>) => ({ bounds: { ...SERVER.bounds, ...change } });
const LATENCY_LOOKS = 'a statistic (avg, p50, p90, p95, p99, p99.9) and a time, such as p99=500ms or avg=0.2s, or none';
const SERVICE_TABLE: [name: string, good: string, becomes: Partial<ServiceSettings>, bad: string, expected: string][] = [
  ['EXPOSE', 'internal', { expose: 'internal' }, 'private', 'public or internal'],
  ['PROTOCOL', 'http', { protocol: 'http' }, 'h2', 'http or grpc'],
  ['PATH_PATTERN', '/api/*', { pathPattern: '/api/*' }, 'api', 'a path pattern of the load balancer, such as /* or /api/*'],
  ['HOST_HEADER', '*.example.com', { hostHeader: '*.example.com' }, 'a b', 'a host name, such as api.example.com'],
  ['CONTAINER_PORT', '9000', { containerPort: 9_000 }, 'http', 'a whole number from 1 to 65535'],
  ['DESIRED_COUNT', '1', { desiredCount: 1 }, '0', 'a whole number from 1 to 5000'],
  ['CPU', '1024', { cpu: '1024' }, '300', 'a Fargate size: 256, 512, 1024, 2048, 4096, 8192 or 16384'],
  ['MEMORY', '2048', { memory: 2_048 }, '511', 'a whole number from 512 to 122880'],
  ['CPU_ARCHITECTURE', 'ARM64', { cpuArchitecture: 'ARM64' }, 'arm', 'X86_64 or ARM64'],
  ['HEALTH_CHECK_PATH', '/ping?deep=1', health({ path: '/ping?deep=1' }), 'ping', 'a path such as /ping'],
  ['HEALTH_CHECK_INTERVAL', '300', health({ interval: 300 }), '4', 'a whole number from 5 to 300'],
  ['HEALTH_CHECK_TIMEOUT', '4', health({ timeout: 4 }), '1', 'a whole number from 2 to 120'],
  ['HEALTHY_THRESHOLD', '10', health({ healthyThreshold: 10 }), '11', 'a whole number from 2 to 10'],
  ['UNHEALTHY_THRESHOLD', '3', health({ unhealthyThreshold: 3 }), '1', 'a whole number from 2 to 10'],
  ['HEALTH_CHECK_GRACE_PERIOD', '0', health({ gracePeriod: 0 }), '1.5', 'a whole number from 0 to 2147483647'],
  ['DEREGISTRATION_DELAY', '3600', { deregistrationDelay: 3_600 }, '3601', 'a whole number from 0 to 3600'],
  ['MAX_5XX', '0.5%', bounds({ max5xx: 0.5 }), '0.01', 'a percentage from 0% to below 100%, such as 1% or 0.5%, or none'],
  ['MAX_LATENCY', 'p99.9=1.5s', bounds({ maxLatency: { statistic: 'p99.9', ms: 1_500 } }), 'p42=1s', LATENCY_LOOKS],
  [
    'SECRETS', `DB=${SECRET}, KEY=arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key`,
    { secrets: { DB: SECRET, KEY: 'arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key' } },
    'DB=hunter2', `names and ARNs of Secrets Manager or Parameter Store, such as DB_PASSWORD=${SECRET}`,
  ],
  ['SECURITY_GROUP_IDS', 'sg-0a1b,sg-2c3d', { securityGroupIds: ['sg-0a1b', 'sg-2c3d'] }, 'web', 'ids of security groups with commas between them, such as sg-0a1b2c3d'],
  ['BUILDER', 'podman', { builder: 'podman' }, 'kaniko', 'docker, podman, buildah or pack'],
  ['BASE_IMAGE', 'none', { builder: 'pack' }, 'node 22', 'an image such as public.ecr.aws/docker/library/node:22-alpine, or none'],
  [
    'BASE_IMAGE', 'node:22-alpine', { builder: 'pack', baseImage: 'node:22-alpine' }, 'a b', 'an image such as public.ecr.aws/docker/library/node:22-alpine, or none',
  ],
];

test.each(SERVICE_TABLE)('%s takes %s and refuses what is not so', (name, good, becomes, bad, expected) => {
  expect(read({ [name]: good }).service).toEqual({ ...SERVER, ...becomes });
  expect(problems(() => read({ [name]: bad }))).toEqual([`${name} is "${bad}": it should be ${expected}.`]);
});

test.each(SERVICE_TABLE)('SERVER_%s beats it for the one service, and is named as it was given', (name, good, becomes, bad, expected) => {
  const two = { SERVICES: 'server,back-end', [name]: good };
  expect(read({ [`SERVER_${name}`]: good }).service).toMatchObject(becomes);
  expect(problems(() => read({ ...two, [`BACK_END_${name}`]: bad }))).toEqual([`BACK_END_${name} is "${bad}": it should be ${expected}.`]);
});

test('several services: the first is public and the others internal, each with its own settings', () => {
  const { services, service } = read({ SERVICES: ' client , back-end', CONTAINER_PORT: '9000', BACK_END_CONTAINER_PORT: '9001', SERVICE_NAME: 'back-end' });
  expect(services).toEqual([
    { ...SERVER, name: 'client', containerPort: 9_000 },
    { ...SERVER, name: 'back-end', containerPort: 9_001, expose: 'internal' },
  ]);
  expect(service).toBe(services[1]);
  expect(read({ SERVICES: 'client,back-end' }).service.name).toBe('client');
  expect(problems(() => read({ SERVICES: 'client,back-end', SERVICE_NAME: 'server' }))).toEqual(['SERVICE_NAME is server, which is not in SERVICES (client,back-end).']);
  expect(problems(() => read({ SERVICES: 'client,Back' }))).toEqual(['SERVICES is "client,Back": it should be service names with commas between them, such as client,server.']);
});

test('a service is named once', () => {
  expect(problems(() => read({ SERVICES: 'client,server,client' }))).toEqual(['SERVICES names client twice.']);
});

test('a bastion needs its key pair and who may reach it', () => {
  expect(read({ KEY_PAIR: 'harbour', BASTION_CIDR: '203.0.113.4/32' }).bastion).toEqual({ keyPair: 'harbour', cidr: '203.0.113.4/32' });
  expect(problems(() => read({ KEY_PAIR: 'harbour' }))).toEqual([expect.stringMatching(/^BASTION_CIDR is missing: .*such as 203\.0\.113\.4\/32\.$/)]);
  expect(problems(() => read({ BASTION_CIDR: 'home' }))).toEqual(['BASTION_CIDR is "home": it should be an address range such as 203.0.113.4/32.']);
});

test('secrets are named once each, and PORT is not one of them', () => {
  const looks = expect.stringContaining('names and ARNs of Secrets Manager');
  expect(read({ SECRETS: `DB=${SECRET}:password::` }).service.secrets).toEqual({ DB: `${SECRET}:password::` });
  for (const bad of [`PORT=${SECRET}`, `DB=${SECRET},DB=${SECRET}`, `DB-1=${SECRET}`, SECRET, `DB=${SECRET},`, `DB=${GROUP}`]) {
    expect(problems(() => read({ SECRETS: bad }))).toEqual([looks]);
  }
});

test('a secret is named by its whole ARN, with the characters that Secrets Manager adds', () => {
  const partial = SECRET.slice(0, -'-AbCdEf'.length);
  for (const bad of [partial, `${partial}:password::`, `${partial}-a`, `${partial}-AbCdEfG`]) {
    const [problem, ...others] = problems(() => read({ SECRETS: `KEY=${SECRET},DB=${bad}` }));
    expect(problem).toMatch(/: it should be names and whole ARNs: that of DB lacks the hyphen and the six characters .* \(aws secretsmanager describe-secret --secret-id NAME shows them\)\.$/);
    expect(others).toEqual([]);
  }
  const parameter = 'arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key';
  expect(read({ SECRETS: `DB=${SECRET},KEY=${parameter}` }).service.secrets).toEqual({ DB: SECRET, KEY: parameter });
});

test('what does not fit into a parameter of CloudFormation is refused', () => {
  const tooLong = (name: string, bytes: number) => [`${name} is too long: what it names comes to ${bytes} bytes, and CloudFormation takes 4096 at most.`];
  const list = (count: number, item: (index: string) => string) => Array.from({ length: count }, (_, index) => item(String(index).padStart(3, '0'))).join(',');
  const secretsOf = (count: number, key = '') => list(count, (index) => `N${index}=${SECRET.replace('db', index)}${key}`);
  // 63 characters each, and a comma between two.
  expect(problems(() => read({ SECRETS: secretsOf(64) }))).toEqual([]);
  expect(problems(() => read({ SECRETS: secretsOf(65) }))).toEqual(tooLong('SECRETS', 65 * 64 - 1));
  expect(problems(() => read({ SERVICES: 'client,server', SECRETS: secretsOf(65) }))).toHaveLength(1);
  expect(problems(() => read({ SERVER_SECRETS: secretsOf(65, ':key::') }))).toEqual(tooLong('SERVER_SECRETS', 65 * 64 - 1));
  // Several values of one secret are one thing to allow, and parameters are allowed beside secrets.
  expect(problems(() => read({ SECRETS: list(100, (index) => `N${index}=${SECRET}:${index}::`) }))).toEqual([]);
  const parameters = (count: number) => list(count, (index) => `P${index}=arn:aws:ssm:eu-west-1:123456789012:parameter/shop/${index}`);
  expect(problems(() => read({ SECRETS: `${secretsOf(64)},${parameters(70)}` }))).toEqual([]);
  expect(problems(() => read({ SECRETS: parameters(90) }))).toEqual(tooLong('SECRETS', 90 * 54 - 1));
  const subnets = (count: number) => list(count, (index) => `subnet-0a1b2c3d4e5f6a${index}`);
  expect(problems(() => read({ ...VPC, SUBNET_IDS: subnets(163) }))).toEqual([]);
  expect(problems(() => read({ ...VPC, SUBNET_IDS: subnets(164) }))).toEqual(tooLong('SUBNET_IDS', 164 * 25 - 1));
  expect(problems(() => read({ KEY_PAIR: 'ü'.repeat(2_049), BASTION_CIDR: '192.0.2.0/24' }))).toEqual(tooLong('KEY_PAIR', 4_098));
});

test('what is used instead of making it goes together', () => {
  const pair = { BLUE_TARGET_GROUP_ARN: GROUP, GREEN_TARGET_GROUP_ARN: `${GROUP}0` };
  const all = { ...VPC, ...pair, LISTENER_ARNS: `${LISTENER},${LISTENER}0`, SECURITY_GROUP_IDS: 'sg-0a', CLUSTER: 'shop' };
  expect(read(all)).toMatchObject({
    existing: { vpcId: 'vpc-0a1b2c3d', subnetIds: ['subnet-0a1b2c3d', 'subnet-4e5f6a7b'], cluster: 'shop', listenerArns: [LISTENER, `${LISTENER}0`] },
    service: { securityGroupIds: ['sg-0a'], targetGroups: { blue: GROUP, green: `${GROUP}0` } },
  });
  const missing = (variables: Variables) => problems(() => read(variables)).map((problem) => problem.replace(/:.*/, ''));
  expect(missing({ VPC_ID: VPC.VPC_ID })).toEqual(['SUBNET_IDS is missing']);
  const bastion = { ...VPC, KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24' };
  expect(missing(bastion)).toEqual([]);
  expect(missing({ ...bastion, NAT: 'one', EXPOSE: 'internal' })).toEqual(['KEY_PAIR should not be set']);
  expect(missing({ SUBNET_IDS: VPC.SUBNET_IDS })).toEqual(['VPC_ID is missing']);
  expect(missing({ ...VPC, SUBNET_IDS: 'subnet-0a' })).toEqual(['SUBNET_IDS should name subnets in two zones at least']);
  expect(missing(pair)).toEqual(['VPC_ID is missing']);
  expect(missing({ ...VPC, BLUE_TARGET_GROUP_ARN: GROUP })).toEqual(['GREEN_TARGET_GROUP_ARN is missing']);
  expect(missing({ ...all, GREEN_TARGET_GROUP_ARN: GROUP })).toEqual(['BLUE_TARGET_GROUP_ARN and GREEN_TARGET_GROUP_ARN should be two different target groups.']);
  expect(missing({ ...all, SERVICES: 'client,server' })).toEqual([expect.stringContaining('others for each service')]);
  expect(missing({ ...all, SECURITY_GROUP_IDS: '' })).toEqual(['SECURITY_GROUP_IDS is missing']);
  expect(missing({ ...all, CERTIFICATE_ARN: CERTIFICATE })).toEqual(['CERTIFICATE_ARN should not be set with LISTENER_ARNS']);
  expect(missing({ ...all, LISTENER_ARNS: `${LISTENER},${LISTENER.replace('/web/', '/other/')}` })).toEqual(['LISTENER_ARNS names listeners of several load balancers']);
  expect(missing({ ...VPC, NAT: 'one' })).toEqual(['LISTENER_ARNS is missing']);
  expect(missing({ ...VPC, NAT: 'one', EXPOSE: 'internal' })).toEqual([]);
});

test.each([
  ['VPC_ID', 'main', 'the id of a VPC, such as vpc-0a1b2c3d'],
  ['SUBNET_IDS', 'subnet-0a,b', 'ids of subnets with commas between them, such as subnet-0a1b2c3d,subnet-4e5f6a7b'],
  ['LISTENER_ARNS', GROUP, `ARNs of listeners with commas between them, such as ${LISTENER}`],
  ['GREEN_TARGET_GROUP_ARN', 'green', `the ARN of a target group, such as ${GROUP}`],
])('%s refuses %s', (name, bad, expected) => {
  expect(problems(() => read({ [name]: bad }))).toEqual([`${name} is "${bad}": it should be ${expected}.`]);
});

test('HTTP and HTTPS have ports of their own', () => {
  expect(problems(() => read({ CERTIFICATE_ARN: CERTIFICATE, LISTENER_PORT: '443' }))).toEqual(['HTTPS_LISTENER_PORT is "443": it should be another port than LISTENER_PORT.']);
  expect(problems(() => read({ CERTIFICATE_ARN: CERTIFICATE, LISTENER_PORT: '443', EXPOSE: 'internal' }))).toEqual([]);
});

test('in a VPC that was there the internal load balancer has no port of the public one', () => {
  const both = { ...VPC, SERVICES: 'server,other' };
  const same = (name: string) => [`INTERNAL_LISTENER_PORT is "8443": it should be another port than ${name}: with VPC_ID one security group admits any address to both.`];
  expect(problems(() => read({ ...both, LISTENER_PORT: '8443' }))).toEqual(same('LISTENER_PORT'));
  expect(problems(() => read({ ...both, HTTPS_LISTENER_PORT: '8443', CERTIFICATE_ARN: CERTIFICATE }))).toEqual(same('HTTPS_LISTENER_PORT'));
  // A VPC of its own has addresses that are known, without a certificate there is no second listener, and one load balancer has nobody to be like.
  expect(problems(() => read({ SERVICES: both.SERVICES, LISTENER_PORT: '8443' }))).toEqual([]);
  expect(problems(() => read({ ...both, HTTPS_LISTENER_PORT: '8443' }))).toEqual([]);
  expect(problems(() => read({ ...VPC, LISTENER_PORT: '8443' }))).toEqual([]);
  expect(problems(() => read({ ...both, LISTENER_PORT: '8443', LISTENER_ARNS: LISTENER, SECURITY_GROUP_IDS: 'sg-0a' }))).toEqual([]);
});

test('all problems are named at once, those of the connection, the project and the services', () => {
  expect(problems(() => readSettings({ AWS_ACCOUNT_ID: '1', LISTENER_PORT: 'many', DESIRED_COUNT: 'two' }))).toEqual([
    'AWS_DEFAULT_REGION is missing: it should be a region such as ap-northeast-1.',
    'PROJECT_NAME is missing: it should be a name such as echo.',
    'AWS_ACCOUNT_ID is "1": it should be the 12 digits of your AWS account, such as 123456789012.',
    'LISTENER_PORT is "many": it should be a whole number from 1 to 65535.',
    'DESIRED_COUNT is "two": it should be a whole number from 1 to 5000.',
  ]);
});

test('a setting that is malformed for two services is named once', () => {
  expect(problems(() => read({ SERVICES: 'client,server', CPU: '1' }))).toHaveLength(1);
});

test('an empty variable counts as absent, and spaces around a value as nothing', () => {
  expect(read({ STEPS: '', CPU: ' 512 ', SERVER_CPU: '' })).toMatchObject({ steps: [50, 100], service: { cpu: '512' } });
  expect(problems(() => read({ PROJECT_NAME: '  ' }))).toEqual(['PROJECT_NAME is missing: it should be a name such as echo.']);
});

test('a health check must end before the next begins', () => {
  expect(problems(() => read({ HEALTH_CHECK_TIMEOUT: '5' }))).toEqual(['HEALTH_CHECK_TIMEOUT should be less than HEALTH_CHECK_INTERVAL.']);
});

test("gRPC's health check is a method: the path of the project's HTTP services is none", () => {
  const CHECK = '/grpc.health.v1.Health/Check';
  expect(read({ SERVICES: 'client,server', SERVER_PROTOCOL: 'grpc' }).services).toMatchObject([{ healthCheck: { path: '/' } }, { healthCheck: { path: CHECK } }]);
  expect(problems(() => read({ SERVICES: 'client,server', SERVER_PROTOCOL: 'grpc', HEALTH_CHECK_PATH: '/ping' }))).toEqual([
    `HEALTH_CHECK_PATH is "/ping": for server, which speaks gRPC, it should be a method. Set SERVER_HEALTH_CHECK_PATH=${CHECK}.`,
  ]);
  expect(read({ PROTOCOL: 'grpc', HEALTH_CHECK_PATH: '/tide.Harbour/Well' }).service.healthCheck.path).toBe('/tide.Harbour/Well');
});

test('what A needed and we do not is read without a word', () => {
  expect(read({ ENVOY_IMAGE: '840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.11.1.1-prod' })).toEqual(read());
});

describe('the region', () => {
  test.each([
    [{ AWS_DEFAULT_REGION: 'eu-west-1' }],
    [{ AWS_REGION: 'eu-west-1' }],
    [{ AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-1' }],
    [{ AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-west-1' }],
  ])('is eu-west-1 with %j', (variables) => {
    expect(readConnection(variables)).toEqual({ region: 'eu-west-1', endpointUrl: undefined });
  });

  test('is not guessed from two variables that differ', () => {
    expect(problems(() => readConnection({ AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'eu-west-1' }))).toEqual([
      'AWS_REGION is us-east-1 and AWS_DEFAULT_REGION is eu-west-1: unset one of them, or give --region.',
    ]);
  });
});
