/** A rule that an AWS newer than the SDK answers comes back to it whole: read, written with other weights, and compared. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { type Action, type AuthenticateOidcActionConfig, ElasticLoadBalancingV2, type Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { connectAws } from '../../src/aws/aws.ts';
import type { ListenerRule, LoadBalancing } from '../../src/aws/elbv2.ts';
import { withWeights } from '../../src/aws/forward-action.ts';
import { forward, type Lab, listen, openLab } from '../sandbox/load-balancing.ts';

const REGION = 'eu-central-1';

/** What this AWS puts into an answer: the element it stands at the end of, and the XML. */
const ADDED: Readonly<Record<string, string>> = {
  ForwardConfig: '<Shadow><Percent>5</Percent><Groups><member>one</member><member>two</member></Groups></Shadow>',
  TargetGroupStickinessConfig: '<CookieName>STAY</CookieName>',
  AuthenticateOidcConfig: '<Pkce><Method>S256</Method></Pkce><Prompt/>',
  TeleportConfig:
    '<Gates><member><Name>north</Name><Keys><member>a</member><member>b</member></Keys></member><member><Name>south</Name></member></Gates>' +
    '<Only><member>one</member></Only><Labels><entry><key>team</key><value>harbour</value></entry></Labels>' +
    '<Hop>1</Hop><Hop>2</Hop><Note></Note>',
};

/** An action type that only the newer AWS has: for the sandbox, which would refuse one, it goes by a name that it knows. */
const NAMES = [['jwt-validation', 'teleport'], ['JwtValidationConfig', 'TeleportConfig']] as const;
const TELEPORT: Action = {
  Type: 'jwt-validation',
  JwtValidationConfig: { JwksEndpoint: 'https://id.example/keys', Issuer: 'id', AdditionalClaims: [{ Name: 'a', Format: 'single-string', Values: ['x', 'y'] }] },
};

/** As AWS answers it: complete, and without the client's secret. */
const OIDC: AuthenticateOidcActionConfig = {
  Issuer: 'https://id.example',
  AuthorizationEndpoint: 'https://id.example/authorize',
  TokenEndpoint: 'https://id.example/token',
  UserInfoEndpoint: 'https://id.example/user',
  ClientId: 'harbour',
  SessionCookieName: 'SESSION',
  Scope: 'openid email',
  SessionTimeout: 3_600,
  AuthenticationRequestExtraParams: { display: 'page', prompt: 'login & more' },
  OnUnauthenticatedRequest: 'authenticate',
};

const SECRET = { ClientSecret: 'secret' };

let lab: Lab;
let aws: NewerAws;
let client: LoadBalancing;
let pair: readonly [primary: string, canary: string];
let listener: string;

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  lab = await openLab({ pageSize: 2 });
});
afterAll(() => lab.end());

beforeEach(async () => {
  pair = [await lab.targetGroup(), await lab.targetGroup()];
  listener = await lab.quietListener(await lab.loadBalancer(), wholeActions(100, 0, SECRET));
  aws = await newerAws(lab.sandbox.url);
  client = connectAws({ region: REGION, endpointUrl: aws.url }).loadBalancing;
});
afterEach(() => aws.close());

