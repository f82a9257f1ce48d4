import fc from 'fast-check';
import { CanaryError } from '../../src/errors.ts';
import { type State, desiredTasks, healthyTargets, otherColour, share, weightOf } from '../../src/release/model.ts';
import { type RolloutIntent, planDestroyOld, planRollout } from '../../src/release/plan-rollout.ts';
import { planRollback } from '../../src/release/plan-rollback.ts';
import { type RouteIntent, planPromote, planRoute, planRouteGroups } from '../../src/release/plan-route.ts';
import { rolesOf } from '../../src/release/roles.ts';
import { whyNotStop } from '../../src/release/safety.ts';
import { statusOf } from '../../src/release/status.ts';
import type { Plan } from '../../src/release/step.ts';
import { after, anyState, groups, stateOf, version } from './states.ts';

const settle = 0;
const rollout = (tag: string, intent: Partial<RolloutIntent> = {}): RolloutIntent => ({ version: version(tag), firstTasks: 2, tasks: undefined, keepOld: false, replace: false, acceptDrift: false, settle, ...intent });
const route = (percent: number, intent: Partial<RouteIntent> = {}): RouteIntent => ({ percent, settle, acceptDrift: false, noScale: false, scaleDown: false, ...intent });
const back = { force: false, breakStickiness: false, settle };
const promote = { acceptDrift: false, noScale: false, settle };
const rolloutOf = (tag: string, replace = false) => (state: State) =>
  planRollout(state, rollout(tag, { replace }));

const anyServicePlan = fc.oneof(
  fc.constantFrom('0.9', '1.0', '1.1').map((tag) => rolloutOf(tag)),
  fc.constantFrom('0.9', '1.0', '1.1').map((tag) => rolloutOf(tag, true)),
  fc.nat(100).map((percent) => (state: State) => planRoute(state, route(percent))),
  fc.nat(100).map((percent) => (state: State) => planRoute(state, route(percent, { scaleDown: true }))),
  fc.nat(100).map((percent) => (state: State) => planRoute(state, route(percent, { noScale: true, scope: [state.rules[0]?.arn ?? ''] }))),
  fc.constant((state: State) => planPromote(state, promote)),
  fc.constant((state: State) => planRollback(state, back)),
  fc.constant((state: State) => planDestroyOld(state, { acceptDrift: false })),
);
const anyPlan = fc.oneof(
  { arbitrary: anyServicePlan, weight: 6 },
  fc.nat(100).map((percent) => (state: State) => planRouteGroups(state, { primary: groups.blue, canary: groups.green }, { percent, acceptDrift: false, settle })),
);

/** The plan, or undefined where it is refused: a refusal has to be one of ours, with a message. */
function attempt(make: (state: State) => Plan, state: State): Plan | undefined {
  try {
    return make(state);
  } catch (error) {
    if (!(error instanceof CanaryError)) throw error;
    expect(error.message).toMatch(/\S/);
    return undefined;
  }
}

/** Every state that a plan goes through, with the step that comes next. */
function walk(state: State, plan: Plan, look: (before: State, step: Plan['steps'][number]) => void): State {
  return plan.steps.reduce((now, step) => {
    look(now, step);
    return after(now, step);
  }, state);
}

const check = (property: fc.IPropertyWithHooks<[State, (state: State) => Plan]>) => fc.assert(property, { numRuns: 3_000 });

