/** The release log in a real parameter store: who holds the pair, and what is kept. */
import { connectAws } from '../../src/aws/aws.ts';
import type { Parameters } from '../../src/aws/ssm.ts';
import { ExitCode } from '../../src/errors.ts';
import { type LogEntry, type NewEntry, parse, serialize, VALUE_LIMIT } from '../../src/release/log-entry.ts';
import { logPath, logWriter, readLog } from '../../src/release/log.ts';
import { fakeClock } from '../fake-clock.ts';
import { faultyEndpoint } from '../faulty-endpoint.ts';
import { start } from '../sandbox/running.ts';

const pair = { primary: 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/blue/1', canary: 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/green/2' };
const swapped = { primary: pair.canary, canary: pair.primary };
const author = { by: 'someone@here', command: 'route --canary 50', host: 'here', pid: 7, started: 4711 };
const signature = { by: author.by, command: author.command, holder: { host: author.host, pid: author.pid, started: author.started } };

const ruleArn = (index: number, listener = 'aaaaaaaaaaaaaaaa') =>
  `arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener-rule/app/echo-public-load-balancer/0123456789abcdef/${listener}/${String(index).padStart(16, '0')}`;
const entry = (percent: number, rules = 1): NewEntry => ({
  primary: pair.primary,
  other: { targetGroup: pair.canary, role: 'canary', version: '1.0' },
  percent,
  tasks: 2,
  before: Object.fromEntries(Array.from({ length: rules }, (_, index) => [ruleArn(index), [100, 0] as const])),
});

let url: string;
let parameters: Parameters;
beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  ({ url } = await start());
  ({ parameters } = connectAws({ region: 'eu-central-1', endpointUrl: url }));
});

const writer = (newest: number, by = author.by, clock = fakeClock()) => logWriter(parameters, pair, { ...author, by }, newest, clock);

test('what is written is read back, oldest first, beyond nine and beyond one page', async () => {
  const log = writer(0);
  for (let percent = 1; percent <= 12; percent++) await log.append(entry(percent, 2));
  const found = await readLog(parameters, pair);
  expect(found.map(({ number, percent }) => [number, percent])).toEqual(Array.from({ length: 12 }, (_, index) => [index + 1, index + 1]));
  expect(found[0]).toEqual({ ...entry(1, 2), ...signature, number: 1, at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/), renewed: found[0]?.at });
});

test('the log is the pair’s, whichever of its groups is the primary, and no other pair’s', async () => {
  await writer(0).append(entry(50));
  expect(logPath(swapped)).toBe(logPath(pair));
  expect(await readLog(parameters, swapped)).toHaveLength(1);
  expect(await readLog(parameters, { ...pair, canary: `${pair.canary}0` })).toEqual([]);
});

test('of two runs that know the same log, the first one has the pair, and the second is told who', async () => {
  const [first, second] = [writer(0, 'first@here'), writer(0, 'second@there')];
  await first.append(entry(5));
  await expect(second.append(entry(50))).rejects.toMatchObject({
    code: 'locked',
    exitCode: ExitCode.locked,
    message: expect.stringMatching(/^Another run is changing this pair: first@here holds it with "route --canary 50" since \d{4}-/),
  });
  await first.append(entry(10));
});

test('of many at the same moment exactly one has it', async () => {
  const runs = Array.from({ length: 8 }, (_, index) => writer(0, `run-${index}@here`).append(entry(index)));
  const results = await Promise.allSettled(runs);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await readLog(parameters, pair)).toHaveLength(1);
});

test('a run learns before each of its writes that it was overtaken', async () => {
  const [held, emergency] = [writer(0), writer(0, 'emergency@there')];
  await held.append(entry(50));
  await held.ensureNewest();
  expect(await emergency.takeOver(entry(0))).toEqual({ takenFrom: expect.objectContaining({ by: 'someone@here', number: 1 }) });
  await expect(held.ensureNewest()).rejects.toMatchObject({ exitCode: ExitCode.locked, message: expect.stringContaining('emergency@there') });
  await emergency.ensureNewest();
});

