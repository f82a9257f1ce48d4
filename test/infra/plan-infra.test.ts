import * as fc from 'fast-check';
import type { ListenerRule } from '../../src/aws/elbv2.ts';
import { UNCHANGED } from '../../src/errors.ts';
import { type InfraState } from '../../src/infra/observe-infra.ts';
import { describeStep, planInfra } from '../../src/infra/plan-infra.ts';
import { missingRule, refuseClashes } from '../../src/infra/rules.ts';
import { baseRequest, serviceRequest } from '../../src/infra/stack-requests.ts';
import { readSettings, type Settings } from '../../src/settings/settings.ts';

const settingsWith = (variables: Record<string, string> = {}): Settings =>
  readSettings({ PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: 'eu-central-1', AWS_ACCOUNT_ID: '000000000000', ...variables });

const BALANCER = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/web/0a';

const route = (settings: Settings) => ({ service: settings.service, listenerArn: 'listener', blue: 'blue', green: 'green' });

const ruleOf = (values: string[], forward: ListenerRule['forward'], listenerArn = 'listener'): ListenerRule => ({
  arn: 'rule', listenerArn, isDefault: false, priority: '7', conditions: [{ field: 'path-pattern', values }], forward, stickiness: undefined, actions: [],
});

const pairWith = (blue: number, green: number) => [{ arn: 'blue', weight: blue }, { arn: 'green', weight: green }];

function built(settings: Settings, status = 'CREATE_COMPLETE'): InfraState {
  const base = baseRequest(settings, undefined);
  const service = serviceRequest(settings, settings.service, 'vpc-1');
  const shared = { id: 'id', status, statusReason: undefined, changeSets: [] };
  return {
    base: { ...base, ...shared, isProtected: true, outputs: { VpcId: 'vpc-1', PublicListenerArn: 'listener' } },
    services: new Map([['server', { ...service, ...shared, isProtected: false, outputs: { BlueTargetGroupArn: 'blue', GreenTargetGroupArn: 'green' } }]]),
    rules: [ruleOf(['/*'], pairWith(0, 100))],
    owners: new Map(),
    leftOver: [],
  };
}

const ROLES = 'make the service-linked roles of ECS and Elastic Load Balancing where the account has none';
const plan = (state: InfraState, settings: Settings) => planInfra(state, settings).map(describeStep);

test('nothing is to be done when all is as the settings say, whatever the weights', () => {
  expect(plan(built(settingsWith()), settingsWith())).toEqual([]);
});

test('the protection that somebody gave to the part of a service stays; that of the base goes when the settings say so', () => {
  const state = built(settingsWith());
  const given = new Map([...state.services].map(([name, stack]) => [name, { ...stack, isProtected: true }]));
  expect(plan({ ...state, services: given }, settingsWith())).toEqual([]);
  expect(plan({ ...state, services: given }, settingsWith({ TERMINATION_PROTECTION: 'false' }))).toEqual(['end the protection of stack fleet']);
  expect(plan({ ...state, base: state.base && { ...state.base, isProtected: false } }, settingsWith())).toEqual(['protect stack fleet from being deleted']);
});

test('a load balancer that is there stays, also when no service is exposed on it any more', () => {
  const state = built(settingsWith({ SERVICES: 'server,other', SERVICE_NAME: 'server' }));
  const alone = settingsWith({ EXPOSE: 'internal' });
  expect(baseRequest(alone, state.base).parameters).toMatchObject({ PublicServices: 'true', InternalServices: 'true' });
});

test('a service whose pair stands behind one load balancer can not move to the other', () => {
  const internal = settingsWith({ EXPOSE: 'internal' });
  expect(() => plan(built(settingsWith()), internal)).toThrow(expect.objectContaining({ code: 'service-moved', next: expect.stringContaining('EXPOSE=public') }));
});

