/** Four rules of ours among those of others: what is written, what is read, and what a restriction leaves alone. */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Call } from '../faulty-endpoint.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { type Everything, openShared, type SharedBalancer } from './shared-balancer.ts';

const PAGE = 7;
const FOREIGN = 86;
/** As many on each listener as on the others, and the default rule of each. */
const PAGES_OF_RULES = 3 * Math.ceil(30 / PAGE);

let lab: Lab;
let shared: SharedBalancer;
let paired: readonly string[];

beforeAll(async () => {
  lab = await openLab({ speed: 50, pageSize: PAGE });
  shared = await openShared(lab, FOREIGN);
  paired = Object.values(shared.paired);
});
afterAll(() => lab.end());
afterAll(() => shared.end());
beforeEach(async () => {
  await shared.route(0);
  shared.endpoint.calls.length = 0;
});

const operations = (calls: readonly Call[]) => calls.map(({ operation }) => operation);
const ruleArns = ({ body }: Call) => [...new URLSearchParams(body)].flatMap(([name, value]) => (/^RuleArns?\b/.test(name) ? value : []));
const weightWrites = () => shared.writes().filter(({ operation }) => operation !== 'PutParameter');
/** Calls that the run made once it knew the rules. */
const afterFinding = ({ endpoint: { calls } }: SharedBalancer) => calls.slice(operations(calls).indexOf('PutParameter') + 1);

describe('of 90 rules on 3 listeners, 4 of which carry the pair', () => {
  test('these 4 get the two weights, each in one write, and nothing else changes in any field of anything', async () => {
    const before = await shared.everything();
    expect(before.rules).toHaveLength(90);

    expect((await shared.route(40)).modified.toSorted()).toEqual(paired.toSorted());

    expect(weightWrites().map((call) => ruleArns(call)[0] ?? 'default').toSorted()).toEqual([...paired.filter((arn) => arn !== shared.paired.default), 'default'].toSorted());
    expect(operations(weightWrites()).toSorted()).toEqual(['ModifyListener', 'ModifyRule', 'ModifyRule', 'ModifyRule']);
    expect(await shared.everything()).toEqual(withWeights(before, 60, 40));
  });

  test('they are found with one call for the groups, one for the listeners, one for each listener, and the further pages of these', async () => {
    await shared.route(40);
    const finding = shared.endpoint.calls.slice(0, operations(shared.endpoint.calls).indexOf('PutParameter')).filter(({ operation }) => /Groups|Listeners|Rules|LoadBalancers/.test(operation));
    expect(finding.filter(({ body }) => !body.includes('Marker=')).length).toBeLessThanOrEqual(2 + 3);
    expect(finding).toHaveLength(2 + PAGES_OF_RULES);
  });

  test('once they are found, no other rule and no listener is read any more', async () => {
    await shared.route(40);
    const reads = afterFinding(shared).filter(({ operation }) => operation.startsWith('Describe') && operation !== 'DescribeTargetHealth');
    expect(new Set(operations(reads))).toEqual(new Set(['DescribeRules']));
    for (const read of reads) {
      expect(paired).toEqual(expect.arrayContaining(ruleArns(read)));
      expect(ruleArns(read)).not.toEqual([]);
    }
  });

  test('and what follows takes as many calls as with 10 rules of others', async () => {
    const small = await openShared(lab, 10);
    try {
      await small.route(40);
      await shared.route(40);
      // The log of the one is longer.
      const calls = (balancer: SharedBalancer) => operations(afterFinding(balancer)).filter((operation) => operation !== 'GetParametersByPath');
      expect(calls(shared)).toEqual(calls(small));
    } finally {
      await small.end();
    }
  });
});

