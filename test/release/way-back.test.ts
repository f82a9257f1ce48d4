/** `rollback` from every state there is: who had production is said here once more, in other words than the planner's. */
import fc from 'fast-check';
import { CanaryError } from '../../src/errors.ts';
import { COLOURS, type Colour, type State, desiredTasks, healthyTargets, otherColour, share, splits } from '../../src/release/model.ts';
import { type RollbackIntent, planRollback } from '../../src/release/plan-rollback.ts';
import { planRoute } from '../../src/release/plan-route.ts';
import type { Plan, Step } from '../../src/release/step.ts';
import { after, groups } from './states.ts';
import { anyWorld, type World } from './worlds.ts';

const RUNS = { numRuns: 5_000 };
const anyIntent: fc.Arbitrary<RollbackIntent> = fc.record({ settle: fc.constant(0), force: fc.constantFrom(false, false, true), breakStickiness: fc.constantFrom(false, false, true) });

type Has = 'tasks' | 'could have tasks' | 'nothing';

/** What can be hoped for from a colour. Where ECS does not tell, its targets do; where nobody tells, it is hoped for the best. */
function has(state: State, colour: Colour): Has {
  const { service } = state.colours[colour];
  if (state.tasksUnknown) {
    const targets = state.targets.get(groups[colour]) ?? [];
    return state.healthUnknown || targets.some((target) => target.state !== 'draining') ? 'tasks' : 'nothing';
  }
  if (!service) return 'nothing';
  if (service.desired > 0) return 'tasks';
  return service.status === 'ACTIVE' ? 'could have tasks' : 'nothing';
}

const colourOf = (arn: string | undefined): Colour => (arn === groups.blue ? 'blue' : 'green');

/**
 * The version that had production, state by state; undefined where nothing can take the traffic.
 *
 * | newest entry | production was on |
 * | --- | --- |
 * | a promotion, and the version that it replaced runs, or was stopped by others than us | the replaced one |
 * | any other, and its primary runs or can be started again | its primary |
 * | its primary is gone for good; or no log, and one version runs | the one that runs |
 * | no log, two versions, both with traffic | the one that started first |
 * | no log, two versions, one with all traffic | that one |
 */
function production(state: State): Colour | undefined {
  const running = COLOURS.filter((colour) => has(state, colour) === 'tasks');
  // Where nothing runs and all traffic is where it belongs, nobody went anywhere that there would be a way back from.
  const canTake = (colour: Colour) => running.includes(colour) || (has(state, colour) === 'could have tasks' && (running.length > 0 || !isAt(state, colour)));
  const entry = state.log?.at(-1);
  if (entry) {
    const replaced = entry.other?.role === 'replaced' ? colourOf(entry.other.targetGroup) : undefined;
    const gone = replaced && (has(state, replaced) === 'nothing' || (has(state, replaced) === 'could have tasks' && entry.other?.destroyed));
    if (replaced && !gone) return canTake(replaced) ? replaced : undefined;
    const primary = colourOf(entry.primary);
    if (canTake(primary) || (state.tasksUnknown && running.length > 0)) return primary;
  }
  if (running.length < 2) return running[0];
  const [toBlue, toGreen] = [highest(state, 'blue'), highest(state, 'green')];
  const { blue: { service: blue }, green: { service: green } } = state.colours;
  const order = revision(blue?.taskDefinition) - revision(green?.taskDefinition) || (blue?.deployment?.createdAt ?? 0) - (green?.deployment?.createdAt ?? 0);
  if (order !== 0 && (toBlue === toGreen || (toBlue > 0 && toGreen > 0))) return order < 0 ? 'blue' : 'green';
  return toGreen > toBlue ? 'green' : 'blue';
}

const revision = (arn = ':0') => Number(arn.slice(arn.lastIndexOf(':') + 1));
const highest = (state: State, colour: Colour) => Math.max(0, ...state.rules.map((rule) => share(rule, groups[colour])));
const pairTo = (colour: Colour) => ({ primary: groups[colour], canary: groups[otherColour(colour)] });
const isAt = (state: State, colour: Colour) => state.rules.every((rule) => splits(rule, pairTo(colour), 0));

function attempt(state: State, intent: RollbackIntent): Plan | CanaryError {
  try {
    return planRollback(state, intent);
  } catch (error) {
    if (error instanceof CanaryError) return error;
    throw error;
  }
}

const kinds = ({ steps }: Plan) => steps.map((step) => step.do);

/** Applies steps in a world whose log may not be writable. */
function walk({ state, writable }: World, steps: readonly Step[], look: (before: State, step: Step) => void = () => undefined): State {
  return steps.reduce((now, step) => {
    look(now, step);
    return step.do === 'record' && !writable ? now : after(now, step);
  }, state);
}