test('nor to the load balancer that LISTENER_ARNS names: it is told where its pair stands, and what to do', () => {
  const base = BALANCER.replace('web', 'fleet');
  const before = { ...built(settingsWith()), rules: [ruleOf(['/*'], pairWith(0, 100), `${base}/1`)] };
  const moved = expect.objectContaining({
    code: 'service-moved',
    message: expect.stringMatching(/^The target groups of server stand behind load balancer arn:\S+:loadbalancer\/app\/fleet\/0a, and LISTENER_ARNS names/),
    next: expect.stringMatching(/^remove LISTENER_ARNS, or name listeners of that load balancer/),
  });
  const settings = settingsWith();
  const given = { ...settings, existing: { ...settings.existing, listenerArns: [`${BALANCER}/2`] } };
  expect(() => plan(before, given)).toThrow(moved);
  expect(plan(before, { ...given, existing: { ...given.existing, listenerArns: [`${base}/1`] } })).toEqual([]);
});

test('two services with the same condition on one listener are a usage error', () => {
  const twins = { SERVICES: 'web,store', SERVICE_NAME: 'web', STORE_EXPOSE: 'public' };
  const empty: InfraState = { base: undefined, services: new Map(), rules: [], owners: new Map(), leftOver: [] };
  expect(() => plan(empty, settingsWith(twins))).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringContaining('web and store') }));
  expect(() => plan(empty, settingsWith({ ...twins, WEB_HOST_HEADER: 'a.example', STORE_HOST_HEADER: 'A.example' }))).toThrow(/both public/);
  expect(plan(empty, settingsWith({ ...twins, STORE_PATH_PATTERN: '/store/*' }))).toHaveLength(6);
});

test('behind LISTENER_ARNS there is no public and no internal: the same condition is the same', () => {
  const theirs = { VPC_ID: 'vpc-1a', SUBNET_IDS: 'subnet-1a,subnet-2b', SECURITY_GROUP_IDS: 'sg-1a', LISTENER_ARNS: `${BALANCER}/2` };
  const twins = settingsWith({ ...theirs, SERVICES: 'web,store', SERVICE_NAME: 'web' });
  expect(twins.services.map(({ expose }) => expose)).toEqual(['public', 'internal']);
  expect(() => refuseClashes(twins)).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringMatching(/^web and store are both behind LISTENER_ARNS/) }));
  expect(() => refuseClashes(settingsWith({ ...theirs, SERVICES: 'web,store', SERVICE_NAME: 'web', STORE_PATH_PATTERN: '/store/*' }))).not.toThrow();
});

test('a new rule has the live weights of its siblings; the first one sends everything to blue', () => {
  const settings = settingsWith({ PATH_PATTERN: '/new/*' });
  expect(missingRule(settings, route(settings), [])?.groups).toEqual(pairWith(100, 0));
  expect(missingRule(settings, route(settings), [ruleOf(['/*'], pairWith(5, 95))])?.groups).toEqual(pairWith(5, 95));
  expect(missingRule(settings, route(settings), [ruleOf(['/new/*'], pairWith(5, 95))])).toBeUndefined();
});

test("a rule of somebody else's with the same conditions is refused, not shadowed", () => {
  const settings = settingsWith();
  expect(() => missingRule(settings, route(settings), [ruleOf(['/*'], [{ arn: 'other', weight: 1 }])])).toThrow(expect.objectContaining({ code: 'rule-conflict' }));
});

