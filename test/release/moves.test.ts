/** What a change of weights brings with it: tasks, stickiness, cookies, and what hurts. */
import { hazardsOf, strangersOf } from '../../src/release/hazards.ts';
import type { LogEntry } from '../../src/release/log-entry.ts';
import { type State, desiredTasks } from '../../src/release/model.ts';
import { planDestroyOld, planRollout } from '../../src/release/plan-rollout.ts';
import { planRollback } from '../../src/release/plan-rollback.ts';
import { type RouteIntent, planPromote, planRoute, planRouteGroups } from '../../src/release/plan-route.ts';
import type { Plan, Step } from '../../src/release/step.ts';
import { after, groups, stateOf, version } from './states.ts';

const canaryEntry = { primary: groups.blue, other: { targetGroup: groups.green, role: 'canary' }, percent: 0, tasks: 4 } as const;
const replacedEntry = { primary: groups.green, other: { targetGroup: groups.blue, role: 'replaced' }, percent: 0, tasks: 4 } as const;
const DAY = 86_400;

const route = (state: State, percent: number, intent: Partial<RouteIntent> = {}): Plan =>
  planRoute(state, { percent, settle: 0, acceptDrift: false, noScale: false, scaleDown: false, ...intent });
const rollback = (state: State, breakStickiness = false): Plan => planRollback(state, { force: false, settle: 0, breakStickiness });
const kinds = ({ steps }: Plan) => steps.map((step) => step.do);
const apply = (state: State, { steps }: Plan): State => steps.reduce(after, state);
const find = <Kind extends Step['do']>({ steps }: Plan, kind: Kind) => steps.find((step): step is Extract<Step, { do: Kind }> => step.do === kind);

/** A primary of 4 tasks and a canary of `tasks`, all healthy; weights of the canary by rule. */
function trying(tasks: number, ...weights: number[]): State {
  return stateOf({
    blue: { version: '0.9', tasks: 4, healthy: 4 },
    green: { version: '1.0', tasks, healthy: tasks },
    rules: weights.map((weight) => [100 - weight, weight]),
    log: [{ ...canaryEntry, percent: weights[0] ?? 0 }],
  });
}

function sticky(state: State, seconds: number | undefined): State {
  return { ...state, rules: state.rules.map((rule) => ({ ...rule, stickiness: seconds })) };
}

function logged(state: State, ...entries: Partial<LogEntry>[]): State {
  const log = entries.map((entry, index) => ({ ...canaryEntry, number: index + 1, at: `2026-01-01T0${index}:00:00Z`, by: 'somebody', command: 'route', before: {}, ...entry }));
  return { ...state, log };
}

