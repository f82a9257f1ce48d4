/** The second opinion can find fault: each rule is broken once, and reported. */
import { judge, judgeRest, type LogEntry, type RunFacts } from './checker.ts';
import type { GroupView, RuleView, ServiceView, World } from './view.ts';

const [BLUE, GREEN, STRANGE] = ['tg/blue', 'tg/green', 'tg/strange'];
const LISTENER = 'listener/app/fleet/1';
const [FIRST, SECOND, THEIRS] = [`${LISTENER}/first`, `${LISTENER}/second`, `${LISTENER}/theirs`];
const OURS = { 'ecs-canary:project': 'fleet' };

/** Blue serves with two tasks, green stands beside it with two. */
function world(change: Partial<World> = {}): World {
  return {
    rules: rules({ [FIRST]: [100, 0], [SECOND]: [100, 0] }),
    groups: groups(2, 2),
    services: new Map([['server-blue', service(BLUE, 2)], ['server-green', service(GREEN, 2)]]),
    tasks: ['server-blue', 'server-green'].flatMap((name) => [1, 2].map((number) => ({ service: name, status: 'RUNNING', address: `${name}-${number}`, taskDefinition: 'server:1' }))),
    stacks: new Map([['fleet', 'CREATE_COMPLETE'], ['fleet-server', 'UPDATE_COMPLETE']]),
    changeSets: new Map(),
    parameters: new Map([[`/ecs-canary/${'a'.repeat(32)}/1`, '{"ended":"2026-01-02T03:04:05.678Z"}']]),
    ...change,
  };
}

function rules(weights: Readonly<Record<string, readonly [number, number]>>): Map<string, RuleView> {
  const pair = Object.entries(weights).map(([arn, [blue, green]]): [string, RuleView] => [arn, { weights: new Map([[BLUE, blue], [GREEN, green]]), rest: arn, tags: OURS }]);
  return new Map([...pair, [THEIRS, { weights: new Map([[STRANGE, 1]]), rest: THEIRS, tags: {} }]]);
}

function groups(blue: number, green: number): Map<string, GroupView> {
  const targets = (name: string, count: number) => new Map([1, 2].slice(0, count).map((number) => [`${name}-${number}`, 'healthy']));
  return new Map([[BLUE, { name: 'blue', targets: targets('server-blue', blue) }], [GREEN, { name: 'green', targets: targets('server-green', green) }], [STRANGE, { name: 'strange', targets: new Map() }]]);
}

function service(group: string, desired: number): ServiceView {
  return { groups: [group], desired, running: desired, taskDefinition: 'server:1', tags: OURS };
}

function facts(change: Partial<RunFacts> = {}): RunFacts {
  return { emergency: false, alone: true, infra: false, tasks: 2, owners: new Set([BLUE]), entries: [entry({ [LISTENER]: { first: [100, 0], second: [100, 0] } })], written: new Set(), ...change };
}

function entry(before: object): LogEntry {
  return { name: '/ecs-canary/log/7', value: JSON.stringify({ primary: BLUE, before }) };
}

const MODIFY = { operation: 'ModifyRule', body: `RuleArn=${FIRST}` };
const HALF = world({ rules: rules({ [FIRST]: [50, 50], [SECOND]: [100, 0] }) });

test('a write that keeps the rules is not objected to', () => {
  expect(judge(MODIFY, world(), HALF, facts())).toEqual([]);
});

test('weight for a group without enough healthy targets is reported, and for the way back one is enough', () => {
  const full = world({ rules: rules({ [FIRST]: [0, 100], [SECOND]: [100, 0] }) });
  expect(judge(MODIFY, world({ groups: groups(2, 0) }), HALF, facts())).toEqual(['green gets 50% with 0 healthy targets, and needs 1']);
  expect(judge(MODIFY, world({ groups: groups(2, 1) }), full, facts())).toEqual(['green gets 100% with 1 healthy targets, and needs 2']);
  expect(judge(MODIFY, world({ groups: groups(2, 1) }), full, facts({ emergency: true }))).toEqual([]);
  expect(judge(MODIFY, world({ groups: groups(2, 0) }), full, facts({ emergency: true }))).toHaveLength(1);
});

test('the empty first colour is the exception', () => {
  const before = world({ groups: groups(0, 0), rules: rules({ [FIRST]: [0, 100], [SECOND]: [100, 0] }) });
  const entries = [entry({ [LISTENER]: { first: [0, 100], second: [100, 0] } })];
  expect(judge(MODIFY, before, world(), facts({ entries }))).toEqual([]);
});

test('a write without an entry in the log, or with one that remembers something else, is reported', () => {
  const other = entry({ [LISTENER]: { first: [70, 30], second: [100, 0] } });
  const less = entry({ [LISTENER]: { second: [100, 0] } });
  expect(judge(MODIFY, world(), HALF, facts({ entries: [] }))).toEqual([`${FIRST} was written before this run had an entry in the release log`]);
  expect(judge(MODIFY, world(), HALF, facts({ entries: [other] }))).toEqual([`${FIRST} had 100% on the primary, and the entry says 70%`]);
  expect(judge(MODIFY, world(), HALF, facts({ entries: [less] }))).toHaveLength(1);
});

test('a write that is repeated, or undone, finds the rule otherwise than the entry says', () => {
  const known = facts();
  expect(judge(MODIFY, world(), HALF, known)).toEqual([]);
  expect(judge(MODIFY, HALF, HALF, known)).toEqual([]);
  expect(judge(MODIFY, HALF, world(), known)).toEqual([]);
  expect(judge(MODIFY, HALF, world(), facts())).toHaveLength(1);
});

