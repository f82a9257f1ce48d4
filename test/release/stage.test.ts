/** The traffic routing stage of PipeCD's pull request 6613, branch by branch: which calls a route makes, in which order, and how it ends. */
import { ExitCode } from '../../src/errors.ts';
import { type LogEntry, parse } from '../../src/release/log-entry.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { openTraffic, type TrafficLab } from './traffic-lab.ts';

const ALWAYS = Number.POSITIVE_INFINITY;

/** Calls of one phase are made at once, and come in any order. */
type Phase = readonly string[];

const LOOK_FOR_HOLDER: Phase = ['GetParametersByPath'];
const FIND_RULES = ['DescribeTargetGroups', 'DescribeListeners', 'DescribeRules', 'DescribeRules'];
const READ_HEALTH = ['DescribeTargetHealth', 'DescribeTargetHealth'];
const OBSERVE: Phase = ['GetParametersByPath', ...FIND_RULES, ...READ_HEALTH];
/** What another run did while this one looked is no drift; and a number that was pruned meanwhile must not be taken. */
const STILL_FREE: readonly Phase[] = [['GetParametersByPath'], ['GetParametersByPath']];
const SAVE: Phase = ['PutParameter'];
const LOOK_AGAIN: Phase = ['DescribeRules', ...READ_HEALTH];
const READ_BEFORE_WRITE: readonly Phase[] = [['GetParameters'], ['DescribeRules']];
const MODIFY: readonly Phase[] = ['ModifyRule', 'ModifyListener', 'ModifyRule'].flatMap((write) => [...READ_BEFORE_WRITE, [write]]);
const CONFIRM: readonly Phase[] = [['GetParameters'], ['DescribeRules'], ['GetParameters'], ['PutParameter'], ['DescribeRules']];
const RELEASE: readonly Phase[] = [['GetParameters'], ['PutParameter']];

let lab: Lab;
let traffic: TrafficLab;

beforeAll(async () => {
  lab = await openLab({ speed: 100 });
});
afterAll(() => lab.end());
beforeEach(async () => {
  traffic = await openTraffic(lab);
});
afterEach(() => traffic.end());

