/** When a canary counts as bad: what its tasks and its metrics say, without any AWS. */
import fc from 'fast-check';
import type { Minute } from '../../src/aws/cloudwatch.ts';
import type { EcsTask } from '../../src/aws/ecs.ts';
import { crashesOf, verdictsOn, whyNotKeep } from '../../src/release/verdict.ts';
import type { LatencyBound } from '../../src/settings/bounds.ts';
import { groups, stateOf } from './states.ts';

const minute = (requests: number, errors = 0, latency: number | undefined = 10): Minute => ({ requests, errors, latency });

function onErrors(minutes: readonly Minute[], max5xx: number) {
  return verdictsOn(minutes, { max5xx, maxLatency: undefined })[0];
}

function onLatency(minutes: readonly Minute[], statistic: LatencyBound['statistic'], ms: number) {
  return verdictsOn(minutes, { max5xx: undefined, maxLatency: { statistic, ms } })[0];
}

describe('stopped tasks', () => {
  const task = (stopCode: string | undefined, stoppedReason = '', deploymentId = 'ours'): EcsTask =>
    ({ id: stoppedReason, lastStatus: 'STOPPED', taskDefinition: '', deploymentId, stopCode, stoppedReason, containers: [], addresses: [] });

  test.each([
    ['a container that exited', 'EssentialContainerExited', 'Essential container in task exited'],
    ['a task that could not start', 'TaskFailedToStart', 'CannotPullContainerError: …'],
    ['failed checks of the load balancer', 'ServiceSchedulerInitiated', 'Task failed ELB health checks in (target-group arn:…)'],
    ['failed checks in the words of events', 'ServiceSchedulerInitiated', '(port 8080) is unhealthy in (target-group arn:…) due to (reason Health checks failed with these codes: [503])'],
    ['failed checks of its own', 'ServiceSchedulerInitiated', 'Task failed container health checks'],
  ])('%s speak against the version', (_what, stopCode, reason) => {
    expect(crashesOf([task(stopCode, reason)], 'ours')).toHaveLength(1);
  });

  test.each([
    ['scaling', 'ServiceSchedulerInitiated', 'Scaling activity initiated by (deployment ecs-svc/1)'],
    ['somebody', 'UserInitiated', 'Task stopped by user'],
    ['a machine that was taken away', 'SpotInterruption', 'Your Spot Task was interrupted.'],
    ['what AWS adds tomorrow', 'MoonPhase', 'The moon is full'],
    ['nothing that is known', undefined, undefined],
  ])('%s does not', (_what, stopCode, reason) => {
    expect(crashesOf([task(stopCode, reason)], 'ours')).toEqual([]);
  });

  test('of another deployment are not counted', () => {
    expect(crashesOf([task('EssentialContainerExited', '', 'theirs')], 'ours')).toEqual([]);
  });
});

test.each([
  [100, 2, 2, undefined],
  [100, 2, 1, '90% needs 2 healthy targets, and there is 1'],
  [100, 9, 8, '90% needs 9 healthy targets, and there are 8'],
  [100, 40, 36, undefined],
  [100, 40, 35, '90% needs 36 healthy targets, and there are 35'],
  [50, 2, 1, undefined],
  [50, 2, 0, '50% needs 1 healthy target, and there are 0'],
  [0, 2, 0, undefined],
])('%d%% of what %d tasks carry is kept with %d healthy ones: %s', (percent, tasks, healthy, why) => {
  const state = stateOf({ green: { version: '1.0', tasks, healthy }, rules: [] });
  expect(whyNotKeep(state, groups.green, percent, tasks)).toBe(why);
});

