/** Who is refused, who goes ahead, and what an unlock does, on a real parameter store. */
import { spawnSync } from 'node:child_process';
import { connectAws } from '../../src/aws/aws.ts';
import type { Parameters } from '../../src/aws/ssm.ts';
import { ExitCode } from '../../src/errors.ts';
import { thisProcess } from '../../src/process.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { holderOf } from '../../src/release/holder.ts';
import { type Author, type LogWriter, logPath, logWriter, readLog } from '../../src/release/log.ts';
import { type NewEntry, serialize } from '../../src/release/log-entry.ts';
import { fenceOff, type Request, requireFree } from '../../src/release/lock.ts';
import type { Clock } from '../../src/time.ts';
import { fakeClock } from '../fake-clock.ts';
import { type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { start } from '../sandbox/running.ts';

const arn = (name: string) => `arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/${name}/0123456789abcdef`;
const pair = { primary: arn('blue'), canary: arn('green') };
const entry = (percent: number): NewEntry => ({
  primary: pair.primary,
  other: { targetGroup: pair.canary, role: 'canary', version: '1.1' },
  percent,
  tasks: 2,
  before: { [`${arn('listener-rule')}/1`]: [100, 0] },
  scope: [`${arn('listener-rule')}/1`],
  stickiness: { [`${arn('listener-rule')}/1`]: 60 },
});
const me: Author = { by: 'me@here', command: 'route --canary 50', host: 'here', pid: process.pid };
const elsewhere: Author = { by: 'ci@runner-7', command: 'update --tag 1.1', host: 'runner-7', pid: 7 };

let endpoint: FaultyEndpoint;
let parameters: Parameters;
let events: ProgressEvent[];
beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  endpoint = await faultyEndpoint((await start()).url);
  ({ parameters } = connectAws({ region: 'eu-central-1', endpointUrl: endpoint.url }));
  events = [];
});
afterEach(() => endpoint.close());

const entries = () => readLog(parameters, pair);
const writer = (author: Author, newest: number, clock: Clock = fakeClock()) => logWriter(parameters, pair, author, newest, clock);

async function holding(author: Author, clock?: Clock): Promise<LogWriter> {
  const log = writer(author, 0, clock);
  await log.append(entry(50));
  return log;
}

/** @param deadline ms on the clock, which begins at 0. */
function request(clock: Clock, deadline = 900_000, signal = new AbortController().signal): Request {
  return { parameters, pair, author: me, wait: { clock, signal, deadline, pollInterval: 2_000 }, progress: (event) => events.push(event) };
}

/** Puts an entry there that this program does not write. */
async function store(number: number, changes: Record<string, unknown>): Promise<void> {
  const whole = JSON.parse(serialize({ ...entry(50), by: 'someone@there', command: 'promote', number, at: '2026-01-02T03:04:05.678Z' }));
  await parameters.create(`${logPath(pair)}/${number}`, JSON.stringify({ ...whole, ...changes }), '');
}

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

describe('the pair is free at once', () => {
  const clock = fakeClock();
  const free = async () => {
    const number = await requireFree(request(clock));
    expect({ waited: clock.now(), events }).toEqual({ waited: 0, events: [] });
    return number;
  };

  test('when nothing was ever done', async () => {
    expect(await free()).toBe(0);
  });

  test('when the last run ended', async () => {
    await (await holding(elsewhere)).release();
    expect(await free()).toBe(1);
  });

  test('when the last run gave no sign of life, as earlier versions of this program', async () => {
    await store(3, {});
    expect(await free()).toBe(3);
  });

  test('when the last sign of life from elsewhere is more than ten minutes old, and not when it is less', async () => {
    await store(3, { renewed: ago(11), holder: { host: elsewhere.host, pid: process.pid } });
    expect(await free()).toBe(3);
    await store(4, { renewed: ago(9), holder: { host: elsewhere.host, pid: process.pid } });
    await expect(requireFree(request(fakeClock(), 0))).rejects.toMatchObject({ code: 'locked' });
  });

  test('as far as this rule is concerned when the log cannot be read: the plan refuses that itself', async () => {
    await parameters.create(`${logPath(pair)}/1`, 'damaged', '');
    expect(await free()).toBeUndefined();
    endpoint.order('GetParametersByPath', { error: 'AccessDeniedException' });
    expect(await free()).toBeUndefined();
  });

  test('when its holder was a process on this machine that is gone: the same command again carries on', async () => {
    const { pid } = spawnSync('true');
    await holding({ ...elsewhere, host: me.host, pid });
    expect(await free()).toBe(1);
  });

  test('when its holder had the number that this process, or another one, has now', async () => {
    for (const [index, pid] of [process.pid, process.ppid].entries()) {
      await store(index + 1, { renewed: ago(0), holder: { host: me.host, pid, started: 1 } });
      expect(await free()).toBe(index + 1);
    }
  });
});

