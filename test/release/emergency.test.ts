/** `route --canary 0` from every state there is: all traffic goes back to the primary, whatever is broken beside it. */
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import { ExitCode } from '../../src/errors.ts';
import { logPath, logWriter, readLog } from '../../src/release/log.ts';
import { weightsBefore } from '../../src/release/log-entry.ts';
import { freshRules } from '../../src/release/observe.ts';
import type { Clock } from '../../src/time.ts';
import { fakeClock } from '../fake-clock.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { openTraffic, type TrafficLab } from './traffic-lab.ts';

const ALWAYS = Number.POSITIVE_INFINITY;
const DENIED = { error: 'AccessDeniedException' };

let lab: Lab;
let traffic: TrafficLab;
/** AWS, past the endpoint where it misbehaves. */
let aside: Aws;

beforeAll(async () => {
  lab = await openLab({ speed: 50 });
  aside = connectAws({ region: 'eu-central-1', endpointUrl: lab.sandbox.url });
});
afterAll(() => lab.end());
beforeEach(async () => {
  traffic = await openTraffic(lab);
  await traffic.route(60);
  traffic.endpoint.calls.length = 0;
  traffic.events.length = 0;
});
afterEach(() => traffic.end());

/** Without consent to anything, and without having waited. @returns the rules that were changed. */
async function expectBack(): Promise<readonly string[]> {
  const back = async () => (await traffic.canary()).every((weight) => weight === 0);
  let backAt: number | undefined;
  const clock = fakeClock(async (now) => void (backAt ??= (await back()) ? now : undefined));
  const { modified } = await traffic.route(0, { by: 'emergency@elsewhere', clock });
  expect(await traffic.canary()).toEqual([0, 0, 0]);
  expect(backAt).toBeLessThan(1_000);
  return modified;
}

const warnings = () => traffic.events.flatMap((event) => (event.type === 'warning' ? event.text : []));

async function emptyGroup(TargetGroupArn: string): Promise<void> {
  const { TargetHealthDescriptions = [] } = await lab.elb.describeTargetHealth({ TargetGroupArn });
  await lab.elb.deregisterTargets({ TargetGroupArn, Targets: TargetHealthDescriptions.flatMap(({ Target }) => Target ?? []) });
}

test('the canary’s targets are all gone', async () => {
  await emptyGroup(traffic.pair.canary);
  await expectBack();
});

test('the rules are half written: 20, 60 and 0', async () => {
  await traffic.meddle('signed-in', 20);
  await traffic.meddle('plain', 0);
  expect(await expectBack()).toEqual([traffic.paired['signed-in'], traffic.paired.default]);
});

test('the log cannot be written: a warning', async () => {
  traffic.endpoint.order('PutParameter', DENIED, { times: ALWAYS });
  await expectBack();
  expect(warnings()).toEqual([expect.stringContaining('The release log could not be written: AWS denied ssm:PutParameter')]);
});

test('the log can neither be read nor written: a warning', async () => {
  for (const operation of ['GetParametersByPath', 'PutParameter']) traffic.endpoint.order(operation, DENIED, { times: ALWAYS });
  await expectBack();
  expect(warnings()).toEqual([expect.stringContaining('The release log could not be written')]);
});

test('the log is damaged: the entry written past it mends it', async () => {
  await aside.parameters.create(`${logPath(traffic.pair)}/2`, '{"schemaVersion":1', '');
  await expect(readLog(aside.parameters, traffic.pair)).rejects.toMatchObject({ code: 'log-damaged' });
  await expectBack();
  expect((await readLog(aside.parameters, traffic.pair)).at(-1)).toMatchObject({ number: 3, percent: 0, by: 'emergency@elsewhere' });
});

test('a living run on another machine holds the pair: it is not waited for, and stops before its next write', async () => {
  const { primary, canary } = traffic.pair;
  const clock: Clock = fakeClock(() => holder.ensureNewest());
  const holder = logWriter(aside.parameters, traffic.pair, { by: 'ci@runner-7', command: 'route', host: 'runner-7', pid: 7 }, 1, clock);
  const before = weightsBefore(await freshRules(aside, Object.values(traffic.paired), traffic.pair), primary, canary);
  await holder.append({ primary, other: { targetGroup: canary, role: 'canary' }, percent: 80, tasks: 1, before });
  expect(await traffic.failure(70, { by: 'second@elsewhere', clock })).toMatchObject({ code: 'locked', exitCode: ExitCode.locked });

  await expectBack();
  await expect(holder.ensureNewest()).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('emergency@elsewhere') });
});

test('another run has the pair and has written nothing yet: it never does', async () => {
  await traffic.route(0);
  // Two such calls find out whether the run may start, the next one comes between its record and its first write.
  traffic.endpoint.order('DescribeTargetHealth', () => traffic.route(0, { by: 'emergency@elsewhere' }), { from: 3 });
  expect(await traffic.failure(70)).toMatchObject({ code: 'locked', exitCode: ExitCode.locked });
  expect(await traffic.canary()).toEqual([0, 0, 0]);
});

test.each(['DescribeTargetGroups', 'DescribeListeners'])('the rules cannot be searched (%s): those that the log remembers are enough', async (operation) => {
  traffic.endpoint.order(operation, { error: 'AccessDenied' }, { times: ALWAYS });
  await expectBack();
});

test('the health of the targets cannot be read: --force goes without it', async () => {
  traffic.endpoint.order('DescribeTargetHealth', { error: 'AccessDenied' }, { times: ALWAYS });
  await traffic.route(0, { force: true });
  expect(await traffic.canary()).toEqual([0, 0, 0]);
});

test('the primary has no healthy target: refused, and --force goes all the same', async () => {
  await emptyGroup(traffic.pair.primary);
  expect(await traffic.failure(0)).toMatchObject({ code: 'no-health', next: expect.stringContaining('--force') });
  expect(traffic.writes()).toEqual([]);
  await traffic.route(0, { force: true });
  expect(await traffic.canary()).toEqual([0, 0, 0]);
});

test('everything at once: targets gone, half written, changed by hand, the log damaged and unwritable, the rules not found', async () => {
  await emptyGroup(traffic.pair.canary);
  await traffic.meddle('plain', 95);
  for (const operation of ['PutParameter', 'DescribeTargetGroupAttributes']) traffic.endpoint.order(operation, DENIED, { times: ALWAYS });
  await aside.parameters.create(`${logPath(traffic.pair)}/2`, 'damaged', '');
  await expectBack();
});