describe('5xx', () => {
  test('no bound, no verdict; no requests, nothing known', () => {
    expect(verdictsOn([minute(1_000, 1_000)], { max5xx: undefined, maxLatency: undefined })).toEqual([]);
    expect(onErrors([], 1)).toEqual({ is: 'unknown', seen: 'no metrics of its requests came' });
  });

  test.each([
    ['none of enough requests', [minute(20)], 1, 'within', '0% of 20 requests ended with a 5xx'],
    ['as many as may be', [minute(200, 2)], 1, 'within', '1% of 200 requests ended with a 5xx'],
    ['one more', [minute(200, 3)], 1, 'left', '1.5% of 200 requests ended with a 5xx, and 1% may'],
    ['one bad minute after many good ones', [minute(5_000), minute(5_000), minute(5_000), minute(100, 2)], 1, 'left', '2% of 100 requests ended with a 5xx, and 1% may'],
    ['a bad minute before good ones', [minute(100, 2), minute(5_000)], 1, 'left', '2% of 100 requests ended with a 5xx, and 1% may'],
    ['one error of few requests', [minute(20, 1)], 1, 'unknown', '1 of 20 requests ended with a 5xx, which alone is no rate'],
    ['and then none', [minute(20, 1), minute(20)], 1, 'within', '0% of 20 requests ended with a 5xx'],
    ['one error where none may be', [minute(20, 1)], 0, 'left', '5% of 20 requests ended with a 5xx, and 0% may'],
    ['too few requests', [minute(19, 19)], 1, 'unknown', '19 requests in 1 minute are too few: it takes 20'],
    ['small minutes together', [minute(7, 1), minute(7), minute(7, 1)], 1, 'left', '9.52% of 21 requests ended with a 5xx, and 1% may'],
  ] as const)('%s: %j', (_what, minutes, max, is, seen) => {
    expect(onErrors(minutes, max)).toMatchObject({ is, seen });
  });

  test('property: whatever the minutes, a version without a single error never leaves the bound', () => {
    fc.assert(fc.property(fc.array(fc.nat(10_000)), fc.double({ min: 0, max: 99, noNaN: true }), (requests, max) => {
      expect(onErrors(requests.map((count) => minute(count)), max)?.is).not.toBe('left');
    }));
  });

  test('property: a minute of enough requests that all fail always leaves it, whatever came before and after', () => {
    const minutes = fc.array(fc.nat(500).chain((count) => fc.nat(count).map((errors) => minute(count, errors))));
    fc.assert(fc.property(minutes, fc.integer({ min: 20, max: 500 }), minutes, (before, count, after) => {
      expect(onErrors([...before, minute(count, count), ...after], 50)?.is).toBe('left');
    }));
  });
});

describe('latency', () => {
  test.each([
    ['fast enough', [minute(100, 0, 500)], 'p99', 'within', 'p99 was 500ms in a minute of 100 requests'],
    ['too slow', [minute(100, 0, 501)], 'p99', 'left', 'p99 was 501ms in a minute of 100 requests, and 500ms is allowed'],
    ['too slow once', [minute(100, 0, 9), minute(100, 0, 900), minute(100, 0, 9)], 'p99', 'left', 'p99 was 900ms in a minute of 100 requests, and 500ms is allowed'],
    ['so few that one decides p99', [minute(99, 0, 900)], 'p99', 'unknown', '99 requests in 1 minute are too few: p99 takes 100 in one minute'],
    ['the same for p99.9', [minute(999, 0, 900)], 'p99.9', 'unknown', '999 requests in 1 minute are too few: p99.9 takes 1000 in one minute'],
    ['the same for avg', [minute(99, 0, 900)], 'avg', 'unknown', '99 requests in 1 minute are too few: avg takes 100 in one minute'],
    ['enough for p95', [minute(20, 0, 900)], 'p95', 'left', 'p95 was 900ms in a minute of 20 requests, and 500ms is allowed'],
    ['small minutes are not added up', [minute(15, 0, 900), minute(15, 0, 900)], 'p50', 'unknown', '30 requests in 2 minutes are too few: p50 takes 20 in one minute'],
    ['no answer of any target', [{ requests: 100, errors: 100, latency: undefined }], 'p50', 'unknown', 'its targets answered none of its requests'],
  ] as const)('%s: %j', (_what, minutes, statistic, is, seen) => {
    expect(onLatency(minutes, statistic, 500)).toMatchObject({ is, seen });
  });
});

test('each bound has its verdict', () => {
  const bounds = { max5xx: 1, maxLatency: { statistic: 'p50', ms: 5 } } as const;
  expect(verdictsOn([minute(100)], bounds).map(({ is }) => is)).toEqual(['within', 'left']);
});
