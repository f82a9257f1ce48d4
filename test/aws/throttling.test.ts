/** AWS throttles: calls are repeated for as long as the command may wait, and no longer; a user who waits is told so once. */
import { type Calling, connectAws } from '../../src/aws/aws.ts';
import { insistently, isTrouble } from '../../src/aws/insist.ts';
import { oncePerSpell } from '../../src/aws/throttling.ts';
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { poll, systemClock } from '../../src/time.ts';
import { fakeClock } from '../fake-clock.ts';
import { ALL_ATTEMPTS, faultyEndpoint, type FaultyEndpoint } from '../faulty-endpoint.ts';
import { start } from '../sandbox/running.ts';

const THROTTLED = { error: 'ThrottlingException' };
const ALWAYS = { times: Infinity };
const RULE = {
  arn: 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener-rule/app/lb/1/2/3',
  listenerArn: 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/lb/1/2',
  isDefault: false, priority: '1', conditions: [], forward: undefined, stickiness: undefined, actions: [{ Type: 'forward' as const }],
};

let endpoint: FaultyEndpoint;
beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  endpoint = await faultyEndpoint((await start()).url);
});
afterEach(() => endpoint.close());

const wait = { clock: systemClock, signal: new AbortController().signal, deadline: Infinity, pollInterval: 5 };
const connect = (calling?: Calling) => connectAws({ region: 'eu-central-1', endpointUrl: endpoint.url }, calling);

test('a call that is throttled more often than anything else is repeated ends as if it was not', async () => {
  endpoint.order('ListServices', THROTTLED, { times: 3 * ALL_ATTEMPTS });
  expect(await connect({ hurried: true }).containers.listServices('c')).toEqual([]);
  expect(endpoint.calls.filter(({ operation }) => operation === 'ListServices')).toHaveLength(3 * ALL_ATTEMPTS + 1);
});

test('a throttled write of weights is repeated sooner than other calls: users’ traffic waits for it', async () => {
  endpoint.order('ModifyRule', THROTTLED, { times: 5 * ALL_ATTEMPTS });
  // The sandbox has no such rule; what counts is that it was asked in the end.
  await expect(connect().loadBalancing.setWeights(RULE, new Map())).rejects.toMatchObject({ name: 'RuleNotFoundException' });
  expect(endpoint.calls).toHaveLength(5 * ALL_ATTEMPTS + 1);
});

test('being throttled uses up none of the attempts that a broken connection has', async () => {
  endpoint.order('GetCallerIdentity', THROTTLED, { times: 2 });
  endpoint.order('GetCallerIdentity', 'cut-before', { from: 3, times: ALL_ATTEMPTS - 1 });
  expect(await connect().identity.account()).toBe('000000000000');
  expect(endpoint.calls).toHaveLength(2 + ALL_ATTEMPTS);
});

test('it ends with the command’s --timeout: exit 124, and the call by name', async () => {
  endpoint.order('GetCallerIdentity', THROTTLED, ALWAYS);
  await expect(connect({ timeout: 300 }).identity.account()).rejects.toMatchObject({
    code: 'throttled', exitCode: ExitCode.timeout, message: expect.stringMatching(/^AWS throttled sts:GetCallerIdentity for \d+s: too many calls/),
  });
});

test('the parameter store of somebody in a hurry is not waited for that long', async () => {
  endpoint.order('GetParametersByPath', THROTTLED, ALWAYS);
  await expect(connect({ hurried: true }).parameters.list('/a')).rejects.toMatchObject({ code: 'throttled' });
});

test('whoever insists goes around what was throttled for too long, and does not begin again', async () => {
  endpoint.order('GetCallerIdentity', THROTTLED, ALWAYS);
  let tries = 0;
  const error: unknown = await insistently(wait, () => {
    tries += 1;
    return connect({ timeout: 50 }).identity.account();
  }).catch((thrown: unknown) => thrown);
  expect([tries, isTrouble(error)]).toEqual([1, true]);
});

test('Ctrl-C ends the wait at once, and what is called afterwards is repeated all the same', async () => {
  const interrupted = new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted });
  const controller = new AbortController();
  const aws = connect({ signal: controller.signal });
  endpoint.order('GetCallerIdentity', THROTTLED, ALWAYS);
  const account = aws.identity.account();
  await Promise.all([
    expect(account).rejects.toBe(interrupted),
    poll('a second try', wait, async () => (endpoint.calls.length > 1 ? true : undefined)).then(() => controller.abort(interrupted)),
  ]);
  endpoint.order('ListServices', THROTTLED, { times: 2 });
  await expect(aws.containers.listServices('c')).resolves.toEqual([]);
});

test('a quota that is used up is no throttling, whatever its name says', async () => {
  endpoint.order('GetCallerIdentity', { error: 'LimitExceededException' }, ALWAYS);
  await expect(connect().identity.account()).rejects.toMatchObject({ name: 'LimitExceededException' });
  expect(endpoint.calls).toHaveLength(1);
});

describe('what is told', () => {
  test('is the first call that waits for some seconds, and nothing more until throttling is over', async () => {
    const told: string[] = [];
    const clock = fakeClock();
    const onPause = oncePerSpell((action) => told.push(action), clock);
    onPause('ecs:ListTasks', 400);
    expect(told).toEqual([]);
    onPause('ecs:ListTasks', 2_500);
    for (let tries = 0; tries < 100; tries++) {
      await clock.sleep(5_000);
      onPause('elasticloadbalancing:DescribeRules', 5_000 * tries);
    }
    expect(told).toEqual(['ecs:ListTasks']);
    await clock.sleep(120_000);
    onPause('ssm:PutParameter', 100);
    onPause('ssm:PutParameter', 3_000);
    expect(told).toEqual(['ecs:ListTasks', 'ssm:PutParameter']);
  });

  test('comes from the calls themselves', async () => {
    endpoint.order('GetCallerIdentity', THROTTLED, ALWAYS);
    const controller = new AbortController();
    const told: string[] = [];
    const onThrottled = (action: string) => {
      told.push(action);
      controller.abort(new Error('seen'));
    };
    await expect(connect({ timeout: 20_000, signal: controller.signal, onThrottled }).identity.account()).rejects.toThrow('seen');
    expect(told).toEqual(['sts:GetCallerIdentity']);
  });
});
