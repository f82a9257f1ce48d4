/** Metrics in the sandbox: minutes, how late they arrive, how long they stay. */
import { makeMetrics, type Metric } from '../../src/sandbox/world/metrics.ts';

const METRIC: Metric = { namespace: 'N', name: 'M', dimensions: { A: '1', B: '2' }, unit: 'Count' };
const MINUTE = 60_000;
const NOON = Date.UTC(2026, 0, 1, 12);

/** Metrics at a speed, and the clock that tells their time. */
function at(speed: number) {
  const time = { ms: NOON };
  const metrics = makeMetrics({ now: () => new Date(time.ms), real: (awsMs) => awsMs / speed });
  const seen = (asOf: number) => metrics.points(METRIC, { from: new Date(0), to: new Date(8.64e15), asOf: new Date(asOf) });
  return { time, metrics, seen };
}

test.each([1, 7, 50])('minutes at speed %d arrive 1 to 3 minutes after their end', (speed) => {
  const { time, metrics, seen } = at(speed);
  const minute = MINUTE / speed;
  for (let index = 0; index < 20; index++) {
    time.ms = NOON + index * minute + 2;
    metrics.record(METRIC, 1);
    const began = NOON + index * minute;
    const present = (asOf: number) => seen(asOf).some(({ timestamp }) => Math.abs(timestamp.getTime() - began) <= 1);
    expect(present(began + 2 * minute - 2)).toBe(false);
    expect(present(began + 4 * minute + 2)).toBe(true);
  }
});

test('minutes are those of the wall clock at speed 1, and forgotten after three hours', () => {
  const { time, metrics, seen } = at(1);
  time.ms = NOON + 59_999;
  metrics.record(METRIC, 1);
  metrics.record({ ...METRIC, dimensions: { B: '2', A: '1' } }, 1);
  time.ms += 1;
  metrics.record(METRIC, 1);
  const later = NOON + 60 * MINUTE;
  expect(seen(later).map(({ timestamp, values }) => [timestamp.getTime() - NOON, values.get(1)])).toEqual([[0, 2], [MINUTE, 1]]);
  time.ms = NOON + 181 * MINUTE;
  metrics.record({ ...METRIC, name: 'Another' }, 1);
  expect(seen(time.ms + 5 * MINUTE).map(({ timestamp }) => timestamp.getTime() - NOON)).toEqual([MINUTE]);
});