describe('whatever state a service is in, no plan', () => {
  test('gives more weight to a group without enough healthy targets', () => {
    check(
      fc.property(anyState, anyPlan, (state, make) => {
        walk(state, attempt(make, state) ?? { steps: [] }, (now, step) => {
          if (step.do !== 'set-weights') return;
          const { primary, canary } = step.pair;
          const rules = now.rules.filter(({ arn }) => step.rules.some((rule) => rule.arn === arn));
          if (rules.some((rule) => share(rule, canary) < step.percent)) {
            expect(healthyTargets(now, canary)).toBeGreaterThanOrEqual(Math.max(1, Math.ceil((step.percent * step.tasks) / 100)));
          } else if (rules.some((rule) => share(rule, canary) > step.percent)) {
            expect(healthyTargets(now, primary)).toBeGreaterThanOrEqual(1);
          }
        });
      }),
    );
  });

  test('stops what has weight', () => {
    check(
      fc.property(anyState, anyPlan, (state, make) => {
        walk(state, attempt(make, state) ?? { steps: [] }, (now, step) => {
          if (step.do === 'stop') expect(whyNotStop(now, groups[step.colour])).toBeUndefined();
        });
      }),
    );
  });

  test('starts a version where another one runs', () => {
    check(
      fc.property(anyState, anyPlan, (state, make) => {
        walk(state, attempt(make, state) ?? { steps: [] }, (now, step) => {
          if (step.do === 'start') expect(desiredTasks(now.colours[step.colour])).toBe(0);
        });
      }),
    );
  });

  test('writes a weight before the log says what a rollback needs', () => {
    check(
      fc.property(anyState, anyPlan, (state, make) => {
        const steps = attempt(make, state)?.steps ?? [];
        const first = steps.findIndex((step) => step.do === 'set-weights');
        if (first < 0) return;
        const record = steps.slice(0, first).find((step) => step.do === 'record');
        expect(record && Object.keys(record.entry.before)).toHaveLength(state.rules.length);
      }),
    );
  });

  test('moves forward while the log and the weights disagree', () => {
    check(
      fc.property(anyState, anyServicePlan, (state, make) => {
        const roles = rolesOf(state);
        if (roles.phase === 'nothing' || !roles.contradiction) return;
        walk(state, attempt(make, state) ?? { steps: [] }, (now, step) => {
          if (step.do === 'set-weights') expect(step.percent).toBeLessThanOrEqual(weightOf(now, step.pair.canary));
          expect(step.do).not.toBe('start');
        });
      }),
    );
  });
});

test('a rollback is at most one weight change, and leaves all weight where production was', () => {
  fc.assert(
    fc.property(anyState, (state) => {
      const plan = attempt((now) => planRollback(now, back), state);
      if (!plan) return;
      expect(plan.steps.filter((step) => step.do === 'set-weights').length).toBeLessThanOrEqual(1);
      expect(plan.steps.some((step) => step.do === 'stop' || step.do === 'start')).toBe(false);
      const end = walk(state, plan, () => undefined);
      const roles = rolesOf(end);
      if (roles.phase === 'nothing' || end.rules.length === 0) return;
      expect(weightOf(end, end.colours[otherColour(roles.primary.colour)].targetGroup)).toBe(0);
    }),
    { numRuns: 3_000 },
  );
});