test('a holder alive on this machine refuses everybody else at once: who, with what, since when, and what to do', async () => {
  const log = await holding({ ...elsewhere, host: me.host, pid: process.ppid });
  await log.append(entry(100));
  const clock = fakeClock();
  const [first] = await entries();
  await expect(requireFree(request(clock))).rejects.toMatchObject({
    code: 'locked',
    exitCode: ExitCode.locked,
    message: `ci@runner-7 holds this pair with "update --tag 1.1" since ${first?.at}; its process ${process.ppid} on this machine still runs.`,
    next: expect.stringMatching(/^wait for it to end; if it is dead for certain: ecs-canary unlock; in an emergency ecs-canary rollback /),
  });
  expect(clock.now()).toBe(0);
});

test('a run in this very process counts as alive', async () => {
  await holding({ ...me, command: 'promote' });
  await expect(requireFree(request(fakeClock()))).rejects.toMatchObject({ code: 'locked' });
});

test('a process that runs on this machine holds its pair however long it was silent', async () => {
  await store(3, { renewed: ago(60), holder: { ...thisProcess(), host: me.host } });
  await expect(requireFree(request(fakeClock()))).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('still runs') });
  expect(await writer(elsewhere, 3).takeOver(entry(0))).toEqual({});
  await store(5, { renewed: ago(60), holder: { ...thisProcess(), host: me.host } });
  expect(await writer(me, 5).takeOver(entry(0))).toEqual({ takenFrom: expect.objectContaining({ number: 5 }) });
});

test('for groups given by ARN the commands to type name them', async () => {
  await holding({ ...me, command: 'promote' });
  const groups = `--primary-target-group ${pair.primary} --canary-target-group ${pair.canary}`;
  const refusal = await requireFree({ ...request(fakeClock()), byArn: true }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ next: expect.stringContaining(`ecs-canary unlock ${groups}; `) });
  expect(refusal).toMatchObject({ next: expect.stringContaining(`ecs-canary route --canary 0 ${groups} `) });
});

