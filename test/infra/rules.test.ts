/** What a new listener rule does to those that are there: to its siblings, to its neighbours, to rules of others. */
import type { ListenerRule } from '../../src/aws/elbv2.ts';
import { missingRule } from '../../src/infra/rules.ts';
import { readSettings } from '../../src/settings/settings.ts';

const LISTENER = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/fleet/1111/2222';
const HTTPS = LISTENER.replace('2222', '3333');

const settingsWith = (variables: Record<string, string>) =>
  readSettings({ PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: 'eu-central-1', AWS_ACCOUNT_ID: '000000000000', ...variables });

/** The rule that is made for these settings, beside these rules. */
function made(variables: Record<string, string>, rules: readonly ListenerRule[], { listenerArn = LISTENER, primary }: { listenerArn?: string; primary?: string } = {}) {
  const settings = settingsWith(variables);
  const isOurs = (rule: ListenerRule) => rule.arn.startsWith('ours');
  return missingRule(settings, { service: settings.service, listenerArn, blue: 'blue', green: 'green', isOurs, ...(primary && { primary }) }, rules);
}

interface Given {
  readonly arn?: string;
  readonly path?: string;
  readonly host?: string;
  readonly priority: number;
  readonly weights?: readonly [blue: number, green: number];
  readonly listenerArn?: string;
}

function rule({ arn = 'theirs', path, host, priority, weights, listenerArn = LISTENER }: Given): ListenerRule {
  const conditions = [
    ...(host === undefined ? [] : [{ field: 'host-header', values: [host] }]),
    ...(path === undefined ? [] : [{ field: 'path-pattern', values: [path] }]),
  ];
  const [blue, green] = weights ?? [];
  const pair = weights && [{ arn: 'blue', weight: blue ?? 0 }, { arn: 'green', weight: green ?? 0 }];
  return { arn, listenerArn, isDefault: false, priority: String(priority), conditions, forward: pair ?? [{ arn: 'other', weight: 1 }], stickiness: undefined, actions: [] };
}

test.each([
  ['stands behind a later rule that it would take requests from', { path: '/api/*', priority: 45_000 }, {}, 45_001],
  ['stands behind a rule for a host, which it would take the requests of', { host: '*.example', priority: 41_000 }, {}, 41_001],
  ['stays where it is before a rule with which it shares no request', { path: '/api/*', priority: 45_000 }, { PATH_PATTERN: '/shop/*' }, 39_400],
  ['stays where it is behind a rule that is more specific', { path: '/api/*', priority: 7 }, {}, 39_900],
  ['takes the next free place', { path: '/x/*', priority: 39_900 }, {}, 39_901],
])('a rule of the project %s', (_, theirs, settings, priority) => {
  expect(made(settings, [rule(theirs)])?.priority).toBe(priority);
});

test.each<[string, Given, Record<string, string>]>([
  ['a catch-all of others', { path: '/*', priority: 7 }, { PATH_PATTERN: '/shop/*' }],
  ['a wider pattern of others', { path: '/s?op/*', priority: 7 }, { PATH_PATTERN: '/shop/*' }],
  ['a rule for all hosts below', { host: '*.example', priority: 7 }, { HOST_HEADER: 'Shop.example' }],
  ['a catch-all that has the last priority there is', { host: 'a.example', priority: 50_000 }, {}],
])('a rule that could never get a request, or only before its turn, is refused: %s', (_, theirs, settings) => {
  expect(() => made(settings, [rule(theirs)])).toThrow(expect.objectContaining({ code: 'rule-shadowed', message: expect.stringContaining('theirs') }));
});

test('other services of the project make way, whatever was there first', () => {
  const ours = (path: string, priority: number) => [rule({ arn: 'ours', path, priority })];
  expect(made({ PATH_PATTERN: '/shop/*' }, ours('/*', 39_900))?.priority).toBe(39_400);
  expect(made({ PATH_PATTERN: '/shop' }, ours('/shop*', 39_500))?.priority).toBe(39_450);
});

test('weights that disagree are nothing to join: the rules are named, and nothing is made', () => {
  const siblings = [rule({ arn: 'one', path: '/*', priority: 1, weights: [50, 50] }), rule({ arn: 'two', path: '/a', priority: 2, weights: [100, 0] })];
  expect(() => made({ PATH_PATTERN: '/b' }, siblings)).toThrow(expect.objectContaining({ code: 'rules-disagree', message: expect.stringMatching(/one.*\n.*two/) }));
});

test('weights of the same ratio agree, in whatever numbers and order', () => {
  const first = rule({ arn: 'one', path: '/*', priority: 1, weights: [1, 3] });
  const second = { ...first, arn: 'two', forward: [{ arn: 'green', weight: 75 }, { arn: 'blue', weight: 25 }] };
  expect(made({ PATH_PATTERN: '/b' }, [first, second])?.groups).toEqual([{ arn: 'blue', weight: 1 }, { arn: 'green', weight: 3 }]);
});

test('beside the HTTP rule the one for HTTPS gets the weights that users have there', () => {
  const http = rule({ path: '/*', priority: 39_900, weights: [0, 100] });
  expect(made({}, [http], { listenerArn: HTTPS })).toMatchObject({ listenerArn: HTTPS, priority: 39_900, groups: [{ arn: 'blue', weight: 0 }, { arn: 'green', weight: 100 }] });
});

test('where all rules were lost the version that owns production gets everything', () => {
  expect(made({}, [], { primary: 'green' })?.groups).toEqual([{ arn: 'blue', weight: 0 }, { arn: 'green', weight: 100 }]);
});
