/** Waiting for something that AWS does. */
import { ExitCode } from '../src/errors.ts';
import { poll, systemClock, type Wait } from '../src/time.ts';
import { fakeClock } from './fake-clock.ts';

const wait = (change: Partial<Wait> = {}): Wait => ({ clock: fakeClock(), signal: new AbortController().signal, deadline: 10_000, pollInterval: 1_000, ...change });

test('the first look is made at once, and what it sees is the answer, false and 0 included', async () => {
  const clock = fakeClock(() => {
    throw new Error('nothing to wait for');
  });
  expect(await poll('it', wait({ clock }), async () => 0)).toBe(0);
  expect(await poll('it', wait({ clock }), async () => false)).toBe(false);
});

const pausesOf = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0));

test('the first looks come about a poll interval apart, spread by up to a fifth', async () => {
  const pauses: number[] = [];
  for (let waits = 0; waits < 100; waits++) {
    const times: number[] = [];
    const clock = fakeClock();
    await poll('it', wait({ clock }), async () => (times.push(clock.now()) < 4 ? undefined : true));
    pauses.push(...pausesOf(times));
  }
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(800);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1_200);
  expect(new Set(pauses).size).toBeGreaterThan(100);
});

test('the longer a wait lasts the further they are apart, and never so far that other runs take it for dead', async () => {
  const times: number[] = [];
  const clock = fakeClock();
  await poll('it', wait({ clock, deadline: 1e9 }), async () => (times.push(clock.now()) < 300 ? undefined : true));
  const inFirstMinute = times.filter((time) => time < 60_000).length;
  const inTenth = times.filter((time) => time >= 540_000 && time < 600_000).length;
  expect(inFirstMinute).toBeGreaterThan(25);
  expect(inTenth).toBeLessThan(9);
  expect(Math.max(...pausesOf(times))).toBeLessThan(15_000);
});

test('a last look is made at the deadline, and then it is a timeout: exit 124', async () => {
  const clock = fakeClock();
  let last = 0;
  const look = async () => {
    last = clock.now();
    return undefined;
  };
  await expect(poll('the tasks to stop', wait({ clock }), look)).rejects.toMatchObject({ code: 'timeout', exitCode: ExitCode.timeout, message: 'Timed out waiting for the tasks to stop.' });
  expect(last).toBe(10_000);
});

test('an abort ends a wait with its reason, before another look', async () => {
  const controller = new AbortController();
  const clock = fakeClock(() => controller.abort(new Error('Ctrl-C')));
  let looks = 0;
  await expect(poll('it', wait({ clock, signal: controller.signal }), async () => void looks++)).rejects.toThrow('Ctrl-C');
  expect(looks).toBe(1);
  await expect(poll('it', wait({ signal: controller.signal }), async () => ++looks)).rejects.toThrow('Ctrl-C');
  expect(looks).toBe(1);
});

test('what goes wrong at a look ends the wait', async () => {
  await expect(poll('it', wait(), () => Promise.reject(new Error('denied')))).rejects.toThrow('denied');
});

test('the system’s clock wakes up from an abort with its reason', async () => {
  const controller = new AbortController();
  const sleep = systemClock.sleep(60_000, controller.signal);
  controller.abort(new Error('Ctrl-C'));
  await expect(sleep).rejects.toThrow('Ctrl-C');
  await expect(systemClock.sleep(0, controller.signal)).rejects.toThrow('Ctrl-C');
  const before = systemClock.now();
  await systemClock.sleep(5);
  expect(systemClock.now() - before).toBeGreaterThan(3);
});
