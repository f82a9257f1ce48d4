import { formatDuration, parseDuration } from '../../src/settings/duration.ts';

test.each([
  ['15s', 15_000],
  ['2m', 120_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['0.2s', 200],
  ['30', 30_000],
  ['0', 0],
  [' 1m ', 60_000],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', 'soon', '-1s', '1 m', '5d', 's', '1,5s', '10sec', 'Infinity', '1e3'])('"%s" is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0s'],
  [200, '0.2s'],
  [15_000, '15s'],
  [59_960, '1m'],
  [60_000, '1m'],
  [90_000, '1m 30s'],
  [119_700, '2m'],
])('%d ms is told as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
