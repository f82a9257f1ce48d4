/** Which version is what: the log says it, the weights must agree, and where they do not it is said. */
import type { Colour } from '../../src/release/model.ts';
import { drift, rolesOf, type Roles } from '../../src/release/roles.ts';
import { groups, stateOf, type StateGiven } from './states.ts';

const runs = (version: string) => ({ version, tasks: 2, healthy: 2 });
const empty = (version: string) => ({ version, tasks: 0, healthy: 0 });
const other = (role: 'canary' | 'replaced' | 'rolled-back', colour: Colour = 'green') => ({ targetGroup: groups[colour], role });
const entry = (percent: number, role?: ReturnType<typeof other>, primary: Colour = 'blue') => [{ primary: groups[primary], other: role, percent, tasks: 2 }];

/** The roles, by colour. */
function told(roles: Roles) {
  if (roles.phase === 'nothing') return { phase: roles.phase };
  const { phase, primary, contradiction } = roles;
  return {
    phase,
    primary: primary.colour,
    ...(phase === 'primary+canary' && { canary: roles.canary.colour }),
    ...(phase === 'primary+old' && { old: roles.old.colour, rolledBack: roles.rolledBack }),
    ...(contradiction !== undefined && { contradiction }),
  };
}

test.each<[string, StateGiven, ReturnType<typeof told>]>([
  ['nothing was ever started', { rules: [[100, 0]] }, { phase: 'nothing' }],
  ['services are there and want no tasks', { blue: empty('0.9'), green: empty('1.0'), rules: [[100, 0]] }, { phase: 'nothing' }],
  ['one version runs, and nothing is logged yet', { blue: runs('0.9'), rules: [[100, 0]] }, { phase: 'primary', primary: 'blue' }],
  ['one version runs', { blue: runs('0.9'), rules: [[100, 0]], log: entry(0) }, { phase: 'primary', primary: 'blue' }],
  ['a canary has no weight yet', { blue: runs('0.9'), green: runs('1.0'), rules: [[100, 0]], log: entry(0, other('canary')) }, { phase: 'primary+canary', primary: 'blue', canary: 'green' }],
  ['a canary has half', { blue: runs('0.9'), green: runs('1.0'), rules: [[50, 50], [1, 1]], log: entry(50, other('canary')) }, { phase: 'primary+canary', primary: 'blue', canary: 'green' }],
  ['a canary has all, and is not promoted', { blue: runs('0.9'), green: runs('1.0'), rules: [[0, 100]], log: entry(100, other('canary')) }, { phase: 'primary+canary', primary: 'blue', canary: 'green' }],
  ['it is promoted', { blue: runs('0.9'), green: runs('1.0'), rules: [[0, 100]], log: entry(0, other('replaced', 'blue'), 'green') }, { phase: 'primary+old', primary: 'green', old: 'blue', rolledBack: false }],
  ['it is rolled back', { blue: runs('0.9'), green: runs('1.0'), rules: [[100, 0]], log: entry(0, other('rolled-back')) }, { phase: 'primary+old', primary: 'blue', old: 'green', rolledBack: true }],
])('%s', (_what, given, roles) => {
  expect(told(rolesOf(stateOf(given)))).toEqual(roles);
});

describe('what is not certain is said:', () => {
  test('two versions run and there is no log', () => {
    const state = stateOf({ blue: runs('0.9'), green: runs('1.0'), rules: [[20, 80]] });
    expect(told(rolesOf(state))).toMatchObject({ primary: 'green', contradiction: 'there is no release log' });
  });

  test('the log cannot be read', () => {
    const state = stateOf({ blue: runs('0.9'), rules: [[100, 0]], log: 'unreadable' });
    expect(told(rolesOf(state))).toMatchObject({ phase: 'primary', primary: 'blue', contradiction: 'the release log cannot be read' });
  });

  test('somebody else changed the weights; the primary is who had production, and not who has more traffic now', () => {
    const state = stateOf({ blue: runs('0.9'), green: runs('1.0'), rules: [[50, 50], [10, 90]], log: entry(50, other('canary')) });
    expect(told(rolesOf(state))).toMatchObject({ phase: 'primary+canary', primary: 'blue', contradiction: expect.stringMatching(/^weights were changed since "update" of then by somebody: .*\/1 gives 90% away from the primary, not 50%$/) });
  });

  test('the version that owns production wants no tasks', () => {
    const state = stateOf({ blue: empty('0.9'), green: runs('1.0'), rules: [[100, 0]], log: entry(0, other('canary')) });
    expect(told(rolesOf(state))).toMatchObject({ phase: 'primary+canary', primary: 'blue', contradiction: 'blue owns production but wants no tasks, while green does' });
  });
});

describe('weights drift', () => {
  const state = (weights: [number, number], before: Record<string, readonly [number, number]> = {}) => {
    const made = stateOf({ rules: [weights], log: entry(33, other('canary')) });
    return { ...made, log: made.log?.map((one) => ({ ...one, before })) };
  };
  const [rule] = stateOf({ rules: [[100, 0]] }).rules;

  test('not while they are what the newest entry was to set, in whatever numbers', () => {
    expect(drift(state([67, 33]))).toBeUndefined();
    expect(drift(state([134, 66]))).toBeUndefined();
  });

  test('nor while they are what it found: its run was cut off before the write', () => {
    expect(drift(state([90, 10]))).toMatch(/gives 10% away from the primary, not 33%$/);
    expect(drift(state([90, 10], { [rule?.arn ?? '']: [9, 1] }))).toBeUndefined();
    expect(drift(state([80, 20], { [rule?.arn ?? '']: [9, 1] }))).toMatch(/not 33% or 10%$/);
  });

  test('nor in a rule that was made since then: it was given what the others had', () => {
    expect(drift(state([90, 10], { 'another-rule': [9, 1] }))).toBeUndefined();
    expect(drift(state([80, 20], { 'another-rule': [9, 1], 'a-third': [9, 1] }))).toMatch(/not 33% or 10%$/);
    const { log = [], ...traffic } = state([90, 10], { 'another-rule': [9, 1] });
    expect(drift({ ...traffic, log: log.map((one) => ({ ...one, reached: true })) })).toMatch(/not 33%$/);
  });

  test('not without an entry to compare with', () => {
    expect(drift(stateOf({ rules: [[1, 99]] }))).toBeUndefined();
  });
});
