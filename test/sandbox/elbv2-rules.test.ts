/** Rules of the ELBv2 API, over the wire: the form in which they are kept, their order, what is refused. */
import type { Action, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { FIXED, forward, type Lab, openLab } from './load-balancing.ts';

let lab: Lab;
let listener: string;
let blue: string;
let green: string;

beforeAll(async () => {
  lab = await openLab();
  [blue, green] = [await lab.targetGroup(), await lab.targetGroup()];
  listener = await lab.quietListener(await lab.loadBalancer());
});

afterAll(() => lab.end());

const GONE = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000';
const WEIGHT_RANGE = 'The weight for each target group must be between 0 and 999, inclusive';

function path(...Values: string[]): RuleCondition {
  return { Field: 'path-pattern', Values };
}

/** A forward action whose clients stay with their group for so many seconds. */
function sticky(TargetGroupArn: string, DurationSeconds?: number): Action {
  const TargetGroupStickinessConfig = { Enabled: true, DurationSeconds };
  return { Type: 'forward', ForwardConfig: { TargetGroups: [{ TargetGroupArn }], TargetGroupStickinessConfig } };
}

/** Makes a rule on the listener. */
async function rule(Priority: number, Actions: Action[], Conditions = [path('/*')]) {
  return (await lab.elb.createRule({ ListenerArn: listener, Priority, Conditions, Actions })).Rules?.[0];
}

test('are kept in AWS’s form: a default weight, TargetGroupArn beside one group only, values in both places', async () => {
  expect(await rule(1, [{ Type: 'forward', TargetGroupArn: blue }])).toMatchObject({
    Priority: '1',
    IsDefault: false,
    Conditions: [{ Field: 'path-pattern', Values: ['/*'], PathPatternConfig: { Values: ['/*'] } }],
    Actions: [{
      Type: 'forward',
      TargetGroupArn: blue,
      ForwardConfig: { TargetGroups: [{ TargetGroupArn: blue, Weight: 1 }], TargetGroupStickinessConfig: { Enabled: false } },
    }],
  });
  const Values = ['a.example', 'b.example'];
  const both = await rule(2, [forward([blue, 90], [green, 10])], [{ Field: 'host-header', HostHeaderConfig: { Values } }]);
  expect(both?.Actions?.[0]).not.toHaveProperty('TargetGroupArn');
  expect(both?.Conditions).toEqual([{ Field: 'host-header', Values, HostHeaderConfig: { Values } }]);
});

test('ModifyRule replaces what is sent and leaves the rest', async () => {
  const before = await rule(3, [sticky(blue, 60)]);
  const { Rules: [after] = [] } = await lab.elb.modifyRule({ RuleArn: before?.RuleArn, Actions: [forward([blue, 0], [green, 999])] });
  expect(after).toMatchObject({ RuleArn: before?.RuleArn, Priority: '3', Conditions: before?.Conditions });
  expect(after?.Actions).toEqual([{
    Type: 'forward',
    ForwardConfig: {
      TargetGroups: [{ TargetGroupArn: blue, Weight: 0 }, { TargetGroupArn: green, Weight: 999 }],
      TargetGroupStickinessConfig: { Enabled: false },
    },
  }]);
});

test('an authentication action stands before the forward and comes back without its secret', async () => {
  const AuthenticateOidcConfig = {
    Issuer: 'https://idp.example', AuthorizationEndpoint: 'https://idp.example/a', TokenEndpoint: 'https://idp.example/t',
    UserInfoEndpoint: 'https://idp.example/u', ClientId: 'client', ClientSecret: 'secret',
  };
  const made = await rule(4, [{ ...forward([blue, 1]), Order: 2 }, { Type: 'authenticate-oidc', Order: 1, AuthenticateOidcConfig }]);
  expect(made?.Actions?.map(({ Type, Order }) => [Type, Order])).toEqual([['authenticate-oidc', 1], ['forward', 2]]);
  expect(JSON.stringify(made)).not.toContain('"secret"');
  const again = { ...AuthenticateOidcConfig, ClientSecret: undefined, UseExistingClientSecret: true };
  const Actions = [{ Type: 'authenticate-oidc', Order: 1, AuthenticateOidcConfig: again } as const, { ...forward([green, 1]), Order: 2 }];
  await lab.elb.modifyRule({ RuleArn: made?.RuleArn, Actions });
});

test('the listener’s default actions and its default rule are the same thing', async () => {
  await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([blue, 1], [green, 1])] });
  const { Rules = [] } = await lab.elb.describeRules({ ListenerArn: listener });
  const { Listeners = [] } = await lab.elb.describeListeners({ ListenerArns: [listener] });
  expect(Rules.at(-1)).toMatchObject({ Priority: 'default', IsDefault: true, Conditions: [], Actions: Listeners[0]?.DefaultActions });
  expect(Rules.at(-1)?.Actions?.[0]?.ForwardConfig?.TargetGroups).toHaveLength(2);
});

