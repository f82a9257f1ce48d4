/** What is read from a rule's actions, and what of them is sent back with other weights. */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { forwardOf, withWeights } from '../../src/aws/forward-action.ts';

const forward = (...groups: [arn: string, weight?: number][]): Action => ({
  Type: 'forward',
  ForwardConfig: { TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
});

describe('the target groups of actions', () => {
  test.each<[string, Action[], ReturnType<typeof forwardOf>]>([
    ['two groups', [forward(['blue', 90], ['green', 10])], [{ arn: 'blue', weight: 90 }, { arn: 'green', weight: 10 }]],
    ['a group without a weight', [forward(['blue'])], [{ arn: 'blue', weight: 1 }]],
    ['the short form', [{ Type: 'forward', TargetGroupArn: 'blue' }], [{ arn: 'blue', weight: 1 }]],
    ['both forms at once', [{ ...forward(['blue', 7]), TargetGroupArn: 'blue' }], [{ arn: 'blue', weight: 7 }]],
    ['a forward after a sign-in', [{ Type: 'authenticate-cognito' }, forward(['blue', 1])], [{ arn: 'blue', weight: 1 }]],
    ['a forward to nowhere', [{ Type: 'forward' }], []],
    ['no forward', [{ Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301' } }], undefined],
    ['no action', [], undefined],
  ])('%s', (_what, actions, groups) => {
    expect(forwardOf(actions)).toEqual(groups);
  });
});

describe('with other weights', () => {
  const weights = new Map([['blue', 25], ['green', 75]]);

  test('the two groups have them, in their order, and stickiness and order of the action stay', () => {
    const stickiness = { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 777 } };
    const [green, blue] = [{ TargetGroupArn: 'green', Weight: 1 }, { TargetGroupArn: 'blue', Weight: 0 }];
    expect(withWeights([{ Type: 'forward', Order: 5, ForwardConfig: { TargetGroups: [green, blue], ...stickiness } }], weights)).toEqual([
      { Type: 'forward', Order: 5, ForwardConfig: { TargetGroups: [{ ...green, Weight: 75 }, { ...blue, Weight: 25 }], ...stickiness } },
    ]);
  });

  test('a group that is not asked for keeps its own', () => {
    expect(withWeights([forward(['other', 7], ['blue', 1])], weights)).toEqual([forward(['other', 7], ['blue', 25])]);
  });

  test('a weight of 0 is written as 0', () => {
    expect(withWeights([forward(['blue', 50], ['green', 50])], new Map([['blue', 100], ['green', 0]]))).toEqual([forward(['blue', 100], ['green', 0])]);
  });

  test('TargetGroupArn beside a ForwardConfig is not sent back', () => {
    expect(withWeights([{ ...forward(['blue', 1]), TargetGroupArn: 'blue' }], weights)).toEqual([forward(['blue', 25])]);
  });

  test('an OIDC action says that its secret, which AWS never tells, is to be kept', () => {
    const config = { Issuer: 'https://id.example', ClientId: 'harbour', AuthorizationEndpoint: 'a', TokenEndpoint: 't', UserInfoEndpoint: 'u' };
    expect(withWeights([{ Type: 'authenticate-oidc', Order: 1, AuthenticateOidcConfig: config }], weights)).toEqual([
      { Type: 'authenticate-oidc', Order: 1, AuthenticateOidcConfig: { ...config, UseExistingClientSecret: true } },
    ]);
  });

  test('every other action is sent back as it came and where it stood, also of a type that the SDK knows nothing of', () => {
    const validation: Action = { Type: 'jwt-validation', JwtValidationConfig: { JwksEndpoint: 'https://id.example/keys', Issuer: 'id' }, Order: 1 };
    // Over the wire: the SDK's types do not bind what AWS answers later.
    const teleport: Action = JSON.parse('{ "Type": "teleport", "Order": 2 }');
    const others = forward(['blue', 90], ['other', 5]);
    expect(withWeights([validation, teleport, others], weights)).toEqual([validation, teleport, forward(['blue', 25], ['other', 5])]);
  });

  test('the actions as they came are not changed', () => {
    const actions = [forward(['blue', 90], ['green', 10])];
    withWeights(actions, weights);
    expect(actions).toEqual([forward(['blue', 90], ['green', 10])]);
  });
});