describe('tasks follow the weight', () => {
  test('a share that needs more tasks than the canary has gets them first, once they are healthy', () => {
    const plan = route(trying(1, 0), 50);
    expect(kinds(plan)).toEqual(['record', 'scale', 'wait-started', 'set-weights', 'settle']);
    expect(find(plan, 'scale')).toMatchObject({ colour: 'green', tasks: 2 });
    expect(find(plan, 'wait-started')).toMatchObject({ tasks: 2, onFailure: 'keep' });
  });

  test.each([[25, 1], [26, 2], [51, 3], [100, 4]])('%i%% of 4 tasks are %i', (percent, tasks) => {
    const state = trying(1, 0);
    expect(desiredTasks(apply(state, route(state, percent)).colours.green)).toBe(tasks);
  });

  test('the whole traffic needs as many as the primary has now, where that became more since the release began', () => {
    const grown = stateOf({ blue: { version: '0.9', tasks: 6, healthy: 6 }, green: { version: '1.0', tasks: 1, healthy: 1 }, rules: [[100, 0]], log: [canaryEntry] });
    const plan = planPromote(grown, { settle: 0, acceptDrift: false, noScale: false });
    expect(find(plan, 'scale')).toMatchObject({ tasks: 6 });
  });

  test('a canary that has enough is not touched on the way up, nor on the way down', () => {
    expect(kinds(route(trying(4, 0), 50))).toEqual(['record', 'set-weights', 'settle']);
    expect(kinds(route(trying(4, 50), 10))).toEqual(['record', 'set-weights', 'settle']);
  });

  test('an ECS service that somebody else steers is not scaled', () => {
    const state = trying(1, 0);
    const { green } = state.colours;
    const theirs = { ...state, colours: { ...state.colours, green: { ...green, service: green.service && { ...green.service, controller: 'CODE_DEPLOY' } } } };
    expect(() => route(theirs, 50)).toThrow(/is steered by the CODE_DEPLOY deployment controller/i);
  });

  test('--no-scale refuses instead', () => {
    expect(() => route(trying(1, 0), 50, { noScale: true })).toThrow(/^50% needs 2 tasks, 1\.0 has 1, and --no-scale/);
    expect(kinds(route(trying(1, 0), 25, { noScale: true }))).toEqual(['record', 'set-weights', 'settle']);
  });

  test('--scale-down stops what is not needed any more after the weight is gone, but one', () => {
    const less = route(trying(4, 100), 25, { scaleDown: true });
    expect(kinds(less)).toEqual(['record', 'set-weights', 'settle', 'scale']);
    expect(find(less, 'scale')).toMatchObject({ tasks: 1 });
    expect(find(route(trying(4, 50), 0, { scaleDown: true }), 'scale')).toMatchObject({ tasks: 1 });
  });

  test('tasks follow also where the weights are right already', () => {
    expect(kinds(route(trying(1, 50), 50))).toEqual(['record', 'scale', 'wait-started']);
    expect(kinds(route(trying(4, 0), 0, { scaleDown: true }))).toEqual(['record', 'scale']);
  });

  test('--scale-down leaves a canary alone that a rule outside the pair sends traffic to, or may send', () => {
    const state = trying(4, 50);
    const foreign = trying(4, 100).rules.map((rule) => ({ ...rule, forward: [{ arn: groups.green, weight: 1 }] }));
    expect(kinds(route({ ...state, otherRules: foreign }, 0, { scaleDown: true }))).toEqual(['record', 'set-weights', 'settle']);
    expect(kinds(route({ ...state, undiscovered: 'not found' }, 0, { scaleDown: true }))).toEqual(['record', 'set-weights', 'settle']);
  });

  test('--scale-down leaves what another rule still needs', () => {
    const state = trying(4, 75, 75);
    const plan = route(state, 0, { scaleDown: true, scope: [state.rules[0]?.arn ?? ''] });
    expect(find(plan, 'scale')).toMatchObject({ tasks: 3 });
  });

  test.each([
    [{ count: 1 }, 1],
    [{ percent: 10 }, 1],
    [{ percent: 30 }, 2],
    [undefined, 4],
  ] as const)('rollout --tasks %j starts %i of the primary’s 4', (tasks, expected) => {
    const one = stateOf({ blue: { version: '0.9', tasks: 4, healthy: 4 }, rules: [[100, 0]] });
    const { steps } = planRollout(one, { version: version('1.0'), firstTasks: 2, tasks, keepOld: false, replace: false, acceptDrift: false, settle: 0 });
    expect(steps.find((step) => step.do === 'start')).toMatchObject({ tasks: expected });
    // What the share of healthy targets is measured by stays the primary's count.
    expect(steps[0]).toMatchObject({ do: 'record', entry: { tasks: 4 } });
  });
});

describe('a change of some rules only', () => {
  const state = trying(4, 0, 0, 0);
  const [first, second] = state.rules;

  test('is planned and recorded for these rules, by their own ARN or their listener’s', () => {
    const plan = route(state, 50, { scope: [second?.arn ?? ''] });
    expect(find(plan, 'set-weights')?.rules.map(({ arn }) => arn)).toEqual([second?.arn]);
    expect(find(plan, 'record')?.entry).toMatchObject({ scope: [second?.arn] });
    expect(find(route(state, 50, { scope: [first?.listenerArn ?? ''] }), 'set-weights')?.rules).toHaveLength(3);
  });

  test('leaves no disagreement behind, and what somebody else does to the other rules is still seen', () => {
    const half = apply(state, route(state, 50, { scope: [second?.arn ?? ''] }));
    expect(half.rules.map(({ forward }) => forward?.[1]?.weight)).toEqual([0, 50, 0]);
    expect(kinds(route(half, 75))).toContain('set-weights');
    const meddled = { ...half, rules: half.rules.map((rule, index) => (index === 2 ? { ...rule, forward: state.rules[2]?.forward?.map((group) => ({ ...group, weight: 50 })) } : rule)) };
    expect(() => route(meddled, 75)).toThrow(/weights were changed since/);
  });

  test('is refused where no rule of the pair is meant, with each rule and why it was passed over', () => {
    expect(() => route(state, 50, { scope: ['arn:elsewhere'] })).toThrow(/No listener rule of arn:elsewhere forwards[\s\S]*\/0 \(priority 1\): carries the pair, but was not asked for/);
    expect(() => route(state, 50, { scope: [first?.arn ?? '', 'arn:typo'] })).toThrow(/No listener rule of arn:typo forwards/);
  });
});

