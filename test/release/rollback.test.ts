/** `rollback` over the wire, with tasks that are real processes: from states that somebody or something else has left. */
import { type CanaryError, ExitCode } from '../../src/errors.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareDestroyOld, prepareRollback, prepareRoute } from '../../src/release/operations.ts';
import { statusOf } from '../../src/release/status.ts';
import { startLoad } from '../e2e/load.ts';
import { fakeClock } from '../fake-clock.ts';
import type { Fault } from '../faulty-endpoint.ts';
import { withFleet } from './fleet.ts';

/** ms: each test starts tasks, and one of two rollbacks looks for late writes of the other for 15 seconds. */
const SLOW_MACHINE = 120_000;

const ALWAYS = Number.POSITIVE_INFINITY;
const back = async (release: Release, force = false) => (await prepareRollback(release, { force, breakStickiness: false })).run();
const toZero = async (release: Release) => (await prepareRoute(release, { percent: 0, acceptDrift: false, noScale: false, scaleDown: false })).run();
const failure = (run: Promise<unknown>): Promise<CanaryError> => run.then(() => Promise.reject(new Error('it did its work')), (error: CanaryError) => error);

test('an old version that somebody scaled to 0 is started before it gets the traffic: no request fails', () =>
  withFleet('promoted', async ({ release, scale, url, green }) => {
    await scale('blue', 0);
    const load = startLoad([url], 4);
    await load.sample(50);
    await back(release);
    const answers = await load.sample(200);
    const { requests, failures } = await load.end();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(250);
    expect(Object.keys(answers)).toEqual(['Version 0.9']);
    expect(await green()).toEqual([0]);
    const state = await observe(release.aws, release.place);
    expect(statusOf(state)).toMatchObject({ state: 'primary+old', contradiction: null, primary: { version: '0.9', desired: 2 }, old: { version: '1.0', desired: 2, rolledBack: true } });
  }), SLOW_MACHINE);

test('one that destroy-old emptied is not: exit 1, nothing is written, and its update is named', () =>
  withFleet('promoted', async ({ release, troubled, endpoint, green }) => {
    await (await prepareDestroyOld(release, { acceptDrift: false })).run();
    expect(await failure(back(troubled))).toMatchObject({ code: 'no-way-back', exitCode: ExitCode.failed, usersAre: 'on 1.0 with 100% of the traffic.', next: 'ecs-canary update --tag 0.9' });
    expect(endpoint.calls.filter(({ operation }) => /^(Put|Modify|Update|Create|Delete)/.test(operation))).toEqual([]);
    expect(await green()).toEqual([100]);
  }), SLOW_MACHINE);

test('both versions were stopped on the way: the one that had production comes back, and the canary stays away', () =>
  withFleet('half', async ({ release, scale, answers, green }) => {
    await scale('blue', 0);
    await scale('green', 0);
    expect(await failure(toZero(release))).toMatchObject({ code: 'nothing-runs', usersAre: 'not served: nothing runs.', next: 'ecs-canary rollback' });
    await back(release);
    expect(await green()).toEqual([0]);
    expect(new Set(await answers())).toEqual(new Set(['Version 0.9']));
    expect(statusOf(await observe(release.aws, release.place))).toMatchObject({ state: 'primary', primary: { version: '0.9', desired: 2 } });
  }), SLOW_MACHINE);

test('the canary’s service is deleted while it has half of the traffic: the weight comes back at once, and no task is touched', () =>
  withFleet('half', async ({ troubled, endpoint, remove, answers, green }) => {
    await remove('green');
    await back(troubled);
    expect(await green()).toEqual([0]);
    expect(new Set(await answers())).toEqual(new Set(['Version 0.9']));
    expect(endpoint.calls.filter(({ operation }) => operation.endsWith('Service'))).toEqual([]);
  }), SLOW_MACHINE);

