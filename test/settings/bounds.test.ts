/** Bounds as people write them. */
import { parseMax5xx, parseMaxLatency } from '../../src/settings/bounds.ts';

test.each([
  ['1%', 1],
  ['0%', 0],
  [' 0.25 % ', 0.25],
  ['99.9%', 99.9],
  ['none', 'none'],
])('at most %s of 5xx', (text, bound) => {
  expect(parseMax5xx(text)).toBe(bound);
});

test.each(['', '1', '100%', '-1%', '1e1%', '%', '1%%', '.5%', '1,5%', '١%', 'some'])('%j is no percentage to stay below', (text) => {
  expect(parseMax5xx(text)).toBeUndefined();
});

test.each([
  ['p99=500ms', { statistic: 'p99', ms: 500 }],
  ['p99.9 = 1.5s', { statistic: 'p99.9', ms: 1_500 }],
  ['avg=0.2s', { statistic: 'avg', ms: 200 }],
  ['p50=1ms', { statistic: 'p50', ms: 1 }],
  ['none', 'none'],
])('at most %s', (text, bound) => {
  expect(parseMaxLatency(text)).toEqual(bound);
});

test.each(['', '500ms', 'p99', 'p99=', 'p99=500', 'p99=0ms', 'p99=-1s', 'p42=1s', 'P99=1s', 'p99=1m', 'p99=1s,p50=1s', 'p99=Infinitys', 'constructor=1s'])(
  '%j is no bound',
  (text) => {
    expect(parseMaxLatency(text)).toBeUndefined();
  },
);