describe('restricted', () => {
  test.each([
    ['to a rule', () => [shared.paired.byPath], () => [shared.paired.byPath]],
    ['to a listener', () => [shared.listeners[2] ?? ''], () => [shared.paired.signedIn, shared.paired.byPath]],
    ['to a rule and the listener of another', () => [shared.paired.sticky, shared.listeners[0] ?? ''], () => [shared.paired.default, shared.paired.sticky]],
  ])('%s, only the rules of the pair there are written', async (_where, scope, expected) => {
    const before = await shared.everything();
    const { modified, unchanged } = await shared.route(40, { scope: scope() });
    expect({ modified: modified.toSorted(), unchanged }).toEqual({ modified: expected().toSorted(), unchanged: [] });
    expect(weightWrites()).toHaveLength(expected().length);
    expect(await shared.everything()).toEqual(withWeights(before, 60, 40, expected()));
  });

  test('rules that were left out and stand as before are no drift, neither for the whole pair nor for another part of it', async () => {
    await shared.route(40, { scope: [shared.paired.byPath] });
    await shared.route(30, { scope: [shared.paired.sticky] });
    await shared.route(50);
    expect(new Set(Object.values(await shares()))).toEqual(new Set([50]));
  });

  test.each([
    ['one that was written', 'byPath', 70],
    ['one that was left out, although it is now as the others were set', 'signedIn', 40],
  ] as const)('a weight that somebody else changed is drift: %s', async (_which, name, percent) => {
    await shared.route(40, { scope: [shared.paired.byPath] });
    await meddle(shared.paired[name], percent);
    expect(await shared.failure(50)).toMatchObject({ code: 'drift', message: expect.stringContaining(shared.paired[name]) });
    await shared.route(50, { acceptDrift: true });
    expect(new Set(Object.values(await shares()))).toEqual(new Set([50]));
  });

  test('to where the pair is not: an error with the rules that were looked at, and why each was passed over', async () => {
    const { rules } = await shared.everything();
    const redirect = rules.find(({ Actions }) => Actions?.[0]?.Type === 'redirect')?.RuleArn ?? '';
    const error = await shared.failure(40, { scope: [redirect] });
    expect(error).toMatchObject({ code: 'no-rules', exitCode: 1 });
    for (const { RuleArn } of rules) expect(error?.message).toContain(RuleArn);
    expect(error?.message).toMatch(new RegExp(`${redirect} \\(.*\\): does not forward`));
    expect(error?.message).toMatch(new RegExp(`${shared.paired.byPath} \\(.*\\): carries the pair, but was not asked for`));
    expect(shared.writes()).toEqual([]);
  });
});

/** Weight of the canary by rule. */
async function shares(): Promise<Record<string, number | undefined>> {
  const { Rules = [] } = await lab.elb.describeRules({ RuleArns: [...paired] });
  return Object.fromEntries(Rules.map(({ RuleArn = '', Actions }) => [RuleArn, groupsIn(Actions).find(({ TargetGroupArn }) => TargetGroupArn === shared.pair.canary)?.Weight]));
}

/** Somebody else gives the canary another share. */
async function meddle(RuleArn: string, percent: number): Promise<void> {
  const { Rules: [rule] = [] } = await lab.elb.describeRules({ RuleArns: [RuleArn] });
  await lab.elb.modifyRule({ RuleArn, Actions: weighted(rule?.Actions, 100 - percent, percent).map(keepingSecret) });
}

function keepingSecret({ AuthenticateOidcConfig, ...action }: Action): Action {
  return AuthenticateOidcConfig ? { ...action, AuthenticateOidcConfig: { ...AuthenticateOidcConfig, UseExistingClientSecret: true } } : action;
}

/** The same with other weights in rules of the pair. */
function withWeights({ rules, listeners, others }: Everything, primary: number, canary: number, changed = paired): Everything {
  const defaultChanged = changed.includes(shared.paired.default);
  return {
    rules: rules.map((rule) => (changed.includes(rule.RuleArn ?? '') ? { ...rule, Actions: weighted(rule.Actions, primary, canary) } : rule)),
    listeners: listeners.map((listener) =>
      defaultChanged && listener.ListenerArn === shared.listeners[0] ? { ...listener, DefaultActions: weighted(listener.DefaultActions, primary, canary) } : listener,
    ),
    others,
  };
}

function weighted(actions: readonly Action[] = [], primary: number, canary: number): Action[] {
  return actions.map((action) => {
    if (!action.ForwardConfig) return action;
    const TargetGroups = groupsIn([action]).map((group) => ({ ...group, Weight: group.TargetGroupArn === shared.pair.canary ? canary : primary }));
    return { ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroups } };
  });
}

function groupsIn(actions: readonly Action[] = []) {
  return actions.flatMap(({ ForwardConfig }) => ForwardConfig?.TargetGroups ?? []);
}
