/** What a user is told when AWS cannot be reached, or says no: which call it was, and what to do. */
import { once as event } from 'node:events';
import http from 'node:http';
import { connectAws } from '../../src/aws/aws.ts';
import { allPages, isAws, once, unexpected } from '../../src/aws/connect.ts';
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { ALL_ATTEMPTS, type Answer, faultyEndpoint, type FaultyEndpoint } from '../faulty-endpoint.ts';
import { start } from '../sandbox/running.ts';

const GROUP = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/one/0123456789abcdef';
const connect = (endpointUrl: string) => connectAws({ region: 'eu-central-1', endpointUrl });

beforeAll(() => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
});

describe('an error of AWS', () => {
  let endpoint: FaultyEndpoint;
  beforeEach(async () => {
    endpoint = await faultyEndpoint((await start()).url);
  });
  afterEach(() => endpoint.close());

  test.each([
    ['AccessDenied', 'access-denied', ExitCode.failed, /^AWS denied sts:GetCallerIdentity: .*refused by the test/, /^allow sts:GetCallerIdentity for this identity/],
    ['ExpiredToken', 'bad-credentials', ExitCode.failed, /^AWS refused the credentials \(ExpiredToken\)/, /aws sso login/],
    ['InvalidClientTokenId', 'bad-credentials', ExitCode.failed, /^AWS refused the credentials \(InvalidClientTokenId\)/, /renew the credentials/],
  ])('%s says what to do', async (error, code, exitCode, message, next) => {
    endpoint.order('GetCallerIdentity', { error });
    await expect(connect(endpoint.url).identity.account()).rejects.toMatchObject({
      name: 'CanaryError', code, exitCode, message: expect.stringMatching(message), next: expect.stringMatching(next), cause: expect.any(Error),
    });
  });

  test('names the call of a JSON service as IAM does', async () => {
    endpoint.order('PutParameter', { error: 'AccessDeniedException' });
    await expect(connect(endpoint.url).parameters.create('/a/1', 'x', '')).rejects.toThrow(/^AWS denied ssm:PutParameter/);
    endpoint.order('DescribeRules', { error: 'AccessDenied' });
    await expect(connect(endpoint.url).loadBalancing.rules(['arn'])).rejects.toThrow(/^AWS denied elasticloadbalancing:DescribeRules/);
  });

  test.each([
    ['iam:PassRole on resource: arn:aws:iam::000000000000:role/task because no identity-based policy allows the iam:PassRole action', 'iam:PassRole, which ecs:RegisterTaskDefinition depends on'],
    ['ecs:RegisterTaskDefinition on resource: * because no identity-based policy allows it', 'ecs:RegisterTaskDefinition'],
  ])('names the action that AWS itself names: %s', async (said, named) => {
    endpoint.order('RegisterTaskDefinition', { error: 'AccessDeniedException', message: `User: arn:aws:iam::000000000000:user/me is not authorized to perform: ${said}` });
    await expect(connect(endpoint.url).containers.registerTaskDefinition({ family: 'a', containerDefinitions: [] })).rejects.toMatchObject({
      code: 'access-denied', message: expect.stringContaining(`AWS denied ${named}: User: `), next: `allow ${named.split(',')[0]} for this identity, then run the same command again`,
    });
    // Nothing that waiting would change.
    expect(endpoint.calls).toHaveLength(1);
  });

  test.each([
    ['of another shape', (was: Answer) => ({ ...was, status: 200, body: '{"serviceArns":7}' }), /^AWS answered ecs:ListServices unlike itself: serviceArns is no list\.$/],
    ['of another shape deeper down', (was: Answer) => ({ ...was, status: 200, body: '{"serviceArns":["a/b",{}]}' }), /^AWS answered ecs:ListServices unlike itself: serviceArns\[1\] is no text\.$/],
    ['that is cut short', (was: Answer) => ({ ...was, status: 200, body: '{"serviceArns":["a/b"' }), /^The answer to ecs:ListServices cannot be read; it may not come from AWS\.$/],
    ['that is a sign-in page', () => ({ status: 200, type: 'text/html', body: '<html>Sign in</html>' }), /^The answer to ecs:ListServices cannot be read/],
  ])('an answer %s names the call', async (_what, change, message) => {
    endpoint.order('ListServices', { change });
    await expect(connect(endpoint.url).containers.listServices('c')).rejects.toMatchObject({ code: 'bad-answer', exitCode: ExitCode.failed, message: expect.stringMatching(message) });
  });

  test('a service without a number of tasks is no service with none', async () => {
    const service = { serviceName: 'server-blue', status: 'ACTIVE', runningCount: 2, pendingCount: 0 };
    endpoint.order('DescribeServices', { change: () => ({ status: 200, type: 'application/json', body: JSON.stringify({ services: [service] }) }) });
    await expect(connect(endpoint.url).containers.describeServices('c', ['server-blue'])).rejects.toMatchObject({ code: 'bad-answer', message: 'AWS answered DescribeServices without the desired count of a service.' });
  });

  test('members that are null are not there, and those that nobody knows do no harm', async () => {
    const service = { serviceName: 'server-blue', status: 'NAPPING', desiredCount: 2, runningCount: 2, pendingCount: 0, deployments: null, events: [null], brandNew: [{}], deploymentController: { type: 'TELEPATHY' } };
    endpoint.order('DescribeServices', { change: () => ({ status: 200, type: 'application/json', body: JSON.stringify({ services: [service, null], brandNew: 1 }) }) });
    expect(await connect(endpoint.url).containers.describeServices('c', ['server-blue'])).toEqual([
      expect.objectContaining({ name: 'server-blue', status: 'NAPPING', controller: 'TELEPATHY', deployment: undefined, events: [] }),
    ]);
  });

  test('that only the caller can judge stays AWS’s own', async () => {
    endpoint.order('DescribeTargetGroups', { error: 'ValidationError' });
    const error: unknown = await connect(endpoint.url).loadBalancing.targetGroups([GROUP]).catch((thrown: unknown) => thrown);
    expect(isAws(error, 'ValidationError')).toBe(true);
    expect(unexpected(error)).toMatchObject({ code: 'aws-error', message: 'AWS answered ValidationError: DescribeTargetGroups was refused by the test' });
  });

  test('that means "not there" is an answer', async () => {
    const { loadBalancing } = connect(endpoint.url);
    expect(await loadBalancing.targetGroups([GROUP])).toEqual([]);
    expect(await loadBalancing.targetHealth(GROUP)).toEqual([]);
  });

  test('of a connection that is cut each time says that AWS could not be reached', async () => {
    endpoint.order('GetCallerIdentity', 'cut-before', { times: ALL_ATTEMPTS });
    await expect(connect(endpoint.url).identity.account()).rejects.toMatchObject({
      code: 'no-network', message: 'AWS could not be reached for sts:GetCallerIdentity: socket hang up.', next: expect.stringMatching(/^check the network/),
    });
  });

  test('of the network is tried again', async () => {
    endpoint.order('GetCallerIdentity', 'cut-before', { times: 2 });
    expect(await connect(endpoint.url).identity.account()).toBe('000000000000');
    expect(endpoint.calls).toHaveLength(3);
  });
});