describe('it fails, and the load balancer is untouched, when', () => {
  afterEach(async () => {
    expect(traffic.writes().filter(({ operation, status }) => operation !== 'PutParameter' && status === 200)).toEqual([]);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('the canary’s target group cannot be saved', async () => {
    traffic.endpoint.order('PutParameter', { error: 'AccessDeniedException' });
    expect(await traffic.failure(40)).toMatchObject({ code: 'access-denied', exitCode: ExitCode.failed, message: expect.stringContaining('ssm:PutParameter') });
    expect(attempted().other).toMatchObject({ targetGroup: traffic.pair.canary, role: 'canary' });
    expectCalls(LOOK_FOR_HOLDER, OBSERVE, ...STILL_FREE, SAVE, OBSERVE);
  });

  test('no client can be made, because there are no credentials, or AWS does not accept them', async () => {
    const { AWS_ACCESS_KEY_ID, ...env } = process.env;
    process.env = { ...env, AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/nowhere', AWS_CONFIG_FILE: '/nowhere' };
    const error = await traffic.failure(40).finally(() => (process.env = { ...env, AWS_ACCESS_KEY_ID }));
    expect(error).toMatchObject({ code: 'no-credentials', exitCode: ExitCode.usage, next: expect.stringContaining('AWS_ACCESS_KEY_ID') });
    expectCalls();

    traffic.endpoint.order('*', { error: 'InvalidClientTokenId' }, { times: ALWAYS });
    expect(await traffic.failure(40)).toMatchObject({ code: 'bad-credentials', exitCode: ExitCode.failed, next: expect.stringContaining('renew the credentials') });
    expect(traffic.writes()).toEqual([]);
  });

  test('the percentages cannot be saved', async () => {
    traffic.endpoint.order('PutParameter', { error: 'ParameterLimitExceeded' });
    expect(await traffic.failure(40)).toMatchObject({ exitCode: ExitCode.failed, message: expect.stringContaining('ParameterLimitExceeded') });
    expect(attempted()).toMatchObject({ percent: 40, primary: traffic.pair.primary });
    expectCalls(LOOK_FOR_HOLDER, OBSERVE, ...STILL_FREE, SAVE, OBSERVE);
  });

  test('the remembered listeners cannot be got', async () => {
    traffic.endpoint.order('GetParametersByPath', { error: 'AccessDeniedException' }, { times: ALWAYS });
    expect(await traffic.failure(40)).toMatchObject({ exitCode: ExitCode.failed, message: expect.stringContaining('ssm:GetParametersByPath') });
    expectCalls(LOOK_FOR_HOLDER, LOOK_FOR_HOLDER);
  });

  test('the listeners of the target groups cannot be found', async () => {
    traffic.endpoint.order('DescribeListeners', { error: 'AccessDenied' });
    expect(await traffic.failure(40)).toMatchObject({ code: 'access-denied', exitCode: ExitCode.failed, message: expect.stringContaining('elasticloadbalancing:DescribeListeners') });
    expectCalls(LOOK_FOR_HOLDER, ['GetParametersByPath', 'DescribeTargetGroups', 'DescribeListeners', ...READ_HEALTH]);
  });

  test('the found listeners cannot be saved', async () => {
    traffic.endpoint.order('PutParameter', 'cut-before', { repetitions: true });
    expect(await traffic.failure(40)).toMatchObject({ exitCode: ExitCode.failed, message: expect.stringContaining('socket hang up') });
    expect(attempted().before).toEqual(Object.fromEntries(Object.values(traffic.paired).map((arn) => [arn, [100, 0]])));
    expectCalls(LOOK_FOR_HOLDER, OBSERVE, ...STILL_FREE, SAVE, OBSERVE);
  });

  test('the rules cannot be modified', async () => {
    traffic.endpoint.order('ModifyRule', { error: 'AccessDenied' });
    expect(await traffic.failure(40)).toMatchObject({ code: 'not-written', exitCode: ExitCode.failed, message: expect.stringContaining('elasticloadbalancing:ModifyRule') });
    // Whether the write took effect all the same is looked at, and there is nothing to undo.
    expectCalls(LOOK_FOR_HOLDER, OBSERVE, ...STILL_FREE, SAVE, LOOK_AGAIN, ...READ_BEFORE_WRITE, ['ModifyRule'], ...READ_BEFORE_WRITE, OBSERVE, ...RELEASE);
  });
});

describe('it succeeds', () => {
  test('with the rules that it finds, when none are remembered', async () => {
    expect((await traffic.route(40)).modified).toHaveLength(3);
    expectCalls(LOOK_FOR_HOLDER, OBSERVE, ...STILL_FREE, SAVE, LOOK_AGAIN, ...MODIFY, ...CONFIRM, ...RELEASE);
    expect(await traffic.canary()).toEqual([40, 40, 40]);
  });

  test('in the same order when rules are remembered: they are read anew all the same, and remembered with the weights before', async () => {
    await traffic.route(40);
    traffic.endpoint.calls.length = 0;
    await traffic.route(70);
    expectCalls(LOOK_FOR_HOLDER, OBSERVE, ['GetParameters'], ['GetParameters'], SAVE, LOOK_AGAIN, ...MODIFY, ...CONFIRM, ...RELEASE);
    expect(attempted()).toMatchObject({ number: 2, before: Object.fromEntries(Object.values(traffic.paired).map((arn) => [arn, [60, 40]])) });
    expect(await traffic.canary()).toEqual([70, 70, 70]);
  });
});

/** The entry that the run was to save. */
function attempted(): LogEntry {
  const { body = '{}' } = traffic.endpoint.calls.find(({ operation }) => operation === 'PutParameter') ?? {};
  const { Name, Value }: { Name: string; Value: string } = JSON.parse(body);
  const entry = parse(Number(Name.slice(Name.lastIndexOf('/') + 1)), Value);
  if (!entry) throw new Error(`${Name} holds no entry: ${Value}`);
  return entry;
}

/** Exactly these calls were made, and a phase began when the one before it was over. */
function expectCalls(...phases: readonly Phase[]): void {
  const made = traffic.endpoint.calls.filter(({ invocation }, index, calls) => calls.findIndex((call) => call.invocation === invocation) === index);
  const operations = made.map(({ operation }) => operation);
  const inPhases = phases.map(({ length }) => operations.splice(0, length).toSorted());
  expect([...inPhases, operations]).toEqual([...phases.map((phase) => phase.toSorted()), []]);
}