test('come by priority, in pages', async () => {
  await rule(50_000, [FIXED]);
  await rule(7, [FIXED]);
  const priorities: (string | undefined)[] = [];
  let Marker: string | undefined;
  do {
    const { Rules = [], NextMarker } = await lab.elb.describeRules({ ListenerArn: listener, PageSize: 2, Marker });
    expect(Rules.length).toBeLessThanOrEqual(2);
    priorities.push(...Rules.map(({ Priority }) => Priority));
    Marker = NextMarker;
  } while (Marker !== undefined);
  expect(priorities).toEqual(['1', '2', '3', '4', '7', '50000', 'default']);
});

test('SetRulePriorities changes all or nothing', async () => {
  const { Rules: [first, second] = [] } = await lab.elb.describeRules({ ListenerArn: listener });
  const swap = [{ RuleArn: first?.RuleArn, Priority: 2 }, { RuleArn: second?.RuleArn, Priority: 1 }];
  await lab.elb.setRulePriorities({ RulePriorities: swap });
  const clash = [{ RuleArn: first?.RuleArn, Priority: 3 }];
  await expect(lab.elb.setRulePriorities({ RulePriorities: clash })).rejects.toMatchObject({ name: 'PriorityInUseException' });
  const { Rules = [] } = await lab.elb.describeRules({ ListenerArn: listener });
  expect(Rules.slice(0, 2).map(({ RuleArn }) => RuleArn)).toEqual([second?.RuleArn, first?.RuleArn]);
});

