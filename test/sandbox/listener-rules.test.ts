/** Which rule a request meets, and what the balancer answers by itself. */
import type { RequestOptions } from 'node:http';
import type { Action, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ask, type Lab, openLab } from './load-balancing.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ speed: 50 });
});
afterEach(() => lab.end());

function fixed(MessageBody: string, StatusCode = '200'): Action {
  return { Type: 'fixed-response', FixedResponseConfig: { StatusCode, ContentType: 'text/plain', MessageBody } };
}

function path(...Values: string[]): RuleCondition {
  return { Field: 'path-pattern', PathPatternConfig: { Values } };
}

test.each<[string, RuleCondition, string, RequestOptions, boolean]>([
  ['path', path('/img/*'), '/img/a/b.png?x=1', {}, true],
  ['path, case', path('/img/*'), '/IMG/a', {}, false],
  ['path, one character', path('/v?'), '/v12', {}, false],
  ['path, query is no part of it', path('/a*z'), '/a?q=z', {}, false],
  ['one of several paths', path('/a', '/b.c'), '/b.c', {}, true],
  ['a dot is a dot', path('/b.c'), '/bxc', {}, false],
  ['host', { Field: 'host-header', Values: ['*.example.com'] }, '/', { headers: { Host: 'API.example.com:8080' } }, true],
  ['another host', { Field: 'host-header', Values: ['*.example.com'] }, '/', { headers: { Host: 'example.org' } }, false],
  ['header', { Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-Beta', Values: ['yes*'] } }, '/', { headers: { 'x-beta': 'YES!' } }, true],
  ['no such header', { Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-Beta', Values: ['*'] } }, '/', {}, false],
  ['method', { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['PUT'] } }, '/', { method: 'PUT' }, true],
  ['another method', { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['PUT'] } }, '/', {}, false],
  ['query', { Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'version', Value: 'v1*' }] } }, '/?a=b&Version=V12', {}, true],
  ['query, any key', { Field: 'query-string', QueryStringConfig: { Values: [{ Value: 'b' }] } }, '/?a=b', {}, true],
  ['another query', { Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'a', Value: 'b' }] } }, '/?a=bb', {}, false],
  ['source', { Field: 'source-ip', SourceIpConfig: { Values: ['127.0.0.0/8'] } }, '/', {}, true],
  ['another source', { Field: 'source-ip', SourceIpConfig: { Values: ['10.0.0.0/8'] } }, '/', {}, false],
])('%s', async (_name, condition, url, options, matches) => {
  const ListenerArn = await lab.listener(await lab.loadBalancer(), [fixed('default')]);
  await lab.elb.createRule({ ListenerArn, Priority: 10, Conditions: [condition], Actions: [fixed('rule')] });
  expect((await ask(lab.url + url, options)).body).toBe(matches ? 'rule' : 'default');
});

test('the lowest priority wins, and all conditions of a rule have to hold', async () => {
  const ListenerArn = await lab.listener(await lab.loadBalancer(), [fixed('default', '404')]);
  const put: RuleCondition = { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['PUT'] } };
  await lab.elb.createRule({ ListenerArn, Priority: 20, Conditions: [path('/a*')], Actions: [fixed('any')] });
  await lab.elb.createRule({ ListenerArn, Priority: 3, Conditions: [path('/a*'), put], Actions: [fixed('put')] });
  const answers = await Promise.all([ask(`${lab.url}/a`, { method: 'PUT' }), ask(`${lab.url}/a`), ask(`${lab.url}/b`)]);
  expect(answers.map(({ status, body }) => [status, body])).toEqual([[200, 'put'], [200, 'any'], [404, 'default']]);
});

test('redirect', async () => {
  const RedirectConfig = { Protocol: 'HTTPS', Port: '443', Path: '/new/#{path}', StatusCode: 'HTTP_301' } as const;
  await lab.listener(await lab.loadBalancer(), [{ Type: 'redirect', RedirectConfig }]);
  const answer = await ask(`${lab.url}/old?a=1`, { headers: { Host: 'example.com' } });
  expect(answer).toMatchObject({ status: 301, headers: { location: 'https://example.com:443/new/old?a=1', server: 'awselb/2.0' } });
});