describe('a holder on another machine is watched', () => {
  test('and loses the pair after 45 seconds without a sign of life', async () => {
    await holding(elsewhere);
    const clock = fakeClock();
    expect(await requireFree(request(clock))).toBe(1);
    expect(clock.now()).toBeGreaterThanOrEqual(45_000);
    expect(clock.now()).toBeLessThan(49_000);
    const since = (await entries())[0]?.at;
    expect(events).toEqual([{ type: 'waiting', text: `ci@runner-7 holds this pair with "update --tag 1.1" since ${since}; looking whether it is still at work` }]);
  });

  test('and keeps it when it lives: a run at work is seen within one lease', async () => {
    let look = (): Promise<void> => Promise.resolve();
    const clock = fakeClock(() => look());
    const log = await holding(elsewhere, clock);
    look = () => log.ensureNewest();
    await expect(requireFree(request(clock))).rejects.toMatchObject({ code: 'locked', message: expect.stringMatching(/^ci@runner-7 holds .*, last heard of at \d{4}-/) });
    expect(clock.now()).toBeLessThan(18_000);
  });

  test('and once it ends, the pair is free', async () => {
    const log = await holding(elsewhere);
    const clock = fakeClock((now) => (now > 10_000 ? log.release() : undefined));
    expect(await requireFree(request(clock))).toBe(1);
    expect(clock.now()).toBeLessThan(15_000);
  });

  test('and whoever takes the pair meanwhile is the one that refuses', async () => {
    await holding(elsewhere);
    const clock = fakeClock(async (now) => {
      if (now < 3_000) await writer({ ...elsewhere, by: 'other@runner-8', host: 'runner-8' }, 1).append(entry(5));
    });
    await expect(requireFree(request(clock))).rejects.toMatchObject({ message: expect.stringMatching(/^other@runner-8 holds /) });
  });

  test('for no longer than the caller waits', async () => {
    await holding(elsewhere);
    const clock = fakeClock();
    await expect(requireFree(request(clock, 10_000))).rejects.toMatchObject({ code: 'locked', exitCode: ExitCode.locked });
    expect(clock.now()).toBeLessThan(13_000);
  });

  test('until Ctrl-C', async () => {
    await holding(elsewhere);
    const interrupt = new AbortController();
    const clock = fakeClock(() => interrupt.abort(new Error('interrupted')));
    await expect(requireFree(request(clock, 900_000, interrupt.signal))).rejects.toThrow('interrupted');
  });

  describe('and looks that fail say nothing about it', () => {
    const DENIED = { error: 'AccessDeniedException' };

    test('the lease begins again after them', async () => {
      await holding(elsewhere);
      // The first look of all, then one about every two seconds: these are after about 40.
      endpoint.order('GetParametersByPath', DENIED, { from: 20, times: 2 });
      const clock = fakeClock();
      expect(await requireFree(request(clock))).toBe(1);
      expect(clock.now()).toBeGreaterThan(75_000);
      expect(clock.now()).toBeLessThan(105_000);
    });

    test('a holder that was cut off from the log as well, and renews its entry again, keeps the pair', async () => {
      const clock = fakeClock((now) => (now > 50_000 ? beat() : undefined));
      const log = await holding(elsewhere, clock);
      const beat = () => log.ensureNewest();
      endpoint.order('GetParametersByPath', DENIED, { from: 3, times: 18 });
      await expect(requireFree(request(clock))).rejects.toMatchObject({ code: 'locked' });
    });

    test('after 45 seconds of them, the log cannot be read', async () => {
      await holding(elsewhere);
      endpoint.order('GetParametersByPath', DENIED, { from: 2, times: Infinity });
      const clock = fakeClock();
      expect(await requireFree(request(clock))).toBeUndefined();
      expect(clock.now()).toBeGreaterThanOrEqual(45_000);
      expect(clock.now()).toBeLessThan(49_000);
    });

    test('nor can it when the caller waits no longer', async () => {
      await holding(elsewhere);
      endpoint.order('GetParametersByPath', DENIED, { from: 2, times: Infinity });
      const clock = fakeClock();
      expect(await requireFree(request(clock, 10_000))).toBeUndefined();
      expect(clock.now()).toBeLessThan(13_000);
    });
  });
});

test('who takes the pair between the look and the first entry is not run over', async () => {
  const newest = await requireFree(request(fakeClock()));
  await holding(elsewhere);
  await expect(writer(me, newest ?? 0).append(entry(5))).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('ci@runner-7') });
});

describe('an unlock', () => {
  const unlock = async () => {
    const holder = holderOf(await entries(), Date.now());
    if (!holder) throw new Error('nobody holds the pair');
    return () => fenceOff(holder, request(fakeClock()));
  };

  test('stops the holder before its next write, frees the pair, and leaves the facts as they were', async () => {
    const log = await holding(elsewhere);
    await log.reached();
    await (await unlock())();
    await expect(log.ensureNewest()).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(/^Another run has taken this pair meanwhile: me@here with "route --canary 50" at \d{4}-/),
    });
    expect(await requireFree(request(fakeClock()))).toBe(2);
    const [before, after] = await entries();
    expect(after).toMatchObject({ ...entry(50), number: 2, by: 'me@here', ended: after?.at, reached: true });
    expect(before?.ended).toBeUndefined();
  });

  test('is refused when the holder wrote another entry while consent was asked for', async () => {
    const log = await holding(elsewhere);
    const consented = await unlock();
    await log.append(entry(100));
    await expect(consented()).rejects.toMatchObject({ exitCode: ExitCode.locked, message: expect.stringContaining('ci@runner-7 holds it') });
    await log.ensureNewest();
  });
});