test('a rule of others, another rule, and more than two weights are reported', () => {
  const changed = (arn: string, rest: string) => world({ rules: new Map([...HALF.rules, [arn, { weights: HALF.rules.get(arn)?.weights ?? new Map(), rest, tags: {} }]]) });
  expect(judge(MODIFY, world(), changed(FIRST, 'no stickiness any more'), facts())).toEqual([`more than two weights changed in ${FIRST}: from ${FIRST} to no stickiness any more`]);
  expect(judge(MODIFY, world(), changed(THEIRS, 'other'), facts())).toEqual([`${THEIRS} changed with a write of ${FIRST}`]);
  expect(judge({ operation: 'ModifyRule', body: `RuleArn=${THEIRS}` }, world(), world(), facts())[0]).toBe(`${THEIRS} does not carry exactly the pair, and was written`);
});

test('to stop, shrink, replace or delete what has weight is reported', () => {
  const update = (input: object) => judge({ operation: 'UpdateService', body: JSON.stringify(input) }, HALF, HALF, facts());
  expect(update({ service: 'server-green', desiredCount: 0 })).toEqual(['server-green shrinks from 2 to 0 tasks with 50% of the traffic']);
  expect(update({ service: 'server-blue', desiredCount: 1 })).toEqual(['server-blue shrinks from 2 to 1 tasks with 100% of the traffic']);
  expect(update({ service: 'server-green', desiredCount: 1 })).toEqual([]);
  expect(update({ service: 'server-blue', taskDefinition: 'server:2' })).toEqual(['server-blue gets another version in place with 100% of the traffic']);
  expect(judge({ operation: 'DeleteService', body: '{"service":"server-blue"}' }, world(), world(), facts({ infra: true }))).toEqual(['server-blue is deleted with 100% of the traffic']);
});

test('a service that is there is created again only by a call that is repeated', () => {
  const create = (taskDefinition: string, desiredCount: number) =>
    judge({ operation: 'CreateService', body: JSON.stringify({ serviceName: 'server-green', taskDefinition, desiredCount }) }, HALF, HALF, facts());
  expect(create('server:1', 2)).toEqual([]);
  expect(create('server:1', 3)).toEqual(['server-green is created, and another one is there already']);
  expect(create('server:2', 2)).toEqual(['server-green is created, and another one is there already']);
});

test('writes about others, and those that no command needs, are reported', () => {
  const untagged = world({ services: new Map([['server-blue', { ...service(BLUE, 0), tags: {} }]]) });
  expect(judge({ operation: 'UpdateService', body: '{"service":"other"}' }, world(), world(), facts())).toEqual(['UpdateService is about other, which is no colour of ours']);
  expect(judge({ operation: 'UpdateService', body: '{"service":"server-blue"}' }, untagged, untagged, facts())).toEqual(['server-blue does not carry the project\'s tag, and was written']);
  expect(judge({ operation: 'DeleteRule', body: `RuleArn=${THEIRS}` }, world(), world(), facts({ infra: true }))).toEqual([`${THEIRS} is deleted without the project's tag`]);
  expect(judge({ operation: 'DeleteRule', body: 'RuleArn=gone-already' }, world(), world(), facts({ infra: true }))).toEqual([]);
  expect(judge({ operation: 'DeleteStack', body: 'StackName=theirs' }, world(), world(), facts({ infra: true }))).toHaveLength(1);
  expect(judge({ operation: 'SetRulePriorities', body: '' }, world(), world(), facts())).toEqual(['SetRulePriorities is no write that this command needs']);
});

test('at rest, rules that agree and tasks that somebody wants are all there is', () => {
  expect(judgeRest(world())).toEqual([]);
  expect(judgeRest(HALF)).toContain('the rules disagree: blue has 50% and 100%');
  expect(judgeRest(world({ services: new Map([...world().services, ['server-red', service(GREEN, 0)]]) }))).toContain('there is an ECS service server-red');
  expect(judgeRest(world({ stacks: new Map([['other', 'CREATE_COMPLETE'], ['fleet', 'UPDATE_ROLLBACK_COMPLETE']]) }))).toEqual(['there is a stack other', 'stack fleet is UPDATE_ROLLBACK_COMPLETE']);
  expect(judgeRest(world({ changeSets: new Map([['ecs-canary-1', 'fleet']]) }))).toEqual(['there is a change set ecs-canary-1 of stack fleet']);
  expect(judgeRest(world({ tasks: world().tasks.slice(1) }))).toEqual(['target server-blue-1 of blue is no task of server-blue']);
  expect(judgeRest(world({ tasks: [...world().tasks, { service: 'server-blue', status: 'RUNNING', address: 'x', taskDefinition: 'server:0' }] }))).toEqual(['a task of server-blue runs server:0, and nobody wants it']);
  expect(judgeRest(world({ groups: groups(2, 1) }))).toEqual(['green has 1 targets for 2 tasks']);
});

test('at rest, a log that grows or a pair that stays held is reported', () => {
  const log = (count: number, last: string) => new Map(Array.from({ length: count }, (_, index) => [`/ecs-canary/${'a'.repeat(32)}/${index + 1}`, index + 1 === count ? last : '{}']));
  expect(judgeRest(world({ parameters: log(21, '{"ended":"now"}') }))).toEqual(['the release log has 21 entries']);
  const held = '{"holder":{"pid":7}}';
  expect(judgeRest(world({ parameters: log(20, held) }))).toEqual([`the pair is still held: ${held}`]);
  expect(judgeRest(world({ parameters: log(20, held) }), new Set([7]))).toEqual([]);
  expect(judgeRest(world({ parameters: log(20, held) }), new Set([8]))).toHaveLength(1);
});