test.each<[what: string, name: string, message: string, actions: () => Action[]]>([
  ['a weight over 999', 'ValidationError', WEIGHT_RANGE, () => [forward([blue, 1_000])]],
  ['a negative weight', 'ValidationError', WEIGHT_RANGE, () => [forward([blue, -1])]],
  ['the same group twice', 'ValidationError', 'more than once', () => [forward([blue, 1], [blue, 2])]],
  ['an ARN beside two groups', 'ValidationError', 'only one target group', () => [{ ...forward([blue, 1], [green, 1]), TargetGroupArn: blue }]],
  ['an unknown group', 'TargetGroupNotFoundException', `'${GONE}:targetgroup/gone/1' not found`, () => [forward([`${GONE}:targetgroup/gone/1`, 1])]],
  ['a malformed ARN', 'ValidationError', "'nope' is not a valid target group ARN", () => [forward(['nope', 1])]],
  ['stickiness without a duration', 'ValidationError', 'stickiness duration', () => [sticky(blue)]],
  ['two routing actions', 'TooManyActionsException', 'only one', () => [{ ...FIXED, Order: 1 }, { ...forward([blue, 1]), Order: 2 }]],
  ['a redirect to itself', 'InvalidLoadBalancerActionException', 'loop', () => [{ Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301' } }]],
])('refuses %s', async (_what, name, message, actions) => {
  await expect(rule(100, actions())).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
});

test.each<[what: string, message: string, conditions: RuleCondition[]]>([
  ['no condition', 'A condition must be specified', []],
  ['six values', "A rule can only have '5' condition values", [path('/1', '/2', '/3', '/4', '/5', '/6')]],
  ['two path conditions', 'only one condition', [path('/a'), path('/b')]],
  ['an unknown field', "Condition field 'colour' must be one of", [{ Field: 'colour', Values: ['blue'] }]],
])('refuses %s', async (_what, message, conditions) => {
  await expect(rule(100, [FIXED], conditions)).rejects.toMatchObject({ name: 'ValidationError', message: expect.stringContaining(message) });
});

test('refuses a priority that is in use or out of range', async () => {
  await expect(rule(1, [FIXED])).rejects.toMatchObject({ name: 'PriorityInUseException', message: "Priority '1' is currently in use" });
  await expect(rule(0, [FIXED])).rejects.toThrow("Value '0' at 'priority' failed to satisfy constraint");
  await expect(rule(50_001, [FIXED])).rejects.toThrow('less than or equal to 50000');
});

test('refuses unknown listeners and rules, pages of 401 and markers that are none', async () => {
  const { elb } = lab;
  const ListenerArn = `${GONE}:listener/app/a/1/2`;
  const RuleArn = `${GONE}:listener-rule/app/a/1/2/3`;
  await expect(elb.describeRules({ ListenerArn })).rejects.toMatchObject({ name: 'ListenerNotFoundException' });
  await expect(elb.modifyRule({ RuleArn, Actions: [FIXED] })).rejects.toMatchObject({ name: 'RuleNotFoundException' });
  await expect(elb.describeRules({ ListenerArn: listener, PageSize: 401 })).rejects.toThrow('less than or equal to 400');
  await expect(elb.describeRules({ ListenerArn: listener, Marker: 'abc' })).rejects.toThrow("The marker 'abc' is not valid");
});

test('refuses a sixth group', async () => {
  const groups = [];
  for (let i = 0; i < 6; i++) groups.push(await lab.targetGroup());
  await rule(200, [forward(...groups.slice(0, 5).map((arn) => [arn, 1] as [string, number]))]);
  const six = rule(201, [forward(...groups.map((arn) => [arn, 1] as [string, number]))]);
  await expect(six).rejects.toMatchObject({ name: 'TooManyTargetGroupsException' });
});

test('refuses to change or delete the default rule', async () => {
  const { Rules = [] } = await lab.elb.describeRules({ ListenerArn: listener });
  const RuleArn = Rules.at(-1)?.RuleArn;
  const refusal = (done: string) => ({ name: 'OperationNotPermittedException', message: `Default rule '${RuleArn}' cannot be ${done}` });
  await expect(lab.elb.modifyRule({ RuleArn, Actions: [FIXED] })).rejects.toMatchObject(refusal('modified'));
  await expect(lab.elb.deleteRule({ RuleArn })).rejects.toMatchObject(refusal('deleted'));
});

test('refuses a target group of another load balancer', async () => {
  await expect(lab.quietListener(await lab.loadBalancer(), [forward([blue, 1])])).rejects.toMatchObject({
    name: 'TargetGroupAssociationLimitException',
    message: `The following target groups cannot be associated with more than one load balancer: ${blue}`,
  });
});

test('refuses a target group of gRPC behind HTTP, and behind another action', async () => {
  const group = await lab.targetGroup({ ProtocolVersion: 'GRPC' });
  const loadBalancer = await lab.loadBalancer();
  const behindHttp = {
    name: 'InvalidLoadBalancerActionException',
    message: "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'",
  };
  await expect(lab.listener(loadBalancer, [forward([group, 1])])).rejects.toMatchObject(behindHttp);
  const ListenerArn = await lab.quietListener(loadBalancer);
  await lab.elb.createRule({ ListenerArn, Priority: 1, Conditions: [path('/harbour.Quay/*')], Actions: [forward([group, 1])] });
  await expect(lab.elb.modifyListener({ ListenerArn, Protocol: 'HTTP', Port: lab.port })).rejects.toMatchObject(behindHttp);
  const signIn: Action = {
    Type: 'authenticate-oidc',
    Order: 1,
    AuthenticateOidcConfig: {
      Issuer: 'https://example.com', AuthorizationEndpoint: 'https://example.com/a', TokenEndpoint: 'https://example.com/t',
      UserInfoEndpoint: 'https://example.com/u', ClientId: 'id', ClientSecret: 'secret',
    },
  };
  const Actions = [signIn, { ...forward([group, 1]), Order: 2 }];
  await expect(lab.elb.modifyListener({ ListenerArn, DefaultActions: Actions })).rejects.toMatchObject({ name: behindHttp.name });
});

test('refuses the 101st rule of a load balancer', async () => {
  const ListenerArn = await lab.quietListener(await lab.loadBalancer());
  const make = (Priority: number) => lab.elb.createRule({ ListenerArn, Priority, Conditions: [path('/')], Actions: [FIXED] });
  for (let i = 1; i <= 100; i++) await make(i);
  await expect(make(101)).rejects.toMatchObject({ name: 'TooManyRulesException' });
  expect((await lab.elb.describeRules({ ListenerArn })).NextMarker).toBeDefined();
});