test.each([
  ['is cut in the middle of the answer', (response: http.ServerResponse) => response.writeHead(200, { 'content-length': 99 }).write('half', () => response.destroy())],
  ['is closed without one', (response: http.ServerResponse) => response.socket?.end()],
])('nor could it when the connection %s', async (_how, answer) => {
  const server = http.createServer((_request, response) => void answer(response)).listen(0, '127.0.0.1');
  try {
    await event(server, 'listening');
    const address = server.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    await expect(connect(endpoint).parameters.get(['/a/1'])).rejects.toMatchObject({ code: 'no-network', message: expect.stringMatching(/^AWS could not be reached for ssm:GetParameters: [a-z ]+\.$/) });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('nobody answers there: which call, and why', async () => {
  const error: unknown = await connect('http://127.0.0.1:1').identity.account().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'no-network', message: expect.stringMatching(/^AWS could not be reached for sts:GetCallerIdentity: connect ECONNREFUSED/) });
});

test('errors of ours, and defects, are not dressed up as AWS’s', () => {
  const ours = new CanaryError({ code: 'no-canary', message: 'There is no canary.' });
  const defect = new TypeError('x is not a function');
  expect(unexpected(ours)).toBe(ours);
  expect(unexpected(defect)).toBe(defect);
  expect(unexpected('thrown text')).toBe('thrown text');
});

test('a listing is read to its last page', async () => {
  const pages: Record<string, readonly [number[], string | undefined]> = { first: [[1, 2], 'b'], b: [[], 'c'], c: [[3], ''] };
  expect(await allPages(async (token = 'first') => pages[token] ?? [[], undefined])).toEqual([1, 2, 3]);
});

test('a client is made on first use, and once', async () => {
  let made = 0;
  const make = once(async () => ++made);
  expect(made).toBe(0);
  expect(await Promise.all([make(), make()])).toEqual([1, 1]);
});
