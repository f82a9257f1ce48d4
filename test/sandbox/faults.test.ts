/** Fault orders: what they do to calls over the wire, which calls they hit, and how they are ordered. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import type { FaultOrder } from '../../src/sandbox/faults/order.ts';
import type { Sandbox } from '../../src/sandbox/index.ts';
import { clientOf, newFolder, start } from './running.ts';

let dir: string;
let sandbox: Sandbox;
let ssm: SSM;
let elb: ElasticLoadBalancingV2;

beforeEach(async () => {
  dir = newFolder();
  sandbox = await start({ dir });
  ssm = new SSM(clientOf(sandbox));
  elb = new ElasticLoadBalancingV2(clientOf(sandbox));
});
afterEach(() => [ssm, elb].forEach((client) => client.destroy()));

const order = (operation: string, fault: FaultOrder['fault'], which: Omit<FaultOrder, 'operation' | 'fault'> = {}) =>
  sandbox.faults.order({ operation, fault, ...which });

const put = (Value: string, client = ssm) => client.putParameter({ Name: '/p', Value, Type: 'String', Overwrite: true });
const get = async () => (await ssm.getParameter({ Name: '/p' })).Parameter?.Value;

/** Lines of the request log, the newest last. */
function log(): Record<string, unknown>[] {
  return readFileSync(join(dir, 'requests.ndjson'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
}

/** As real SDK clients are: three attempts. */
function patient<T>(Client: new (config: object) => T): T {
  return new Client({ ...clientOf(sandbox), maxAttempts: 3 });
}

describe('what befalls a call', () => {
  test('an error of the service’s own, with its status, and no effect', async () => {
    await order('PutParameter', { error: 'TooManyUpdates' });
    await order('DescribeRules', { error: 'RuleNotFound' });
    await expect(put('1')).rejects.toMatchObject({ name: 'TooManyUpdates', $metadata: { httpStatusCode: 400 } });
    await expect(get()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    await expect(elb.describeRules({ RuleArns: ['any'] })).rejects.toMatchObject({ name: 'RuleNotFoundException', $metadata: { httpStatusCode: 400 } });
  });

  test.each([
    ['AccessDenied', 403],
    ['InternalFailure', 500],
    ['SomethingNew', 400],
  ])('an error that is in no model: %s, with status %d', async (error, httpStatusCode) => {
    await order('DescribeLoadBalancers', { error });
    await expect(elb.describeLoadBalancers({})).rejects.toMatchObject({ name: error, $metadata: { httpStatusCode } });
  });

  test('throttling is told in each protocol’s own code, and repeated by the SDK', async () => {
    for (const operation of ['DescribeLoadBalancers', 'ListClusters']) await order(operation, 'throttle', { times: 2 });
    await expect(elb.describeLoadBalancers({})).rejects.toMatchObject({ name: 'Throttling' });
    const ecs = new ECS(clientOf(sandbox));
    await expect(ecs.listClusters({})).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect((await patient(ElasticLoadBalancingV2).describeLoadBalancers({})).$metadata.attempts).toBe(2);
    expect((await patient(ECS).listClusters({})).$metadata.attempts).toBe(2);
  });

  test('a delayed call takes effect late, even when its client has gone', async () => {
    await order('PutParameter', { delayMs: 300 });
    const started = performance.now();
    const gone = AbortSignal.timeout(100);
    await expect(ssm.putParameter({ Name: '/p', Value: '1', Type: 'String' }, { abortSignal: gone })).rejects.toThrow();
    await expect(get()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    while ((await get().catch(() => undefined)) !== '1') expect(performance.now() - started).toBeLessThan(5_000);
    expect(performance.now() - started).toBeGreaterThan(290);
  });

  test('a stop does not wait for delayed calls', async () => {
    await order('PutParameter', { delayMs: 60_000 });
    const lost = expect(put('1')).rejects.toThrow();
    while (sandbox.faults.list()[0]?.hits === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await sandbox.stop();
    await lost;
  });

  test('a stale read is answered as the same one was before, until the order is over', async () => {
    await put('old');
    // One that was never answered can't be stale, and does not count.
    await order('GetParameter', 'stale', { times: 2 });
    expect(await get()).toBe('old');
    await put('new');
    expect([await get(), await get(), await get()]).toEqual(['old', 'old', 'new']);
  });

  test('“not found” can be stale, too', async () => {
    await expect(get()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    await order('*', 'stale');
    await put('1');
    await expect(get()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    expect(await get()).toBe('1');
  });

  test('cut before: nothing happened; cut after: it did; the SDK repeats either', async () => {
    await order('PutParameter', 'cut-before');
    await expect(put('1')).rejects.toThrow('socket hang up');
    await expect(get()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    await order('PutParameter', 'cut-after');
    await expect(put('2')).rejects.toThrow('socket hang up');
    expect(await get()).toBe('2');
    await order('PutParameter', 'cut-after');
    expect((await put('3', patient(SSM))).Version).toBe(3);
  });

  test('calls of the registry fail in its words', async () => {
    await order('ListImages', { error: 'RepositoryNotFoundException' });
    await order('PutImage', 'throttle');
    await order('PutImage', { error: 'ServiceUnavailable' }, { nth: 2 });
    const { url } = sandbox;
    const authorization = await registryLogin();
    const refused = await fetch(`${url}/v2/a/tags/list`, { headers: { authorization } });
    expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [{ code: 'RepositoryNotFoundException' }] }]);
    expect((await fetch(`${url}/v2/a/manifests/1`, { method: 'PUT', headers: { authorization } })).status).toBe(429);
    expect(log().at(-1)).toMatchObject({ service: 'ecr', operation: 'PutImage', status: 429, fault: 'throttle' });
    expect((await fetch(`${url}/v2/a/manifests/1`, { method: 'PUT', headers: { authorization } })).status).toBe(503);
  });
});

describe('which calls are hit', () => {
  test('so many from the nth on, of those that are about something; percent signs do not matter', async () => {
    const arn = (n: number) => `arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/a/1/${n}`;
    await order('DescribeListeners', { error: 'Mine' }, { about: arn(1), nth: 2, times: 2 });
    const seen = [];
    for (const n of [1, 2, 1, 2, 1, 1]) seen.push(await elb.describeListeners({ ListenerArns: [arn(n)] }).catch(({ name }: Error) => name));
    const real = 'ListenerNotFoundException';
    expect(seen).toEqual([real, real, 'Mine', real, 'Mine', real]);
  });

  test('* is every call; always is without end; the oldest order goes first', async () => {
    await order('GetParameter', { error: 'First' }, { nth: 2 });
    await order('*', { error: 'Every' }, { times: 'always' });
    const names = [];
    for (const call of [get, get, () => put('1'), () => elb.describeTargetGroups({})]) names.push(await call().catch(({ name }: Error) => name));
    expect(names).toEqual(['Every', 'First', 'Every', 'Every']);
    expect(sandbox.faults.list().map(({ seen, hits }) => [seen, hits])).toEqual([[2, 1], [4, 3]]);
    expect(sandbox.faults.clear()).toBe(2);
    await put('1');
  });

  test('the request log says which', async () => {
    await order('PutParameter', 'cut-before');
    await order('PutParameter', { error: 'TooManyUpdates' }, { nth: 2 });
    await order('GetParameter', { delayMs: 1 });
    for (const call of [() => put('1'), () => put('1'), () => put('1'), get]) await call().catch(() => undefined);
    expect(log()).toMatchObject([
      { service: 'ssm', region: 'eu-central-1', operation: 'PutParameter', write: true, status: 0, code: null, fault: 'cut-before' },
      { operation: 'PutParameter', status: 400, code: 'TooManyUpdates', fault: 'error' },
      { operation: 'PutParameter', status: 200, code: null },
      { operation: 'GetParameter', status: 200, fault: 'delay' },
    ]);
    expect(log()[2]).not.toHaveProperty('fault');
  });
});

describe('over the wire', () => {
  const ask = async (init: RequestInit = {}) => {
    const response = await fetch(`${sandbox.url}/_ecs-canary/faults`, init);
    return [response.status, await response.text()] as const;
  };
  const post = (body: unknown) => ask({ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });

  test('orders are made, listed and removed', async () => {
    const [status, made] = await post({ operation: 'PutParameter', nth: 2, times: 'always', fault: { error: 'TooManyUpdates' } });
    const expected = { operation: 'PutParameter', about: '', nth: 2, times: 'always', fault: { error: 'TooManyUpdates' }, seen: 0, hits: 0 };
    expect([status, JSON.parse(made)]).toEqual([201, expected]);
    for (const value of ['1', '2', '3']) await put(value).catch(() => undefined);
    expect(JSON.parse((await ask())[1])).toEqual({ faults: [{ ...expected, seen: 3, hits: 2 }] });
    expect(await ask({ method: 'DELETE' })).toEqual([200, '{"removed":1}']);
    expect(await ask()).toEqual([200, '{"faults":[]}']);
    expect((await ask({ method: 'PUT' }))[0]).toBe(405);
  });

  test.each<[string, unknown, string]>([
    ['an unknown operation', { operation: 'ModifyRul', fault: 'throttle' }, 'no operation "ModifyRul"'],
    ['no operation', { fault: 'throttle' }, 'no operation undefined'],
    ['no fault', { operation: 'ModifyRule' }, '"fault" is undefined'],
    ['an unknown fault', { operation: 'ModifyRule', fault: 'explode' }, '"fault" is "explode"'],
    ['two faults', { operation: 'ModifyRule', fault: { error: 'A', delayMs: 1 } }, 'it should be one of'],
    ['a code with a line end', { operation: 'ModifyRule', fault: { error: 'A\nB' } }, 'it should be one of'],
    ['a negative delay', { operation: 'ModifyRule', fault: { delayMs: -1 } }, 'it should be one of'],
    ['nth 0', { operation: 'ModifyRule', fault: 'throttle', nth: 0 }, '"nth" is 0'],
    ['times never', { operation: 'ModifyRule', fault: 'throttle', times: 'never' }, '"times" is "never"'],
    ['a member that is none', { operation: 'ModifyRule', fault: 'throttle', tiems: 2 }, 'no "tiems"'],
    ['a stale write', { operation: 'ModifyRule', fault: 'stale' }, 'only what reads'],
    ['a cut after a read of the registry', { operation: 'GetLayerUpload', fault: 'cut-after' }, 'a read of the registry'],
    ['a list', [], 'should be a JSON object'],
    ['no JSON', '{"operation', 'The order is no JSON'],
  ])('%s is refused', async (_what, body, sentence) => {
    const [status, text] = await post(body);
    expect([status, text]).toEqual([400, expect.stringContaining(sentence)]);
    expect(sandbox.faults.list()).toEqual([]);
  });

  test('web pages can not order any', async () => {
    expect((await ask({ method: 'DELETE', headers: { origin: 'https://example.com' } }))[0]).toBe(403);
  });
});

test('orders end with the sandbox', async () => {
  await order('*', 'cut-before', { times: 'always' });
  await sandbox.stop();
  sandbox = await start({ dir });
  ssm = new SSM(clientOf(sandbox));
  await put('1');
  expect(sandbox.faults.list()).toEqual([]);
});

async function registryLogin(): Promise<string> {
  const { ECR } = await import('@aws-sdk/client-ecr');
  const { authorizationData } = await new ECR(clientOf(sandbox)).getAuthorizationToken({});
  return `Basic ${authorizationData?.[0]?.authorizationToken}`;
}