test('20 entries are kept, and the newest are among them', async () => {
  const log = writer(0);
  for (let percent = 1; percent <= 23; percent++) await log.append(entry(percent));
  expect((await readLog(parameters, pair)).map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, index) => index + 4));
});

test('the number of an entry that was removed takes nothing', async () => {
  const log = writer(0);
  for (let percent = 1; percent <= 22; percent++) await log.append(entry(percent));
  await expect(writer(0, 'late@there').append(entry(50))).rejects.toMatchObject({ code: 'locked' });
  expect((await readLog(parameters, pair))[0]?.number).toBe(3);
});

test('who slept while others wrote more than is kept notices it, though the next number is free', async () => {
  const [asleep, other] = [writer(0), writer(0, 'other@there')];
  await asleep.append(entry(5));
  await other.takeOver(entry(0));
  for (let percent = 1; percent <= 22; percent++) await other.append(entry(percent));
  expect((await readLog(parameters, pair))[0]?.number).toBe(5);
  for (const attempt of [() => asleep.ensureNewest(), () => asleep.append(entry(50))]) {
    await expect(attempt()).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('other@there') });
  }
  await asleep.reached();
  expect((await readLog(parameters, pair))[0]?.number).toBe(5);
});

test('entries that are damaged, of another kind or of a later schema are passed over', async () => {
  const log = writer(0);
  await log.append(entry(5));
  const whole = JSON.parse(serialize({ ...entry(10), ...signature, number: 2, at: 'now' }));
  for (const [name, value] of [
    ['2', '{"schemaVersion":1,"at":"20'],
    ['3', 'null'],
    ['4', JSON.stringify({ ...whole, schemaVersion: 2 })],
    ['5', JSON.stringify({ ...whole, percent: '10' })],
    ['6', JSON.stringify({ ...whole, before: { x: { y: [1] } } })],
  ] as const) {
    await parameters.create(`${logPath(pair)}/${name}`, value, '');
  }
  // The newest one alone says who owns production: without it nothing is known.
  await expect(readLog(parameters, pair)).rejects.toMatchObject({ code: 'log-damaged' });
  await parameters.create(`${logPath(pair)}/7`, JSON.stringify(whole), '');
  expect((await readLog(parameters, pair)).map(({ number }) => number)).toEqual([1, 7]);
});

test('an entry about other target groups says nothing of these, as the newest one neither', async () => {
  const log = writer(0);
  await log.append(entry(5));
  const deleted = { ...entry(50), primary: `${pair.primary}-deleted`, other: { targetGroup: `${pair.canary}-deleted`, role: 'canary' as const } };
  await log.append(deleted);
  await expect(readLog(parameters, pair)).rejects.toMatchObject({ code: 'log-damaged', message: expect.stringContaining('about other target groups') });
  expect(await writer(0, 'emergency@there').takeOver(entry(0))).toEqual({ takenFrom: expect.objectContaining({ number: 2 }) });
  expect((await readLog(parameters, pair)).map(({ number }) => number)).toEqual([1, 3]);
});

test('a parameter that is none of ours takes part in nothing', async () => {
  await parameters.create(`${logPath(pair)}/99999999999999999999`, 'rubbish', '');
  await parameters.create(`${logPath(pair)}/notes`, 'rubbish', '');
  await writer(0).append(entry(5));
  await writer(1).append(entry(0));
  expect((await readLog(parameters, pair)).map(({ number }) => number)).toEqual([1, 2]);
});

