/** A load balancer as a company shares it: many rules of many kinds on several listeners, each kept as it was made. */
import type { Action, Rule, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ask, FIXED, forward, freePort, type Lab, openLab } from './load-balancing.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ speed: 50, pageSize: 3 });
});
afterEach(() => lab.end());

const path = (...Values: string[]): RuleCondition => ({ Field: 'path-pattern', Values });
const host = (...Values: string[]): RuleCondition => ({ Field: 'host-header', HostHeaderConfig: { Values } });
const header = (HttpHeaderName: string, ...Values: string[]): RuleCondition => ({
  Field: 'http-header',
  HttpHeaderConfig: { HttpHeaderName, Values },
});

const OIDC = {
  Issuer: 'https://id.example', AuthorizationEndpoint: 'https://id.example/a', TokenEndpoint: 'https://id.example/t',
  UserInfoEndpoint: 'https://id.example/u', ClientId: 'harbour', SessionCookieName: 'Mine', Scope: 'openid email', SessionTimeout: 3_600,
  AuthenticationRequestExtraParams: { prompt: 'login' }, OnUnauthenticatedRequest: 'deny',
} as const;
const COGNITO = { UserPoolArn: 'arn:aws:cognito-idp:eu-central-1:000000000000:userpool/p', UserPoolClientId: 'c', UserPoolDomain: 'd' };
const JWT: Action['JwtValidationConfig'] = {
  JwksEndpoint: 'https://id.example/keys',
  Issuer: 'https://id.example',
  AdditionalClaims: [{ Format: 'string-array', Name: 'scope', Values: ['a', 'b'] }],
};
const SESSION_DEFAULTS = {
  SessionCookieName: 'AWSELBAuthSessionCookie', Scope: 'openid', SessionTimeout: 604_800, OnUnauthenticatedRequest: 'authenticate',
} as const;
const REWRITE: Rule['Transforms'] = [{ Type: 'url-rewrite', UrlRewriteConfig: { Rewrites: [{ Regex: '^/api/(.*)$', Replace: '/$1' }] } }];

/** Each with what comes back for it. */
async function actionsOfAllKinds(): Promise<[sent: Action[], kept: Action[]][]> {
  const [one, two] = [await lab.targetGroup(), await lab.targetGroup()];
  const groups = forward([one, 3], [two, 0]).ForwardConfig?.TargetGroups;
  const TargetGroupStickinessConfig = { Enabled: true, DurationSeconds: 777 };
  const sticky: Action = { Type: 'forward', ForwardConfig: { TargetGroups: groups, TargetGroupStickinessConfig } };
  const last = { ...sticky, Order: 2 };
  const redirect = { Protocol: 'HTTPS', Port: '443', Host: '#{host}', Path: '/new/#{path}', Query: 'a=1', StatusCode: 'HTTP_302' } as const;
  const before = (action: Action): Action[] => [{ Order: 1, ...action }, last];
  return [
    [[sticky], [sticky]],
    [
      before({ Type: 'authenticate-oidc', AuthenticateOidcConfig: { ...OIDC, ClientSecret: 's' } }),
      before({ Type: 'authenticate-oidc', AuthenticateOidcConfig: OIDC }),
    ],
    [
      before({ Type: 'authenticate-cognito', AuthenticateCognitoConfig: COGNITO }),
      before({ Type: 'authenticate-cognito', AuthenticateCognitoConfig: { ...SESSION_DEFAULTS, ...COGNITO } }),
    ],
    [before({ Type: 'jwt-validation', JwtValidationConfig: JWT }), before({ Type: 'jwt-validation', JwtValidationConfig: JWT })],
    [[{ Type: 'redirect', RedirectConfig: redirect }], [{ Type: 'redirect', RedirectConfig: redirect }]],
    [[FIXED], [FIXED]],
  ];
}

test('actions of every kind come back field by field, also when another rule was changed', async () => {
  const ListenerArn = await lab.quietListener(await lab.loadBalancer());
  const kinds = await actionsOfAllKinds();
  const made: Rule[] = [];
  for (const [index, [Actions]] of kinds.entries()) {
    const Conditions = [path(`/${index}/*`), host('a.example', '*.b.example'), header('X-Beta', 'yes')];
    const { Rules = [] } = await lab.elb.createRule({ ListenerArn, Priority: 100 - index, Conditions, Actions, Transforms: REWRITE });
    made.push(...Rules);
  }
  expect(made.map(({ Actions }) => Actions)).toEqual(kinds.map(([, kept]) => kept));
  expect(made[1]).toMatchObject({
    Transforms: REWRITE,
    Conditions: [path('/1/*'), { Field: 'host-header', Values: ['a.example', '*.b.example'] }, header('X-Beta', 'yes')],
  });
  const changed = await lab.elb.createRule({ ListenerArn, Priority: 1, Conditions: [path('/')], Actions: [FIXED] });
  await lab.elb.modifyRule({ RuleArn: changed.Rules?.[0]?.RuleArn, Actions: kinds[0]?.[0] });
  const others = { first: expect.objectContaining({ Priority: '1' }), last: expect.objectContaining({ IsDefault: true }) };
  expect(await allRules(ListenerArn)).toEqual([others.first, ...made.toReversed(), others.last]);
});