describe.each([
  ['ModifyRule', 'Actions'],
  ['ModifyListener', 'DefaultActions'],
])('%s', (operation, list) => {
  let rule: ListenerRule;
  let before: Rule[];

  beforeEach(async () => {
    aws.answer = (xml) => Object.entries(ADDED).reduce((newer, [element, added]) => newer.replaceAll(`</${element}>`, `${added}</${element}>`), renamed(xml))
      .replaceAll('</Weight></member>', '</Weight><Zones><member>a</member><member>b</member></Zones></member>');
    aws.request = (form) => NAMES.reduce((older, [known, newer]) => older.replaceAll(newer, known), form);
    await addRule(10, wholeActions(100, 0, SECRET));
    before = await rulesInSandbox();
    rule = await readRule(({ isDefault }) => isDefault === (list === 'DefaultActions'));
  });

  test('sends every leaf of the answer, of which only the weights differ', async () => {
    await client.setWeights(rule, weights(75, 25));
    const arn = rule.isDefault ? { ListenerArn: listener } : { RuleArn: rule.arn };
    const answered = leaves(actionsIn(aws.answers, rule.arn), list);
    expect(Object.keys(answered).length).toBeGreaterThan(40);
    expect(parametersOf(aws.writes[0])).toEqual({
      Action: operation,
      Version: '2015-12-01',
      ...arn,
      ...answered,
      [`${list}.member.2.AuthenticateOidcConfig.UseExistingClientSecret`]: 'true',
      [`${list}.member.3.ForwardConfig.TargetGroups.member.1.Weight`]: '75',
      [`${list}.member.3.ForwardConfig.TargetGroups.member.2.Weight`]: '25',
    });
    expect(parametersOf(aws.writes[0])).toMatchObject({
      [`${list}.member.1.Type`]: 'teleport',
      [`${list}.member.1.TeleportConfig.JwksEndpoint`]: 'https://id.example/keys',
      [`${list}.member.1.TeleportConfig.AdditionalClaims.member.1.Values.member.2`]: 'y',
      [`${list}.member.1.TeleportConfig.Gates.member.1.Keys.member.2`]: 'b',
      [`${list}.member.1.TeleportConfig.Only.member.1`]: 'one',
      [`${list}.member.1.TeleportConfig.Labels.entry.1.value`]: 'harbour',
      [`${list}.member.1.TeleportConfig.Hop.2`]: '2',
      [`${list}.member.1.TeleportConfig.Note`]: '',
      [`${list}.member.2.AuthenticateOidcConfig.Pkce.Method`]: 'S256',
      [`${list}.member.2.AuthenticateOidcConfig.Prompt`]: '',
      [`${list}.member.3.ForwardConfig.Shadow.Groups.member.2`]: 'two',
      [`${list}.member.3.ForwardConfig.TargetGroupStickinessConfig.CookieName`]: 'STAY',
      [`${list}.member.3.ForwardConfig.TargetGroups.member.2.Zones.member.1`]: 'a',
    });
  });

  test('leaves AWS with the same rules but for two weights', async () => {
    await client.setWeights(rule, weights(75, 25));
    expect(await rulesInSandbox()).toEqual(before.map((one) => (one.RuleArn === rule.arn ? { ...one, Actions: wholeActions(75, 25) } : one)));
  });

  test('sends what it was read with also when stickiness changes', async () => {
    await client.setStickiness(rule, undefined);
    const answered = leaves(actionsIn(aws.answers, rule.arn), list);
    expect(parametersOf(aws.writes[0])).toMatchObject({ ...answered, [`${list}.member.3.ForwardConfig.TargetGroupStickinessConfig.Enabled`]: 'false' });
  });

  test('is repeated as it was after a failure', async () => {
    aws.failures = 1;
    await client.setWeights(rule, weights(75, 25));
    expect(aws.writes).toHaveLength(2);
    expect(aws.writes[1]).toBe(aws.writes[0]);
  });
});

test('special characters arrive as they were answered', async () => {
  const values = { 'a&amp;b=c&amp;d': 'a&b=c&d', '&lt;i&gt;&quot;&apos;': '<i>"\'', '1+1 %20 %': '1+1 %20 %', ' two  spaces ': ' two  spaces ', 'ü 世界 🚀 &#252;': 'ü 世界 🚀 ü', 'x&#10;y': 'x\ny' };
  aws.answer = (xml) => xml.replaceAll('</ForwardConfig>', `<Notes>${Object.keys(values).map((value) => `<member>${value}</member>`).join('')}</Notes></ForwardConfig>`);
  await client.setWeights(await readRule(({ isDefault }) => isDefault), weights(50, 50));
  const sent = Object.entries(parametersOf(aws.writes[0])).filter(([name]) => name.includes('.Notes.')).map(([, value]) => value);
  expect(sent).toEqual(Object.values(values));
});

test('each of several rules, on several pages, gets its own back', async () => {
  const arns = [await addRule(10), await addRule(20), await addRule(30), await addRule(40)];
  aws.answer = (xml) => xml.replace(/<RuleArn>(.*?)<\/RuleArn>.*?<\/ForwardConfig>/gs, (rule, arn: string) => rule.replace('</ForwardConfig>', `<For>${arn}</For></ForwardConfig>`));
  const found = [...(await client.rules([listener])), ...(await client.freshRules(arns))].filter(({ isDefault }) => !isDefault);
  expect(aws.answers.length).toBeGreaterThan(4);
  for (const rule of found) await client.setWeights(rule, weights(50, 50));
  const sent = aws.writes.map(parametersOf).map(({ RuleArn, 'Actions.member.1.ForwardConfig.For': own }) => [RuleArn, own]);
  expect(sent).toEqual([...arns, ...arns].map((arn) => [arn, arn]));
});

test('a rule that the SDK knows all of is written as the SDK writes it', async () => {
  await addRule(10, wholeActions(100, 0, SECRET));
  const sdk = new ElasticLoadBalancingV2({ region: REGION, endpoint: aws.url });
  for (const rule of await client.rules([listener])) {
    await client.setWeights(rule, weights(75, 25));
    const actions = withWeights(rule.actions, weights(75, 25));
    if (rule.isDefault) await sdk.modifyListener({ ListenerArn: listener, DefaultActions: actions });
    else await sdk.modifyRule({ RuleArn: rule.arn, Actions: actions });
  }
  sdk.destroy();
  const [rule, ruleBySdk, byDefault, defaultBySdk] = aws.writes;
  expect([rule, byDefault]).toEqual([ruleBySdk, defaultBySdk]);
  expect(rule).toMatch(/^Action=ModifyRule&/);
});