/** A refusal has its reason in the state, and says what it has to say. */
function judge(state: State, { force }: RollbackIntent, error: CanaryError): void {
  expect([error.message, error.usersAre, error.next]).toEqual([expect.stringMatching(/\S/), expect.stringMatching(/\S/), expect.stringMatching(/\S/)]);
  const to = production(state);
  const service = to && state.colours[to].service;
  const targets = (to && state.targets.get(groups[to])) ?? [];
  const judged = targets.filter((target) => !['draining', 'initial'].includes(target.state)).length;
  const sick = !state.healthUnknown && targets.every((target) => target.state !== 'healthy') && (state.tasksUnknown !== undefined || judged >= (service?.desired ?? 0));
  const reasons: Record<string, boolean> = {
    'nothing-runs': to === undefined,
    // The only version that runs has all traffic already.
    'no-way-back': to !== undefined && isAt(state, to) && has(state, otherColour(to)) !== 'tasks',
    'no-rules': state.rules.length === 0,
    'no-health': !force && sick && service?.desired !== 0,
    'not-ours': service?.desired === 0 && (service.controller !== 'ECS' || service.tags['ecs-canary:project'] === undefined),
    // The log says nothing, and the weights need no change: the version without traffic may be where production came from.
    drift: to !== undefined && state.log === undefined && isAt(state, to),
  };
  expect({ code: error.code, holds: reasons[error.code] }).toEqual({ code: error.code, holds: true });
}

test('it is refused where there is nothing to go back to, and else all traffic ends where production was, safely on the way', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyWorld, anyIntent, (world, intent) => {
      const { state } = world;
      const plan = attempt(state, intent);
      seen.add(plan instanceof CanaryError ? plan.code : kinds(plan).join(' '));
      if (plan instanceof CanaryError) return judge(state, intent, plan);
      const to = production(state);
      if (to === undefined) throw new Error('a plan, although nothing can take the traffic');

      const written: string[] = [];
      const end = walk(world, plan.steps, (now, step) => {
        expect(['record', 'bring-back', 'wait-started', 'set-weights', 'set-stickiness', 'settle']).toContain(step.do);
        if (step.do === 'record') expect(step).toMatchObject({ emergency: true, entry: { primary: groups[to], percent: 0 } });
        if (step.do === 'bring-back') {
          expect(step).toMatchObject({ colour: to, tasks: Math.max(1, state.log?.at(-1)?.tasks ?? 0) });
          expect(desiredTasks(now.colours[to])).toBe(0);
        }
        if (step.do !== 'set-weights') return;
        expect(step).toMatchObject({ percent: 0, pair: pairTo(to) });
        written.push(...step.rules.map(({ arn }) => arn));
        const rises = now.rules.some((rule) => share(rule, groups[to]) < 100);
        if (rises && !intent.force && !state.healthUnknown) expect(healthyTargets(now, groups[to])).toBeGreaterThan(0);
      });
      expect(isAt(end, to)).toBe(true);
      expect(new Set(written).size).toBe(written.length);
      if (plan.steps.length > 0) expect(plan.steps[0]?.do).toBe('record');
    }),
    RUNS,
  );
  // What was tried was not all of one kind.
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'nothing-runs',
      'no-way-back',
      'no-rules',
      'no-health',
      'not-ours',
      'drift',
      'record',
      'record set-weights settle',
      'record wait-started set-weights settle',
      'record bring-back wait-started set-weights settle',
      'record bring-back set-weights settle',
      'record bring-back wait-started set-weights set-stickiness settle',
    ]),
  );
}, 120_000);

test('cut off anywhere, also between two rules, and with a log that could not be written, the next one ends in the same place', () => {
  fc.assert(
    fc.property(anyWorld, anyIntent, fc.nat(), fc.nat(), (world, intent, cut, rules) => {
      const { state } = world;
      const first = attempt(state, intent);
      if (first instanceof CanaryError) return;
      const to = production(state) ?? 'blue';
      const done = first.steps.slice(0, cut % (first.steps.length + 1));
      const last = done.at(-1);
      const half = last?.do === 'set-weights' ? [...done.slice(0, -1), { ...last, rules: last.rules.slice(0, rules % (last.rules.length + 1)) }] : done;
      const left = walk(world, half);

      const second = attempt(left, intent);
      if (second instanceof CanaryError) {
        // Nothing is left to be done, or the log is no help in saying what it means.
        expect(['no-way-back', 'drift']).toContain(second.code);
        expect(isAt(left, to)).toBe(true);
        return;
      }
      expect(isAt(walk({ ...world, state: left }, second.steps), to)).toBe(true);
    }),
    RUNS,
  );
}, 120_000);

test('`route --canary 0` asks for nothing but weights: it starts and stops no task, and is refused for health or rules only', () => {
  fc.assert(
    fc.property(anyWorld, fc.boolean(), ({ state }, force) => {
      try {
        const { steps } = planRoute(state, { percent: 0, settle: 0, acceptDrift: false, noScale: false, scaleDown: false, force });
        expect(['', 'record', 'record set-weights settle']).toContain(steps.map((step) => step.do).join(' '));
      } catch (error) {
        if (!(error instanceof CanaryError)) throw error;
        expect(force ? ['nothing-runs', 'no-rules'] : ['nothing-runs', 'no-rules', 'no-health']).toContain(error.code);
      }
    }),
    RUNS,
  );
}, 120_000);