test('rules by ARN come in one call, in the order asked for; one that is missing is an error', async () => {
  const loadBalancer = await lab.loadBalancer();
  const listeners = [await lab.quietListener(loadBalancer), await lab.quietListener(loadBalancer, [FIXED], 8443)];
  const arns = (await Promise.all(listeners.map(allRules))).flat().map(({ RuleArn = '' }) => RuleArn);
  expect((await lab.elb.describeRules({ RuleArns: arns.toReversed() })).Rules?.map(({ RuleArn }) => RuleArn)).toEqual(arns.toReversed());
  await lab.elb.deleteListener({ ListenerArn: listeners[1] });
  await expect(lab.elb.describeRules({ RuleArns: arns })).rejects.toMatchObject({ name: 'RuleNotFoundException' });
});

test('target groups by ARN come in one call; one that is missing is an error', async () => {
  const [one, two] = [await lab.targetGroup(), await lab.targetGroup()];
  const { TargetGroups = [] } = await lab.elb.describeTargetGroups({ TargetGroupArns: [two, one] });
  expect(TargetGroups.map(({ TargetGroupArn }) => TargetGroupArn)).toEqual([two, one]);
  await lab.elb.deleteTargetGroup({ TargetGroupArn: one });
  await expect(lab.elb.describeTargetGroups({ TargetGroupArns: [two, one] })).rejects.toMatchObject({
    name: 'TargetGroupNotFoundException',
    message: 'One or more target groups not found',
  });
});

test('the target health of ip targets names their zone', async () => {
  const TargetGroupArn = await lab.targetGroup();
  const Targets = [{ Id: '10.0.0.1', Port: 80, AvailabilityZone: 'eu-central-1b' }, { Id: '10.0.0.2', Port: 80 }];
  await lab.elb.registerTargets({ TargetGroupArn, Targets });
  const { TargetHealthDescriptions = [] } = await lab.elb.describeTargetHealth({ TargetGroupArn });
  expect(TargetHealthDescriptions.map(({ Target, HealthCheckPort }) => [Target, HealthCheckPort])).toEqual([
    [{ Id: '10.0.0.1', Port: 80, AvailabilityZone: 'eu-central-1b' }, '80'],
    [{ Id: '10.0.0.2', Port: 80, AvailabilityZone: 'eu-central-1a' }, '80'],
  ]);
});

test.each<[string, string, Action]>([
  ['authenticate-oidc without configuration', 'ValidationError', { Type: 'authenticate-oidc' }],
  ['authenticate-cognito without configuration', 'ValidationError', { Type: 'authenticate-cognito' }],
  ['jwt-validation without configuration', 'ValidationError', { Type: 'jwt-validation' }],
  ['authenticate-oidc without a secret', 'InvalidLoadBalancerActionException', { Type: 'authenticate-oidc', AuthenticateOidcConfig: OIDC }],
])('%s is refused', async (_what, name, action) => {
  const actions = [{ ...action, Order: 1 }, { ...FIXED, Order: 2 }];
  await expect(lab.quietListener(await lab.loadBalancer(), actions)).rejects.toMatchObject({ name });
});

test('several load balancers with several listeners answer side by side, each by its own rules', async () => {
  const urls = [];
  for (const name of ['first', 'second']) {
    const LoadBalancerArn = await lab.loadBalancer();
    for (const side of ['front', 'back']) {
      const Port = await freePort();
      const answer = (text: string): Action => ({
        Type: 'fixed-response',
        FixedResponseConfig: { StatusCode: '200', MessageBody: `${name} ${side} ${text}` },
      });
      const { Listeners } = await lab.elb.createListener({ LoadBalancerArn, Protocol: 'HTTP', Port, DefaultActions: [answer('default')] });
      const ListenerArn = Listeners?.[0]?.ListenerArn;
      await lab.elb.createRule({ ListenerArn, Priority: 5, Conditions: [host('api.example')], Actions: [answer('host')] });
      await lab.elb.createRule({ ListenerArn, Priority: 2, Conditions: [host('api.example'), header('X-Beta', 'yes')], Actions: [answer('header')] });
      urls.push(`http://127.0.0.1:${Port}`);
    }
  }
  const requests = [{}, { Host: 'api.example' }, { Host: 'api.example', 'x-beta': 'YES' }, { 'x-beta': 'yes' }];
  const bodies = await Promise.all(urls.map((url) => Promise.all(requests.map(async (headers) => (await ask(url, { headers })).body))));
  const places = ['first front', 'first back', 'second front', 'second back'];
  expect(bodies).toEqual(places.map((place) => ['default', 'host', 'header', 'default'].map((rule) => `${place} ${rule}`)));
});

/** Over all pages. */
async function allRules(ListenerArn: string): Promise<Rule[]> {
  const rules: Rule[] = [];
  let Marker: string | undefined;
  do {
    const page = await lab.elb.describeRules({ ListenerArn, Marker });
    rules.push(...(page.Rules ?? []));
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  return rules;
}