describe('after somebody else interfered', () => {
  const blueIsPrimary = { primary: groups.blue, other: { targetGroup: groups.green, role: 'canary' as const }, percent: 50, tasks: 2 };
  const rollback = (state: State) => planRollback(state, back);

  test('a rollback takes the traffic back that reaches an empty colour', () => {
    const stopped = stateOf({ blue: { version: '0.9', tasks: 2, healthy: 2 }, green: { version: '1.0', tasks: 0, healthy: 0 }, rules: [[50, 50]], log: [blueIsPrimary] });
    expect(rolesOf(stopped)).toMatchObject({ phase: 'primary', contradiction: expect.stringMatching(/only 50% of the traffic/) });
    expect(rollback(stopped).steps).toContainEqual(expect.objectContaining({ do: 'set-weights', percent: 0, pair: { primary: groups.blue, canary: groups.green } }));
    expect(() => rolloutOf('0.9')(stopped)).toThrow(/^Only 50% of the traffic/);
  });

  describe('a primary without tasks', () => {
    const none = (version: string) => ({ version, tasks: 0, healthy: 0 });
    const two = (version: string) => ({ version, tasks: 2, healthy: 2 });
    const kinds = (state: State, intent = back) => planRollback(state, intent).steps.map((step) => step.do);
    const stopped = stateOf({ blue: none('0.9'), green: two('1.0'), rules: [[50, 50]], log: [{ ...blueIsPrimary, tasks: 3 }] });

    test('is brought back by a rollback before it gets the traffic, with as many tasks as it had', () => {
      expect(kinds(stopped)).toEqual(['record', 'bring-back', 'wait-started', 'set-weights', 'settle']);
      expect(rollback(stopped).steps).toContainEqual(expect.objectContaining({ do: 'bring-back', colour: 'blue', tasks: 3 }));
      expect(kinds(stopped, { ...back, force: true })).toEqual(['record', 'bring-back', 'set-weights', 'settle']);
      expect(statusOf(stopped).next).toEqual(['ecs-canary rollback']);
    });

    test('gets no traffic from `route --canary 0`, which starts nothing and names the rollback', () => {
      expect(() => planRoute(stopped, route(0))).toThrow(expect.objectContaining({ code: 'no-health', next: expect.stringMatching(/^ecs-canary rollback .*starts blue first/) }));
    });

    test('is waited for while its tasks start, and not where they run and are sick', () => {
      const [sick] = [{ id: '10.0.0.9', port: 8080, zone: 'eu-west-1a', state: 'unhealthy' as const, reason: undefined, description: undefined }];
      const runs = stateOf({ blue: { version: '0.9', tasks: 2, healthy: 0 }, green: two('1.0'), rules: [[50, 50]], log: [blueIsPrimary] });
      expect(kinds(runs)).toEqual(['record', 'wait-started', 'set-weights', 'settle']);
      const judged = { ...runs, targets: new Map(runs.targets).set(groups.blue, [sick, sick]) };
      expect(() => rollback(judged)).toThrow(expect.objectContaining({ code: 'no-health', next: expect.stringMatching(/^ecs-canary rollback --force /) }));
      expect(kinds(judged, { ...back, force: true })).toEqual(['record', 'set-weights', 'settle']);
    });

    test('is gone for good when its service is: what reaches its empty group goes to the version that runs', () => {
      const gone = stateOf({ green: two('1.0'), rules: [[50, 50]], log: [blueIsPrimary] });
      expect(rollback(gone).steps).toContainEqual(expect.objectContaining({ do: 'set-weights', percent: 0, pair: { primary: groups.green, canary: groups.blue } }));
    });
  });

  describe('a promoted version', () => {
    const two = (version: string) => ({ version, tasks: 2, healthy: 2 });
    const promoted = (other: object) => [{ primary: groups.green, other: { targetGroup: groups.blue, role: 'replaced' as const, version: '0.9', ...other }, percent: 0, tasks: 2 }];
    const scaledToZero = { blue: { version: '0.9', tasks: 0, healthy: 0 }, green: two('1.0'), rules: [[0, 100]] as const };

    test('gives way to the one before it also when somebody has scaled that to 0, but not once it was destroyed', () => {
      const byHand = stateOf({ ...scaledToZero, log: promoted({}) });
      expect(rollback(byHand).steps.map((step) => step.do)).toEqual(['record', 'bring-back', 'wait-started', 'set-weights', 'settle']);
      expect(statusOf(byHand).next).toContain('ecs-canary rollback');
      const destroyed = stateOf({ ...scaledToZero, log: promoted({ destroyed: true }) });
      expect(() => rollback(destroyed)).toThrow(expect.objectContaining({ code: 'no-way-back', message: expect.stringContaining('0.9 had production before, and it was destroyed'), next: 'ecs-canary update --tag 0.9' }));
      expect(statusOf(destroyed).next).not.toContain('ecs-canary rollback');
    });

    test('a second rollback stays with the first one, whose record could not be written', () => {
      const state = stateOf({ blue: two('0.9'), green: two('1.0'), rules: [[0, 100], [0, 100]], log: promoted({}) });
      const move = rollback(state).steps.find((step) => step.do === 'set-weights');
      const moved = move ? after(state, move) : state;
      const half = { ...state, rules: [...moved.rules.slice(0, 1), ...state.rules.slice(1)] };
      for (const left of [moved, half]) {
        expect(rollback(left).steps).toContainEqual(expect.objectContaining({ do: 'record', entry: expect.objectContaining({ primary: groups.blue }) }));
        expect(rollback(left).steps).toContainEqual(expect.objectContaining({ do: 'set-weights', pair: { primary: groups.blue, canary: groups.green } }));
      }
    });
  });

  test('without a log, the version that started first had production, also when the canary has more by now', () => {
    const two = (version: string) => ({ version, tasks: 2, healthy: 2 });
    const state = stateOf({ blue: two('1.0'), green: two('0.9'), rules: [[80, 20]], log: 'unreadable' });
    const { blue, green } = state.colours;
    const at = (revision: number) => `arn:aws:ecs:eu-west-1:123456789012:task-definition/echo-server:${revision}`;
    const known = { ...state, colours: { blue: { ...blue, service: blue.service && { ...blue.service, taskDefinition: at(8) } }, green: { ...green, service: green.service && { ...green.service, taskDefinition: at(7) } } } };
    expect(rollback(known).steps).toContainEqual(expect.objectContaining({ do: 'set-weights', pair: { primary: groups.green, canary: groups.blue } }));
  });

  test('weights of 0 and 0, which answer nobody, are not what 0 % means', () => {
    const nobody = stateOf({ blue: { version: '0.9', tasks: 2, healthy: 2 }, green: { version: '1.0', tasks: 2, healthy: 2 }, rules: [[0, 0]], log: [blueIsPrimary] });
    const steps = planRoute(nobody, route(0)).steps;
    expect(steps).toContainEqual(expect.objectContaining({ do: 'set-weights', percent: 0 }));
    expect(rollback(nobody).steps).toContainEqual(expect.objectContaining({ do: 'set-weights', percent: 0 }));
  });

  test('without a log, a version at 0 % is not called rolled back: it may be where production came from', () => {
    const both = { version: '1.0', tasks: 2, healthy: 2 };
    expect(() => rollback(stateOf({ blue: { ...both, version: '0.9' }, green: both, rules: [[100, 0]], log: 'unreadable' }))).toThrow(/cannot be read/);
  });
});

