/** A write that AWS throttles: tried again, and never without a look at whose turn it is. */
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { writeInTurn } from '../../src/release/write-in-turn.ts';
import { fakeClock } from '../fake-clock.ts';

const throttled = () => new CanaryError({ code: 'throttled', message: 'AWS throttled ecs:UpdateService for 2s.', exitCode: ExitCode.timeout });
const locked = () => new CanaryError({ code: 'locked', message: 'Another run has taken this pair.', exitCode: ExitCode.locked });

function turn(looks: string[], { lostAt = Infinity, signal = new AbortController().signal } = {}) {
  const ensureNewest = async () => {
    looks.push('look');
    if (looks.filter((each) => each === 'look').length >= lostAt) throw locked();
  };
  return { log: { ensureNewest }, wait: { clock: fakeClock(), deadline: 60_000, pollInterval: 2_000, signal } };
}

test('before each try it is looked whether the pair is still this run’s', async () => {
  const done: string[] = [];
  const write = async () => {
    done.push('write');
    if (done.length < 6) throw throttled();
    return 'written';
  };
  expect(await writeInTurn(turn(done), write)).toBe('written');
  expect(done).toEqual(['look', 'write', 'look', 'write', 'look', 'write']);
});

test('a run that lost the pair meanwhile does not write any more', async () => {
  const done: string[] = [];
  const write = async () => {
    done.push('write');
    throw throttled();
  };
  await expect(writeInTurn(turn(done, { lostAt: 2 }), write)).rejects.toMatchObject({ code: 'locked' });
  expect(done).toEqual(['look', 'write', 'look']);
});

test('at the deadline it is told as throttled; what failed otherwise is thrown at once', async () => {
  const tries: string[] = [];
  await expect(writeInTurn(turn(tries), () => Promise.reject(throttled()))).rejects.toMatchObject({ code: 'throttled' });
  expect(tries.length).toBeGreaterThan(20);
  const once: string[] = [];
  await expect(writeInTurn(turn(once), () => Promise.reject(new Error('denied')))).rejects.toThrow('denied');
  expect(once).toEqual(['look']);
});

test('somebody who interrupts it is heard between two tries', async () => {
  const interruption = new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted });
  const signal = AbortSignal.abort(interruption);
  await expect(writeInTurn(turn([], { signal }), () => Promise.reject(throttled()))).rejects.toBe(interruption);
});