test('rules that ask for more stand before rules that ask for less, and no two share a priority', () => {
  const path = fc.stringMatching(/^\/[a-z]{0,40}\*?$/);
  const conditions = fc.record({ path, host: fc.option(fc.stringMatching(/^[a-z]{1,20}\.example$/)) });
  fc.assert(
    fc.property(fc.uniqueArray(conditions, { maxLength: 12, selector: (chosen) => JSON.stringify(chosen) }), (services) => {
      const rules: ListenerRule[] = [];
      for (const [index, { path: pathPattern, host }] of services.entries()) {
        const settings = settingsWith({ SERVICE_NAME: `s${index}`, PATH_PATTERN: pathPattern, ...(host && { HOST_HEADER: host }) });
        const rule = missingRule(settings, { ...route(settings), blue: `b${index}`, green: `g${index}` }, rules);
        if (!rule) throw new Error('no rule');
        rules.push({ ...ruleOf([], rule.groups), priority: String(rule.priority), conditions: rule.conditions });
      }
      const priorities = rules.map(({ priority }) => Number(priority));
      expect(new Set(priorities).size).toBe(rules.length);
      for (const [index, { path: mine, host }] of services.entries()) {
        expect(priorities[index]).toBeGreaterThanOrEqual(1);
        expect(priorities[index]).toBeLessThanOrEqual(50_000);
        const catchAll = services.findIndex((other) => other.path === '/*' && other.host === null);
        if (catchAll >= 0 && (host !== null || mine.replaceAll('*', '').length > 1)) {
          expect(priorities[index]).toBeLessThan(priorities[catchAll] ?? 0);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test.each([
  ['ROLLBACK_COMPLETE', ['delete stack fleet, which is ROLLBACK_COMPLETE and can only be deleted', ROLES, 'create stack fleet']],
  ['ROLLBACK_FAILED', ['delete stack fleet, which is ROLLBACK_FAILED and can only be deleted', ROLES, 'create stack fleet']],
  ['IMPORT_IN_PROGRESS', ['wait for stack fleet, which is IMPORT_IN_PROGRESS']],
  ['DELETE_IN_PROGRESS', ['wait for stack fleet, which is DELETE_IN_PROGRESS']],
  ['UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', ['wait for stack fleet, which is UPDATE_COMPLETE_CLEANUP_IN_PROGRESS']],
])('a base stack that is %s', (status, steps) => {
  const state = built(settingsWith());
  expect(plan({ ...state, base: state.base && { ...state.base, status } }, settingsWith())).toEqual(steps);
});

test.each([
  ['UPDATE_ROLLBACK_FAILED', 'aws cloudformation continue-update-rollback --stack-name fleet', 'aws cloudformation continue-update-rollback --stack-name fleet-server'],
  ['UPDATE_FAILED', 'aws cloudformation rollback-stack --stack-name fleet', 'aws cloudformation rollback-stack --stack-name fleet-server'],
  ['DELETE_FAILED', 'ecs-canary destroy-infra', 'aws cloudformation delete-stack --stack-name fleet-server'],
  ['CREATE_FAILED', 'ecs-canary destroy-infra', 'aws cloudformation delete-stack --stack-name fleet-server'],
  ['IMPORT_ROLLBACK_FAILED', 'aws cloudformation describe-stack-events --stack-name fleet', 'aws cloudformation describe-stack-events --stack-name fleet-server'],
  ['WHATEVER_COMES_LATER', 'aws cloudformation describe-stack-events --stack-name fleet', 'aws cloudformation describe-stack-events --stack-name fleet-server'],
])('a stack that is %s is for a person to repair, who is told how', (status, ofBase, ofService) => {
  const told = (state: InfraState) => {
    try {
      return plan(state, settingsWith());
    } catch (error) {
      return error;
    }
  };
  const sound = built(settingsWith());
  const service = sound.services.get('server');
  const broken = { ...sound, services: new Map(service && [['server', { ...service, status, statusReason: ' it broke ' }]]) };
  const next = (command: string) => expect.stringMatching(new RegExp(`^${command}( --region eu-central-1)?( {3}\\(.*\\))?, then: ecs-canary build-infra$`));
  expect(told(built(settingsWith(), status))).toMatchObject({ code: 'stack-broken', usersAre: UNCHANGED, next: next(ofBase) });
  expect(told(broken)).toMatchObject({ code: 'stack-broken', message: `Stack fleet-server is ${status} (it broke).`, next: next(ofService) });
});

test.each(['UPDATE_ROLLBACK_COMPLETE', 'IMPORT_COMPLETE', 'IMPORT_ROLLBACK_COMPLETE'])('a stack that is %s is as good as any', (status) => {
  expect(plan(built(settingsWith(), status), settingsWith())).toEqual([]);
});

test('a stack of that name without our tag is not touched', () => {
  const state = built(settingsWith());
  expect(() => plan({ ...state, base: state.base && { ...state.base, tags: {} } }, settingsWith())).toThrow(expect.objectContaining({ code: 'not-ours' }));
});