describe('the whole way', () => {
  const start = stateOf({ rules: [[100, 0], [100, 0]] });
  const first = walk(start, rolloutOf('0.9')(start), () => undefined);

  test('a first version becomes the primary without a weight being written', () => {
    expect(rolloutOf('0.9')(start).steps.map((step) => step.do)).toEqual(['record', 'start', 'wait-started']);
    expect(rolesOf(first)).toMatchObject({ phase: 'primary', primary: { colour: 'blue', version: { tag: '0.9' } } });
  });

  test('rollout, route, promote, destroy-old: roles swap where they stand', () => {
    const plan = (state: State, make: (state: State) => Plan) => walk(state, make(state), () => undefined);
    const canary = plan(first, rolloutOf('1.0'));
    expect(rolesOf(canary)).toMatchObject({ phase: 'primary+canary', primary: { colour: 'blue' }, canary: { colour: 'green' } });
    const half = plan(canary, (state) => planRoute(state, route(50)));
    expect(half.rules.map((rule) => rule.forward?.map(({ weight }) => weight))).toEqual([[50, 50], [50, 50]]);
    const promoted = plan(half, (state) => planPromote(state, promote));
    expect(rolesOf(promoted)).toMatchObject({ phase: 'primary+old', primary: { colour: 'green' }, rolledBack: false });
    const returned = plan(promoted, (state) => planRollback(state, back));
    expect(rolesOf(returned)).toMatchObject({ phase: 'primary+old', primary: { colour: 'blue' }, rolledBack: true });
    const clean = plan(promoted, (state) => planDestroyOld(state, { acceptDrift: false }));
    expect(rolesOf(clean)).toMatchObject({ phase: 'primary', primary: { colour: 'green', version: { tag: '1.0' } } });
  });

  test("the primary's own version is not rolled out beside another canary: an update of it would promote that one", () => {
    const trying = stateOf({
      blue: { version: '0.9', tasks: 2, healthy: 2 },
      green: { version: '1.0', tasks: 2, healthy: 2 },
      rules: [[100, 0]],
      log: [{ primary: groups.blue, other: { targetGroup: groups.green, role: 'canary' }, percent: 0, tasks: 2 }],
    });
    expect(() => rolloutOf('0.9')(trying)).toThrow(/1\.0 is being tried already/);
    expect(rolloutOf('1.0')(trying).steps.map((step) => step.do)).toEqual(['record', 'wait-started']);
  });

  test('a rollout onto an old version destroys that first', () => {
    const old = stateOf({
      blue: { version: '0.9', tasks: 2, healthy: 2 },
      green: { version: '1.0', tasks: 2, healthy: 2 },
      rules: [[0, 100]],
      log: [{ primary: groups.green, other: { targetGroup: groups.blue, role: 'replaced' }, percent: 0, tasks: 2 }],
    });
    expect(rolloutOf('1.1')(old).steps.map((step) => step.do)).toEqual(['record', 'stop', 'record', 'start', 'wait-started']);
    expect(() => planRollout(old, rollout('1.1', { keepOld: true }))).toThrow(/--keep-old/);
  });

  test('no rule with the pair is an error that says why each rule was passed over', () => {
    const state = stateOf({ blue: { version: '0.9', tasks: 2, healthy: 2 }, rules: [] });
    const otherRules = stateOf({ rules: [[1, 0]] }).rules.map((rule) => ({ ...rule, forward: [{ arn: groups.blue, weight: 1 }] }));
    const traffic = { ...state, otherRules };
    expect(() => planRouteGroups(traffic, { primary: groups.blue, canary: groups.green }, { percent: 0, acceptDrift: false, settle })).toThrow(
      /No listener rule forwards to exactly this pair[\s\S]*one group of the pair only/,
    );
  });
});
