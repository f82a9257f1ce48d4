import { difference } from '../../src/infra/difference.ts';

const template = (port: string, extra = '') => `Parameters:
  Port:
    Type: Number
    Default: 80
  Key:
    Type: String
    Description: May be empty.
    Default: ''
Resources:
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      Port: ${port}
      Protocol: HTTP
${extra}Outputs:
  ListenerArn:
    Value: !Ref Listener
`;

const stack = (text: string, parameters: Record<string, string> = {}, tags: Record<string, string> = {}) => ({
  id: 'id', name: 'fleet', status: 'CREATE_COMPLETE', statusReason: undefined, outputs: {}, isProtected: false, changeSets: [], template: text, parameters, tags,
});
const request = (text: string, parameters: Record<string, string> = {}, tags: Record<string, string> = {}) => ({ name: 'fleet', template: text, parameters, tags, protect: false });

test('values are shown from old to new; a default that nobody gives is no difference, and one that counts again is', () => {
  const text = template('80');
  expect(difference(stack(text, { Port: '80', Key: '' }, { owner: 'us' }), request(text, {}, { owner: 'us' }))).toEqual([]);
  expect(difference(stack(text, { Port: '81', Key: 'harbour', Gone: 'x' }, { owner: 'us', cost: '7' }), request(text, { Key: '' }, { owner: 'them', stage: 'live' }))).toEqual([
    'parameter Gone: x -> (none)',
    'parameter Key: harbour -> (empty)',
    'parameter Port: 81 -> 80',
    'tag cost: 7 -> (none)',
    'tag owner: us -> them',
    'tag stage: (none) -> live',
  ]);
});

test('each place of the template is shown with what is around it, under its section', () => {
  const text = template('80');
  const known = { Port: '80', Key: '' };
  expect(difference(stack(text, known), request(template('81', '  Rule:\n    Type: AWS::ElasticLoadBalancingV2::ListenerRule\n')))).toEqual([
    'template, Resources.Listener.Properties:',
    '       Type: AWS::ElasticLoadBalancingV2::Listener',
    '       Properties:',
    '  -      Port: 80',
    '  +      Port: 81',
    '         Protocol: HTTP',
    '  +  Rule:',
    '  +    Type: AWS::ElasticLoadBalancingV2::ListenerRule',
    '   Outputs:',
    '     ListenerArn:',
  ]);
  expect(difference(stack(`${text}\n\n`, known), request(text))).toEqual([]);
});

test('a value of several lines, such as a certificate, stays on one, and two of them are told apart', () => {
  const text = template('80');
  const [one, other] = ['first', 'second'].map((middle) => `-----BEGIN CERTIFICATE-----\n${middle}\n-----END CERTIFICATE-----\n`);
  const lines = difference(stack(text, { Port: '80', Key: one ?? '' }), request(text, { Key: other ?? '' }));
  const shown = /^parameter Key: (-----BEGIN CERTIFICATE-----\.\.\. \(3 lines, SHA-256 [\da-f]{12}\)) -> (-----BEGIN CERTIFICATE-----\.\.\. \(3 lines, SHA-256 [\da-f]{12}\))$/;
  expect(lines).toEqual([expect.stringMatching(shown)]);
  const [, before, after] = shown.exec(lines[0] ?? '') ?? [];
  expect(before).not.toBe(after);
});