/** One that only the newer AWS knows, a sign-in, and the pair with stickiness; without a secret, as AWS answers them. */
function wholeActions(primary: number, canary: number, secret?: { ClientSecret: string }): Action[] {
  const { ForwardConfig } = forward([pair[0], primary], [pair[1], canary]);
  return [
    { ...TELEPORT, Order: 1 },
    { Type: 'authenticate-oidc', Order: 2, AuthenticateOidcConfig: { ...OIDC, ...secret } },
    { Type: 'forward', Order: 3, ForwardConfig: { ...ForwardConfig, TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 777 } } },
  ];
}

async function addRule(Priority: number, Actions = [forward([pair[0], 100], [pair[1], 0])]): Promise<string> {
  const Conditions = [{ Field: 'path-pattern', Values: [`/${Priority}`] }];
  return (await lab.elb.createRule({ ListenerArn: listener, Priority, Conditions, Actions })).Rules?.[0]?.RuleArn ?? '';
}

async function rulesInSandbox(): Promise<Rule[]> {
  return (await lab.elb.describeRules({ ListenerArn: listener })).Rules ?? [];
}

async function readRule(wanted: (rule: ListenerRule) => boolean): Promise<ListenerRule> {
  const rule = (await client.rules([listener])).find(wanted);
  if (!rule) throw new Error('There is no such rule.');
  return rule;
}

function weights(primary: number, canary: number): ReadonlyMap<string, number> {
  return new Map([[pair[0], primary], [pair[1], canary]]);
}

function renamed(xml: string): string {
  return NAMES.reduce((newer, [known, name]) => newer.replaceAll(known, name), xml);
}

/** The sandbox behind a proxy that makes it newer than the SDK. */
interface NewerAws {
  readonly url: string;
  /** Changes an answer of DescribeRules. */
  answer: (xml: string) => string;
  /** Changes a write for the sandbox, which is as old as the SDK. */
  request: (form: string) => string;
  /** So many writes are answered with an error that the SDK repeats them for. */
  failures: number;
  /** Answers of DescribeRules, and writes, as the SDK got and sent them. */
  readonly answers: string[];
  readonly writes: string[];
  close(): Promise<void>;
}

async function newerAws(sandboxUrl: string): Promise<NewerAws> {
  const same = (body: string) => body;
  const server = http.createServer((request, response) => {
    pass(request).then(([status, body]) => response.writeHead(status, { 'content-type': 'text/xml' }).end(body), (error: Error) => response.destroy(error));
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  const newer: NewerAws = {
    url,
    answer: same,
    request: same,
    failures: 0,
    answers: [],
    writes: [],
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };

  async function pass(request: http.IncomingMessage): Promise<[status: number, body: string]> {
    const form = await text(request);
    const isRead = form.startsWith('Action=DescribeRules&');
    if (!isRead) newer.writes.push(form);
    if (!isRead && newer.failures-- > 0) return [503, '<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>later</Message></Error></ErrorResponse>'];
    const { authorization = '', 'content-type': type = '' } = request.headers;
    const passed = await fetch(sandboxUrl, { method: 'POST', headers: { authorization, 'content-type': type }, body: isRead ? form : newer.request(form) });
    const answer = await passed.text();
    if (!isRead || !passed.ok) return [passed.status, answer];
    newer.answers.push(newer.answer(answer));
    return [passed.status, newer.answers.at(-1) ?? ''];
  }
  return newer;
}

/** A form's parameters, none of which may be there twice. */
function parametersOf(form = ''): Record<string, string> {
  const parameters = [...new URLSearchParams(form)];
  expect(new Set(parameters.map(([name]) => name)).size).toBe(parameters.length);
  return Object.fromEntries(parameters);
}

/** The XML inside a rule's actions, from the newest answer that has the rule. */
function actionsIn(answers: readonly string[], arn: string): string {
  const rule = answers.findLast((xml) => xml.includes(arn))?.split('<RuleArn>').find((xml) => xml.startsWith(arn));
  return rule?.match(/<Actions>(.*?)<\/Actions>/s)?.[1] ?? '';
}

/** All texts by their paths, items numbered. Reads XML in its own way, so as not to err in the same one. */
function leaves(xml: string, root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const counts = new Map<string, number>();
  const open = [root];
  let value = '';
  let isLeaf = false;
  for (const [token] of xml.replaceAll(/<(\w+)\/>/g, '<$1></$1>').matchAll(/<\/?\w+>|[^<]+/g)) {
    if (!token.startsWith('<')) value = token;
    else if (token.startsWith('</')) {
      const path = open.pop() ?? '';
      if (isLeaf) found[path] = value.replaceAll('&amp;', '&');
      isLeaf = false;
    } else {
      const name = `${open.at(-1)}.${token.slice(1, -1)}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      open.push(/\.(member|entry|Hop)$/.test(name) ? `${name}.${count}` : name);
      [value, isLeaf] = ['', true];
    }
  }
  return found;
}