describe('a run at work', () => {
  const clock = fakeClock();

  /** A run whose calls are seen, and can be made to fail. */
  async function watched(newest = 0) {
    const endpoint = await faultyEndpoint(url);
    endpoints.push(endpoint);
    const aws = connectAws({ region: 'eu-central-1', endpointUrl: endpoint.url });
    const log = logWriter(aws.parameters, pair, author, newest, clock);
    const operations = () => endpoint.calls.map(({ operation }) => operation);
    return { log, endpoint, operations, writes: () => endpoint.calls.filter(({ operation }) => operation === 'PutParameter').length };
  }
  const endpoints: { close(): Promise<void> }[] = [];
  afterEach(() => Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close())));
  const newest = async () => (await readLog(parameters, pair)).at(-1);

  test('tells so every 15 seconds in its own newest entry, and changes nothing else there', async () => {
    const { log, writes } = await watched();
    await log.append(entry(5));
    await log.append(entry(50));
    await clock.sleep(14_999);
    await log.ensureNewest();
    expect(writes()).toBe(2);
    const before = await readLog(parameters, pair);
    for (let seconds = 15; seconds <= 45; seconds += 15) {
      await clock.sleep(15_000);
      await log.ensureNewest();
      await log.ensureNewest();
    }
    expect(writes()).toBe(5);
    const [first, second] = await readLog(parameters, pair);
    expect(first).toEqual(before[0]);
    expect({ ...second, renewed: before[1]?.renewed }).toEqual(before[1]);
    expect(Date.parse(second?.renewed ?? '')).toBeGreaterThan(Date.parse(before[1]?.renewed ?? ''));
  });

  test('goes on when that fails, and tries again at the next look', async () => {
    const { log, endpoint, writes } = await watched();
    await log.append(entry(5));
    await clock.sleep(15_000);
    endpoint.order('PutParameter', { error: 'AccessDeniedException' });
    await log.ensureNewest();
    await log.ensureNewest();
    await log.ensureNewest();
    expect(writes()).toBe(3);
  });

  test('that is overtaken while it says so learns it before its next write', async () => {
    const { log, endpoint } = await watched();
    await log.append(entry(5));
    await clock.sleep(15_000);
    endpoint.order('PutParameter', () => writer(0, 'emergency@there').takeOver(entry(0)));
    await expect(log.ensureNewest()).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('emergency@there') });
  });

  test('that was overtaken writes nothing any more', async () => {
    const { log, writes } = await watched();
    await log.append(entry(5));
    await writer(0, 'emergency@there').takeOver(entry(0));
    const before = await readLog(parameters, pair);
    await clock.sleep(15_000);
    await expect(log.ensureNewest()).rejects.toMatchObject({ code: 'locked' });
    await log.reached();
    await log.release();
    expect(writes()).toBe(1);
    expect(await readLog(parameters, pair)).toEqual(before);
  });

  test('asks one thing before each write, however long the log is', async () => {
    const before = writer(0);
    for (let percent = 1; percent <= 20; percent++) await before.append(entry(percent));
    const { log, operations } = await watched(20);
    await log.append(entry(50));
    await log.ensureNewest();
    await clock.sleep(15_000);
    await log.ensureNewest();
    await log.release();
    const [append, look, beat, release] = ['GetParameters PutParameter DeleteParameters', 'GetParameters', 'GetParameters PutParameter GetParameters', 'GetParameters PutParameter'];
    expect(operations().join(' ')).toBe([append, look, beat, release].join(' '));
  });

  test('notes that its weights were read back, and says so until its end, but not of its next entry', async () => {
    const { log, endpoint } = await watched();
    await log.reached();
    await log.append(entry(5));
    expect((await newest())?.reached).toBeUndefined();
    await log.reached();
    expect(await newest()).toMatchObject({ ...entry(5), number: 1, reached: true, renewed: expect.any(String) });
    await clock.sleep(15_000);
    await log.ensureNewest();
    expect(await newest()).toMatchObject({ reached: true });
    await log.append(entry(50));
    expect((await newest())?.reached).toBeUndefined();
    endpoint.order('PutParameter', { error: 'AccessDeniedException' });
    await log.reached();
    expect((await newest())?.reached).toBeUndefined();
    await log.release();
    expect(await newest()).toMatchObject({ ...entry(50), reached: true, ended: expect.any(String) });
    const calls = endpoint.calls.length;
    await log.reached();
    expect(endpoint.calls).toHaveLength(calls);
  });

  test('gives the pair back once, and leaves no sign of life behind', async () => {
    const { log, writes } = await watched();
    await log.release();
    expect(writes()).toBe(0);
    await log.append(entry(5));
    await log.release();
    await log.release();
    await clock.sleep(15_000);
    await log.ensureNewest();
    expect(writes()).toBe(2);
    expect(await newest()).toMatchObject({ ...entry(5), ended: expect.stringMatching(/^\d{4}-/) });
    expect((await newest())?.renewed).toBeUndefined();
  });

  test('can fail to give it back, and it is no error', async () => {
    const { log, endpoint } = await watched();
    await log.append(entry(5));
    endpoint.order('PutParameter', { error: 'AccessDeniedException' });
    await log.release();
    expect((await newest())?.ended).toBeUndefined();
  });

  test('in an emergency, and without an entry of its own, is stopped by nobody', async () => {
    const { log, endpoint } = await watched();
    await writer(0, 'holder@there').append(entry(50));
    // What was denied once is asked again; twice is an answer.
    endpoint.order('PutParameter', { error: 'AccessDeniedException' }, { times: 2 });
    expect(await log.takeOver(entry(0))).toMatchObject({
      warning: expect.stringContaining('AWS denied ssm:PutParameter'),
      takenFrom: { by: 'holder@there' },
    });
    await writer(1, 'later@there').append(entry(60));
    await log.ensureNewest();
    expect(await log.takeOver(entry(0))).toEqual({ takenFrom: expect.objectContaining({ by: 'later@there' }) });
    await writer(3, 'last@there').append(entry(70));
    await expect(log.ensureNewest()).rejects.toMatchObject({ message: expect.stringContaining('last@there') });
  });
});