describe('weights that somebody else changed', () => {
  const drifted = logged(trying(4, 30), { percent: 10 });

  test('stop what goes forward, and --accept-drift goes on from them', () => {
    expect(() => route(drifted, 50)).toThrow(/gives 30% away from the primary, not 10%/);
    const plan = route(drifted, 50, { acceptDrift: true });
    expect(find(plan, 'record')?.entry.before).toEqual({ [drifted.rules[0]?.arn ?? '']: [70, 30] });
    expect(kinds(plan)).toContain('set-weights');
  });

  test('are those from before the last change, too, once that was confirmed', () => {
    const rules = trying(4, 0).rules;
    const before = { [rules[0]?.arn ?? '']: [100, 0] as const };
    expect(kinds(route(logged(trying(4, 0), { percent: 50, before }), 75))).toContain('set-weights');
    expect(() => route(logged(trying(4, 0), { percent: 50, before, reached: true }), 75)).toThrow(/gives 0% away from the primary, not 50%/);
  });

  test('are accepted also where they are what is asked for, so that the next command asks no more', () => {
    const settled = apply(drifted, route(drifted, 30, { acceptDrift: true }));
    expect(kinds(route(settled, 50))).toContain('set-weights');
  });

  test('need no consent on the way back', () => {
    expect(kinds(route(drifted, 0))).toContain('set-weights');
    expect(kinds(rollback(drifted))).toContain('set-weights');
  });

  test('stop also a rollout that would only carry on', () => {
    const intent = { version: version('1.0'), firstTasks: 2, tasks: undefined, keepOld: false, replace: false, settle: 0 };
    expect(() => planRollout(drifted, { ...intent, acceptDrift: false })).toThrow(/gives 30% away/);
    expect(kinds(planRollout(drifted, { ...intent, acceptDrift: true }))).toEqual(['record', 'wait-started']);
  });

  test('make an old version that has traffic again nothing to stop: the rules are named', () => {
    const regained = stateOf({ blue: { version: '0.9', tasks: 4, healthy: 4 }, green: { version: '1.0', tasks: 4, healthy: 4 }, rules: [[0, 100], [20, 80]], log: [replacedEntry] });
    expect(() => planDestroyOld(regained, { acceptDrift: false })).toThrow(/still forward to its target group: \S+\/1 \(priority 2\) with 20% of its traffic\./);
  });

  test('--accept-drift does not make up for a log that nobody can read', () => {
    const unreadable = { ...trying(4, 30), log: undefined };
    expect(() => route(unreadable, 50, { acceptDrift: true })).toThrow(/the release log cannot be read/);
  });
});