test('an old version that is not healthy in time leaves everybody where they were, and both ways on are named', () =>
  withFleet('promoted', async ({ release, scale, green }) => {
    await scale('blue', 0);
    const impatient: Release = { ...release, wait: () => ({ ...release.wait(), deadline: release.wait().clock.now() }) };
    expect(await failure(back(impatient))).toMatchObject({
      code: 'timeout',
      exitCode: ExitCode.paused,
      usersAre: 'on 0.9 with 0% of the traffic and on 1.0 with 100% of the traffic.',
      next: expect.stringMatching(/^ecs-canary rollback .*\n.*ecs-canary rollback --force /),
    });
    expect(await green()).toEqual([100]);
  }), SLOW_MACHINE);

test('a rollback that ended while the old version started goes on with the same command, also when another one began meanwhile', () =>
  withFleet('promoted', async ({ release, scale, green, answers }) => {
    await scale('blue', 0);
    const ended = new AbortController();
    const cutOff: Release = {
      ...release,
      progress: (event) => event.type === 'tasks-waiting' && ended.abort(new Error('interrupted')),
      wait: () => ({ ...release.wait(), signal: ended.signal }),
    };
    await expect(back(cutOff)).rejects.toThrow('interrupted');
    expect(await green()).toEqual([100]);

    const both = await Promise.allSettled(['a@one', 'b@two'].map((by) => back({ ...release, author: { by, command: 'rollback', host: by, pid: 1 } })));
    expect(both.map(({ status }) => status)).toContain('fulfilled');
    for (const one of both) if (one.status === 'rejected') expect(one.reason).toMatchObject({ exitCode: ExitCode.locked });
    expect(await green()).toEqual([0]);
    expect(new Set(await answers())).toEqual(new Set(['Version 0.9']));
  }), SLOW_MACHINE);

const never = () => new Promise(() => undefined);
const SSM = ['GetParametersByPath', 'GetParameters', 'PutParameter'];
const ECS = ['DescribeServices', 'DescribeTaskDefinition', 'ListServices'];

/** One rollback after the other, each from a canary with 80 %. */
test('without the parameter store, or without ECS, whatever is wrong with it, the weights come back', () =>
  withFleet('half', async ({ release, troubled, endpoint, events, green }) => {
    const troubles: readonly (readonly [what: string, operations: readonly string[], fault: Fault, told: RegExp])[] = [
      ['the log is denied', SSM, { error: 'AccessDeniedException' }, /release log could not be written: AWS denied ssm:/],
      ['the log is throttled', SSM, { error: 'ThrottlingException' }, /release log could not be written/],
      ['the store cannot be reached', SSM, 'cut-before', /release log could not be written: AWS could not be reached/],
      ['the store does not answer', SSM, never, /release log could not be written: AWS could not be reached/],
      ['ECS is denied', ECS, { error: 'AccessDeniedException' }, /ECS services could not be read: AWS denied ecs:DescribeServices/],
      ['ECS cannot be reached', ECS, 'cut-before', /ECS services could not be read: AWS could not be reached/],
    ];
    const { rules } = await observe(release.aws, release.place);
    for (const [what, operations, fault, told] of troubles) {
      for (const rule of rules) await release.aws.loadBalancing.setWeights(rule, new Map([[release.place.targetGroups.blue, 20], [release.place.targetGroups.green, 80]]));
      events.length = 0;
      for (const operation of operations) endpoint.order(operation, fault, { times: ALWAYS });
      // Waiting takes no time here: the exit looks for late writes of others where it cannot tell whether there are any.
      await back({ ...troubled, wait: () => ({ ...troubled.wait(), clock: fakeClock(), deadline: 60_000 }) });
      endpoint.forget();
      expect({ what, green: await green() }).toEqual({ what, green: [0] });
      const texts = events.flatMap((event) => (event.type === 'warning' || event.type === 'hazard' ? event.text : []));
      expect({ what, texts }).toEqual({ what, texts: expect.arrayContaining([expect.stringMatching(told)]) });
    }
  }), SLOW_MACHINE);