describe('an emergency run whose entry is durable', () => {
  const clock = fakeClock();
  const DENIED = { error: 'AccessDeniedException' };

  async function takenOver() {
    const endpoint = await faultyEndpoint(url);
    endpoints.push(endpoint);
    const aws = connectAws({ region: 'eu-central-1', endpointUrl: endpoint.url }, { hurried: true });
    const log = logWriter(aws.parameters, pair, author, 0, clock);
    expect(await log.takeOver(entry(0))).toEqual({});
    const calls = endpoint.calls.length;
    return { log, endpoint, calls: () => endpoint.calls.slice(calls).map(({ operation }) => operation) };
  }
  const endpoints: { close(): Promise<void> }[] = [];
  afterEach(() => Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close())));

  test('is stopped by whoever takes the pair next', async () => {
    const { log } = await takenOver();
    await log.ensureNewest();
    await writer(0, 'next@there').takeOver(entry(0));
    await log.reached();
    await expect(log.ensureNewest()).rejects.toMatchObject({ message: expect.stringContaining('next@there') });
  });

  test.each(['GetParameters', 'PutParameter'])('looks no more after %s failed once', async (operation) => {
    const { log, endpoint, calls } = await takenOver();
    endpoint.order(operation, DENIED);
    await clock.sleep(15_000);
    await log.ensureNewest();
    await log.ensureNewest();
    await log.reached();
    expect(calls()).toEqual(operation === 'GetParameters' ? ['GetParameters'] : ['GetParameters', 'PutParameter']);
  });

  test('is held up by a store that does not answer for three seconds in each of two attempts, and never again', async () => {
    const { log, endpoint, calls } = await takenOver();
    let answer = (): void => undefined;
    endpoint.order('GetParameters', () => new Promise<void>((resolve) => (answer = resolve)));
    endpoint.order('GetParameters', 'cut-before', { from: 2, times: Infinity });
    const began = performance.now();
    await log.ensureNewest();
    expect(performance.now() - began).toBeLessThan(4_500);
    await log.ensureNewest();
    expect(calls()).toEqual(['GetParameters', 'GetParameters']);
    answer();
  });

  test('and then goes forward after all minds a failing look again', async () => {
    const { log, endpoint } = await takenOver();
    await log.append(entry(5));
    endpoint.order('GetParameters', DENIED);
    await expect(log.ensureNewest()).rejects.toMatchObject({ code: 'access-denied' });
  });
});