describe('stickiness', () => {
  const half = sticky(logged(trying(4, 50), { percent: 50 }), DAY);

  test('is left alone by a rollback, unless told otherwise', () => {
    expect(kinds(rollback(half))).toEqual(['record', 'set-weights', 'settle']);
  });

  test('is switched off right after the weights, and what it was is on record before that', () => {
    const plan = rollback(half, true);
    expect(kinds(plan)).toEqual(['record', 'set-weights', 'set-stickiness', 'settle']);
    expect(find(plan, 'record')?.entry.stickiness).toEqual({ [half.rules[0]?.arn ?? '']: DAY });
  });

  test('can still be switched off once the weights are back', () => {
    const back = apply(half, rollback(half));
    expect(kinds(rollback(back, true))).toEqual(['record', 'set-stickiness']);
  });

  test('stays on record until the next route puts it back, and is forgotten then', () => {
    const broken = apply(half, rollback(half, true));
    expect(broken.rules[0]?.stickiness).toBeUndefined();
    const clean = apply(broken, planDestroyOld(broken, { acceptDrift: false }));
    const again = apply(clean, planRollout(clean, { version: version('1.1'), firstTasks: 2, tasks: undefined, keepOld: false, replace: false, acceptDrift: false, settle: 0 }));
    const plan = route(again, 10);
    expect(kinds(plan)).toEqual(['record', 'set-weights', 'settle', 'set-stickiness']);
    const routed = apply(again, plan);
    expect(routed.rules[0]?.stickiness).toBe(DAY);
    expect(routed.log?.at(-1)?.stickiness).toEqual({});
    expect(kinds(route(routed, 20))).toEqual(['record', 'set-weights', 'settle']);
  });

  test('is put back only in the rules that a route is about, and the others stay on record', () => {
    const two = trying(4, 0, 0);
    const [first, second] = two.rules.map(({ arn }) => arn);
    const broken = logged(two, { stickiness: { [first ?? '']: 60, [second ?? '']: 60 } });
    const routed = apply(broken, route(broken, 10, { scope: [second ?? ''] }));
    expect(routed.rules.map(({ stickiness }) => stickiness)).toEqual([undefined, 60]);
    expect(routed.log?.at(-1)?.stickiness).toEqual({ [first ?? '']: 60 });
  });

  test('is put back also where the weights are right already: a route that was cut off before that', () => {
    const cut = logged(trying(4, 10), { percent: 10, stickiness: { [half.rules[0]?.arn ?? '']: 60 } });
    expect(kinds(route(cut, 10))).toEqual(['record', 'set-stickiness']);
  });

  test('is put back by a promotion, too, which is on record before that', () => {
    const broken = logged(trying(4, 50), { percent: 50, stickiness: { [half.rules[0]?.arn ?? '']: 60 } });
    const plan = planPromote(broken, { settle: 0, acceptDrift: false, noScale: false });
    expect(kinds(plan)).toEqual(['record', 'set-weights', 'settle', 'record', 'set-stickiness', 'announce']);
    expect(apply(broken, plan)).toMatchObject({ rules: [{ stickiness: 60 }] });
    expect(apply(broken, plan).log?.at(-1)).toMatchObject({ primary: groups.green, stickiness: {} });
  });

  test('outlives a route by ARN, like the names of the versions', () => {
    const broken = logged(trying(4, 0), { other: { ...canaryEntry.other, role: 'rolled-back', version: '1.0' }, tasks: 4, stickiness: { [half.rules[0]?.arn ?? '']: 60 } });
    const pair = { primary: groups.blue, canary: groups.green };
    const plan = planRouteGroups(broken, pair, { percent: 20, settle: 0, acceptDrift: false });
    expect(find(plan, 'record')?.entry).toMatchObject({ other: { role: 'rolled-back', version: '1.0' }, tasks: 4, stickiness: { [half.rules[0]?.arn ?? '']: 60 } });
  });

  test('that somebody switched on again meanwhile is theirs', () => {
    const broken = apply(half, rollback(half, true));
    expect(Object.keys(rollback(sticky(broken, 60)).steps)).toEqual([]);
    const again = sticky(logged(trying(4, 0), { stickiness: { [half.rules[0]?.arn ?? '']: DAY } }), 60);
    expect(kinds(route(again, 10))).toEqual(['record', 'set-weights', 'settle']);
  });
});

describe('the log', () => {
  test('is written over the heads of others on the way back only', () => {
    const state = logged(trying(4, 50), { percent: 50 });
    expect(find(route(state, 0), 'record')?.emergency).toBe(true);
    expect(find(rollback(state), 'record')?.emergency).toBe(true);
    const replace = planRollout(state, { version: version('1.1'), firstTasks: 2, tasks: undefined, keepOld: false, replace: true, acceptDrift: false, settle: 0 });
    expect(replace.steps.filter((step) => step.do === 'record').map(({ emergency }) => emergency)).toEqual([false, false, false]);
  });

  test('that says otherwise than a rule that reads right makes it be written all the same', () => {
    const state = logged(trying(4, 0), { percent: 50, before: {}, reached: true });
    const plan = route(state, 0);
    expect(find(plan, 'set-weights')?.doubtful).toEqual(state.rules.map(({ arn }) => arn));
    expect(find(route(logged(trying(4, 50), { percent: 50 }), 0), 'set-weights')?.doubtful).toEqual([]);
  });
});

describe('cookies that still send clients to an old version', () => {
  const old = stateOf({ blue: { version: '0.9', tasks: 4, healthy: 4 }, green: { version: '1.0', tasks: 4, healthy: 4 }, rules: [[0, 100]], log: [replacedEntry] });
  const destroy = (state: State) => planDestroyOld(state, { acceptDrift: false });

  test('are waited for before its tasks are stopped, from the time at which it had lost its weight', () => {
    const promoted = sticky(logged(old, { percent: 50 }, { percent: 100 }, replacedEntry), DAY);
    const plan = destroy(promoted);
    expect(kinds(plan)).toEqual(['wait-cookies', 'record', 'stop']);
    expect(find(plan, 'wait-cookies')).toMatchObject({ version: '0.9', targetGroup: groups.blue, seconds: DAY, since: '2026-01-01T02:00:00Z' });
  });

  test('count from the end of the change where nothing was written after it', () => {
    const back = { primary: groups.blue, other: { targetGroup: groups.green, role: 'rolled-back' }, percent: 0 } as const;
    const rolledBack = sticky(logged(trying(4, 0), { percent: 50 }, { ...back, ended: '2026-01-01T01:00:09Z' }), DAY);
    expect(find(destroy(rolledBack), 'wait-cookies')).toMatchObject({ since: '2026-01-01T01:00:09Z' });
  });

  test('there are none of a version that never had weight, and none without stickiness', () => {
    const never = sticky(logged(trying(4, 0), {}, { primary: groups.blue, other: { targetGroup: groups.green, role: 'rolled-back' } }), DAY);
    expect(kinds(destroy(never))).toEqual(['record', 'stop']);
    expect(kinds(destroy(logged(old, { percent: 100 }, replacedEntry)))).toEqual(['record', 'stop']);
  });

  test('a rollout that destroys the old version first waits for them, too', () => {
    const promoted = sticky(logged(old, { percent: 50 }, { percent: 100 }, replacedEntry), DAY);
    const plan = planRollout(promoted, { version: version('1.1'), firstTasks: 2, tasks: undefined, keepOld: false, replace: false, acceptDrift: false, settle: 0 });
    expect(kinds(plan)).toEqual(['wait-cookies', 'record', 'stop', 'record', 'start', 'wait-started']);
  });
});

describe('what hurts', () => {
  const group = { arn: groups.blue, loadBalancerArns: ['arn:lb'], protocol: 'HTTP/HTTP1', port: 80, vpcId: 'vpc-1' };
  const told = (state: State, percent: number) => hazardsOf(state, route(state, percent).steps);

  test('nothing, usually', () => {
    const state = { ...trying(4, 0), groups: [group, { ...group, arn: groups.green }] };
    expect(told(state, 50)).toEqual([]);
  });

  test('groups of unlike protocol, port or VPC', () => {
    const state = { ...trying(4, 0), groups: [group, { arn: groups.green, loadBalancerArns: [], protocol: 'HTTP/GRPC', port: 81, vpcId: 'vpc-2' }] };
    expect(told(state, 50)).toEqual(['protocol', 'port', 'VPC'].map((what) => expect.stringMatching(new RegExp(`^The two target groups differ in ${what}:`))));
  });

  test('who stays where for how long, by a cookie', () => {
    expect(told(sticky(trying(4, 20), 90), 50)).toEqual([expect.stringMatching(/is sticky: clients that have a cookie stay on .*blue.* and on .*green.* until they have not asked for 1m 30s/)]);
  });

  test('another rule that goes on sending traffic to the group that is emptied', () => {
    const other = { ...trying(4, 40).rules[0], arn: 'arn:foreign', forward: [{ arn: groups.green, weight: 1 }] };
    const state = { ...trying(4, 40), otherRules: trying(4, 40).rules.map((rule) => ({ ...rule, ...other })) };
    expect(told(state, 0)).toEqual([expect.stringMatching(/^Listener rule arn:foreign .* goes on sending 100% of its traffic to .*green/)]);
    expect(told(state, 50)).toEqual([]);
  });

  test('another ECS service in a group of the pair', () => {
    const state = trying(4, 0);
    const shared = { ...state, colours: { ...state.colours, green: { ...state.colours.green, strangers: ['nightly'] } } };
    expect(strangersOf(shared)).toEqual([expect.stringMatching(/^ECS service nightly registers in the target group of green, too/)]);
  });

  test('zones without a healthy target of the canary are no hazard but a refusal', () => {
    const state = { ...trying(4, 0), gaps: new Map([[groups.green, ['eu-west-1b']]]) };
    expect(() => route(state, 50)).toThrow(/cross-zone load balancing is off .* no healthy target in eu-west-1b/i);
  });
});