test('nothing is taken from a run that has ended, or from oneself', async () => {
  const [ended, emergency] = [writer(0), writer(0, 'emergency@there')];
  await ended.append(entry(5));
  await ended.release();
  expect(await emergency.takeOver(entry(0))).toEqual({});
  expect(await emergency.takeOver(entry(0))).toEqual({});
});

test('who is overtaken is told since when the other run has the pair, which may have written often', async () => {
  const [late, other] = [writer(0), writer(0, 'other@there')];
  for (const percent of [5, 10, 20]) await other.append(entry(percent));
  const since = (await readLog(parameters, pair))[0]?.at ?? '';
  await expect(late.append(entry(50))).rejects.toMatchObject({ message: expect.stringContaining(`since ${since}.`) });
});

test('an emergency run gets past entries that nobody can read', async () => {
  await writer(0).append(entry(5));
  await parameters.create(`${logPath(pair)}/2`, 'damaged', '');
  expect(await writer(1).takeOver(entry(0))).toEqual({});
  expect((await readLog(parameters, pair)).map(({ number, percent }) => [number, percent])).toEqual([[1, 5], [3, 0]]);
});

describe('an entry', () => {
  const full = (rules: number): LogEntry => ({ ...entry(50, rules), ...signature, number: 7, at: '2026-01-02T03:04:05.678Z' });

  test('is the same after the way through text, with and without another version', () => {
    expect(parse(7, serialize(full(3)))).toEqual(full(3));
    const first = { ...full(1), other: undefined };
    expect(parse(7, serialize(first))).toEqual(first);
  });

  test('keeps what it is restricted to, and the stickiness that was switched off', () => {
    const scope = [ruleArn(3), ruleArn(1), ruleArn(1, 'bbbbbbbbbbbbbbbb')];
    const stickiness = { [ruleArn(3)]: 86_400, [ruleArn(1, 'bbbbbbbbbbbbbbbb')]: 1 };
    const restricted = { ...full(1), scope, stickiness };
    const read = parse(7, serialize(restricted));
    expect(read).toEqual(restricted);
    // A rule's part of its ARN, and the listener's once.
    expect(serialize(restricted).match(/listener-rule/g)).toHaveLength(5);
  });

  test('keeps that its weights were reached', () => {
    const reached = { ...full(1), reached: true };
    expect(parse(7, serialize(reached))).toEqual(reached);
  });

  test('of the version before, which did not say when its process started, is read', () => {
    const old = { ...full(1), holder: { host: 'here', pid: 7 } };
    expect(parse(7, serialize(old))).toEqual(old);
  });

  test('of the version before, which named no process and gave no sign of life, is read', () => {
    const { holder: _holder, ...old } = full(2);
    expect(parse(7, serialize(old))).toEqual(old);
  });

  test('holds the 100 rules that a listener has, within the store’s limit', async () => {
    expect(Buffer.byteLength(serialize(full(101)))).toBeLessThan(VALUE_LIMIT);
    await writer(0).append(entry(50, 101));
    expect(Object.keys((await readLog(parameters, pair))[0]?.before ?? {})).toHaveLength(101);
  });

  test('that is too large is refused before anything is written; an emergency run goes on without', async () => {
    await expect(writer(0).append(entry(50, 200))).rejects.toMatchObject({ code: 'entry-too-large', exitCode: ExitCode.failed, message: expect.stringContaining('200 listener rules') });
    expect(await writer(0).takeOver(entry(0, 200))).toMatchObject({ warning: expect.stringMatching(/^The release log could not be written: /) });
    expect(await readLog(parameters, pair)).toEqual([]);
  });
});
