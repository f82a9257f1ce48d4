import { createServer } from 'node:net';
import type { Aws } from '../../src/aws/aws.ts';
import type { NewRule } from '../../src/aws/elbv2.ts';
import { CanaryError } from '../../src/errors.ts';
import { buildInfra, planInfra } from '../../src/infra/build-infra.ts';
import { findChanges } from '../../src/infra/change-set.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { followStack } from '../../src/infra/stack-operation.ts';
import { baseRequest, serviceRequest } from '../../src/infra/stack-requests.ts';
import { withProject } from './project.ts';

const two = { SERVICES: 'web,store', SERVICE_NAME: 'web', STORE_EXPOSE: 'internal' };

test('from nothing to endpoints that answer 503, and a second run has nothing to do', () =>
  withProject(async ({ session, aws, ports, writes }) => {
    const { session: first, settings, events } = session({ ...two, KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24' });

    expect(await planInfra(first)).toEqual([
      'make the service-linked roles of ECS and Elastic Load Balancing where the account has none',
      'create stack fleet',
      'create stack fleet-web',
      'create stack fleet-store',
      'create the listener rule of web for path-pattern /*, weights 100/0',
      'create the listener rule of store for path-pattern /*, weights 100/0',
    ]);
    expect(await writes()).toEqual([]);

    const built = await buildInfra(first);
    expect(built).toEqual({
      publicEndpoint: `http://127.0.0.1:${ports[0]}`,
      internalEndpoints: [`http://127.0.0.1:${ports[1]}`],
      authority: undefined,
      bastionEndpoint: expect.stringMatching(/^203\.0\.113\.\d+$/),
      changed: true,
    });
    expect(events).toContainEqual(expect.objectContaining({ type: 'resource', stack: 'fleet', kind: 'AWS::ECS::Cluster', status: 'CREATE_COMPLETE' }));
    // No target yet in the rule's first group.
    expect((await fetch(built.publicEndpoint ?? '')).status).toBe(503);
    expect((await fetch(built.internalEndpoints[0] ?? '')).status).toBe(503);

    const place = await describePlace(aws, settings, 'store');
    expect(place).toMatchObject({ cluster: 'fleet', repositoryName: 'fleet/store', subnets: [expect.any(String), expect.any(String)] });
    expect(await aws.registry.digests('fleet/store')).toEqual([]);
    const [group] = await aws.loadBalancing.targetGroups([place.targetGroups.green]);
    expect(group?.loadBalancerArns).toHaveLength(1);
    const tags = await aws.loadBalancing.tagsOf([place.targetGroups.green]);
    expect(tags.get(place.targetGroups.green)).toMatchObject({
      'ecs-canary:project': 'fleet', 'ecs-canary:service': 'store', 'ecs-canary:colour': 'green',
    });

    const before = await writes();
    expect(await buildInfra(session({ ...two, KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24' }).session)).toEqual({ ...built, changed: false });
    expect(await writes()).toEqual(before);
  }));

test('a stack that is not read back yet is not taken for one that is done', () =>
  withProject(async ({ session, aws }) => {
    const { session: own, settings } = session();
    const answers = [undefined, undefined];
    const describe = (stack: string) => (answers.length > 0 ? Promise.resolve(answers.pop()) : aws.stacks.describe(stack));
    const lagging = { ...own, aws: { ...aws, stacks: { ...aws.stacks, describe } } };
    const stack = await aws.stacks.create(baseRequest(settings, undefined), 'mine');
    await followStack({ stack, operation: 'mine', verb: 'made', usersAre: '', next: '' }, lagging, own.wait());
    expect((await aws.stacks.describe(stack))?.status).toBe('CREATE_COMPLETE');
    expect(await aws.stacks.lastEvents('not-there-yet')).toEqual([]);
  }));

test('an operation ends by its own events, whatever an older read of the stack says', () =>
  withProject(async ({ session, aws }) => {
    const { session: own, settings } = session();
    await buildInfra(own);
    const before = await aws.stacks.describe('fleet');
    const lagging = { ...own, aws: { ...aws, stacks: { ...aws.stacks, describe: () => Promise.resolve(before) } } };
    const request = { ...baseRequest(settings, before), tags: { changed: 'yes' } };
    const { key } = await findChanges({ request, type: 'UPDATE', operation: 'mine' }, own, own.wait());
    await aws.stacks.executeChangeSet(key, 'mine');
    await followStack({ stack: 'fleet', operation: 'mine', verb: 'updated', usersAre: '', next: '' }, lagging, own.wait());
    expect((await aws.stacks.describe('fleet'))?.status).toBe('UPDATE_COMPLETE');
  }));

test('reads that lag behind what was just asked for are waited for', () =>
  withProject(async ({ session }) => {
    expect((await buildInfra(session().session)).changed).toBe(true);
    expect((await buildInfra(session().session)).changed).toBe(false);
  }, { lagMs: 10_000, seed: 3 }));

test('in an account without service-linked roles they are made first, and the first stack comes to be at once', () =>
  withProject(async ({ session, aws, writes }) => {
    const { session: own, events } = session();
    expect((await buildInfra(own)).changed).toBe(true);
    expect((await aws.stacks.describe('fleet'))?.status).toBe('CREATE_COMPLETE');
    expect((await writes()).slice(0, 3)).toEqual(['iam:CreateServiceLinkedRole', 'iam:CreateServiceLinkedRole', 'cloudformation:CreateStack']);
    expect((await writes()).filter((name) => name === 'cloudformation:CreateStack')).toHaveLength(2);
    expect(events.filter((event) => event.type === 'resource' && /FAILED|ROLLBACK/.test(event.status))).toEqual([]);
    expect((await buildInfra(session().session)).changed).toBe(false);
  }, { freshAccount: true }));

test('where the caller may not make the roles the first cluster has its own made, and the stack is made once more', () =>
  withProject(async ({ session, aws }) => {
    const { session: own, events } = session();
    const roles = { makeLinked: () => Promise.resolve(false) };
    expect((await buildInfra({ ...own, aws: { ...own.aws, roles } })).changed).toBe(true);
    expect((await aws.stacks.describe('fleet'))?.status).toBe('CREATE_COMPLETE');
    expect(events).toContainEqual({ type: 'waiting', text: expect.stringContaining('ECS has just got its role in this account') });
    const failures = events.filter((event) => event.type === 'warning' || (event.type === 'resource' && /FAILED|ROLLBACK/.test(event.status)));
    expect(failures).toEqual([]);
    expect((await buildInfra(session().session)).changed).toBe(false);
  }, { freshAccount: true }));

test('a changed setting updates what is there, and moves no traffic', () =>
  withProject(async ({ session, aws, sandbox }) => {
    await buildInfra(session().session);
    const { targetGroups } = await describePlace(aws, session().settings, 'server');
    const base = await aws.stacks.describe('fleet');
    const [rule] = (await aws.loadBalancing.rules([base?.outputs['PublicListenerArn'] ?? ''])).filter(({ isDefault }) => !isDefault);
    if (!rule) throw new Error('no rule');
    await aws.loadBalancing.setWeights(rule, new Map([[targetGroups.blue, 30], [targetGroups.green, 70]]));

    const changed = session({ DEREGISTRATION_DELAY: '12', HEALTH_CHECK_PATH: '/ping' }).session;
    expect(await planInfra(changed)).toEqual([
      'update stack fleet-server\n  parameter DeregistrationDelay: 30 -> 12\n  parameter HealthCheckPath: / -> /ping',
    ]);
    expect((await buildInfra(changed)).changed).toBe(true);
    const region = await sandbox.region('eu-central-1');
    const { Attributes } = await region.call('elasticloadbalancing', 'DescribeTargetGroupAttributes', { TargetGroupArn: targetGroups.blue });
    expect(Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '12' });
    expect((await describePlace(aws, changed.settings, 'server')).targetGroups).toEqual(targetGroups);
    expect((await aws.loadBalancing.freshRules([rule.arn]))[0]?.forward).toEqual([
      { arn: targetGroups.blue, weight: 30 },
      { arn: targetGroups.green, weight: 70 },
    ]);

    // A second rule for the same pair sends users where the first one does.
    expect((await buildInfra(session({ DEREGISTRATION_DELAY: '12', HEALTH_CHECK_PATH: '/ping', PATH_PATTERN: '/v2/*' }).session)).changed).toBe(true);
    const rules = (await aws.loadBalancing.rules([rule.listenerArn])).filter(({ isDefault }) => !isDefault);
    expect(rules.map(({ conditions, forward }) => [conditions[0]?.values, forward?.map(({ weight }) => weight)])).toEqual([
      [['/v2/*'], [30, 70]],
      [['/*'], [30, 70]],
    ]);
  }));

test('tags that somebody gave to a stack outlive an update', () =>
  withProject(async ({ session, aws, sandbox }) => {
    await buildInfra(session().session);
    const stack = await aws.stacks.describe('fleet-server');
    const Tags = Object.entries({ ...stack?.tags, 'cost-centre': '42' }).map(([Key, Value]) => ({ Key, Value }));
    const Parameters = Object.keys(stack?.parameters ?? {}).map((ParameterKey) => ({ ParameterKey, UsePreviousValue: true }));
    const region = await sandbox.region('eu-central-1');
    await region.call('cloudformation', 'UpdateStack', { StackName: 'fleet-server', UsePreviousTemplate: true, Parameters, Tags, Capabilities: ['CAPABILITY_IAM'] });
    expect((await buildInfra(session({ DEREGISTRATION_DELAY: '12' }).session)).changed).toBe(true);
    expect(await aws.stacks.describe('fleet-server')).toMatchObject({
      parameters: { DeregistrationDelay: '12' }, tags: { 'cost-centre': '42', 'ecs-canary:service': 'server' },
    });
  }));

test('names the first real cause of a failure, and the next run starts over', () =>
  withProject(async ({ session, ports }) => {
    const holder = createServer().listen(ports[0], '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    try {
      await expect(buildInfra(session().session)).rejects.toMatchObject({
        code: 'stack-failed',
        message: expect.stringMatching(/^Stack fleet could not be made: PublicListener \(AWS::ElasticLoadBalancingV2::Listener\): The listener [^"]+ It is ROLLBACK_COMPLETE now\.$/),
        next: 'ecs-canary build-infra',
      });
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
    expect((await planInfra(session().session))[0]).toBe('delete stack fleet, which is ROLLBACK_COMPLETE and can only be deleted');
    expect((await buildInfra(session().session)).publicEndpoint).toBe(`http://127.0.0.1:${ports[0]}`);
  }));

const declined = () => Promise.reject(new CanaryError({ code: 'declined', message: 'Nothing was changed.' }));

test.each([
  ['that is declined', declined, { code: 'declined', message: 'Nothing further was changed. Done before: create stack fleet.' }],
  ['that nobody is asked', undefined, { exitCode: 1, message: expect.stringMatching(/^The update of fleet-server would replace .* Done before: create stack fleet\.$/) }],
])('a question %s after something was done: the error says what', (_, ask, told) =>
  withProject(async ({ session, aws }) => {
    const { session: own, settings } = session();
    // Of a base that is gone: in another VPC its target groups are replaced.
    const stack = await aws.stacks.create(serviceRequest(settings, settings.service, 'vpc-0a1b2c3d'), 'earlier');
    await followStack({ stack, operation: 'earlier', verb: 'made', usersAre: '', next: '' }, own, own.wait());
    await expect(buildInfra(own, ask)).rejects.toMatchObject(told);
  }));

test('who is told of an error after a rule was made is told of the rule', () =>
  withProject(async ({ session }) => {
    const both = { SERVICES: 'web,store', SERVICE_NAME: 'web', STORE_EXPOSE: 'public', STORE_PATH_PATTERN: '/store/*' };
    await expect(buildInfra(session(both).session)).rejects.toMatchObject({
      code: 'quota', usersAre: 'where they were before; listener rules were made, and none was changed.',
    });
  }, { quotas: { 'rules-per-application-load-balancer': 1 } }));

test('waits for another run that is at work on a stack, and goes on from there', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine, settings } = session();
    await aws.stacks.create(baseRequest(settings, undefined), 'another-run');
    expect((await planInfra(mine))[0]).toBe('wait for stack fleet, which is CREATE_IN_PROGRESS');
    expect((await buildInfra(mine)).changed).toBe(true);
    const base = await aws.stacks.describe('fleet');
    expect(await aws.stacks.lastEvents(base?.id ?? '')).toContainEqual(expect.objectContaining({ operation: 'another-run', status: 'CREATE_COMPLETE' }));
  }));

test('two runs at once make one infrastructure between them, and neither fails', () =>
  withProject(async ({ session, aws, writes }) => {
    const quick = { ...two, SETTLE: '0' };
    const [one, other] = await Promise.all([buildInfra(session(quick).session), buildInfra(session(quick).session)]);
    expect(one).toMatchObject({ changed: true, publicEndpoint: other.publicEndpoint });
    const base = await aws.stacks.describe('fleet');
    const { PublicListenerArn = '', InternalListenerArn = '' } = base?.outputs ?? {};
    expect((await aws.loadBalancing.rules([PublicListenerArn, InternalListenerArn])).filter(({ isDefault }) => !isDefault)).toHaveLength(2);
    const before = await writes();
    expect((await buildInfra(session(two).session)).changed).toBe(false);
    expect(await writes()).toEqual(before);
  }));

test('a stack that another run makes, or deletes, in the same moment is no error', () =>
  withProject(async ({ session, aws, sandbox }) => {
    const { session: own, settings } = session();
    const create = once(() => aws.stacks.create(baseRequest(settings, undefined), 'another-run'), (...asked: Parameters<Aws['stacks']['create']>) => aws.stacks.create(...asked));
    await sandbox.faults.order({ resource: 'LogGroup', stack: 'fleet-server', reason: 'No.' });
    await expect(buildInfra(withStacks(own, { create }))).rejects.toMatchObject({ message: expect.stringContaining('ROLLBACK_COMPLETE') });
    expect(await aws.stacks.lastEvents('fleet')).toContainEqual(expect.objectContaining({ operation: 'another-run', status: 'CREATE_COMPLETE' }));

    const remove = once(() => aws.stacks.delete('fleet-server', 'another-run'), (...asked: Parameters<Aws['stacks']['delete']>) => aws.stacks.delete(...asked));
    expect((await buildInfra(withStacks(own, { delete: remove }))).changed).toBe(true);
  }));

test("a rule of somebody else's that takes the place in the same moment is gone round", () =>
  withProject(async ({ session, aws }) => {
    const { session: own } = session({ SETTLE: '0' });
    const theirs = { conditions: [{ field: 'path-pattern', values: ['/theirs'] }], tags: {} };
    const createRule = (rule: NewRule) => aws.loadBalancing.createRule(rule);
    const raced = once((rule: NewRule) => createRule({ ...rule, ...theirs }), createRule);
    expect((await buildInfra({ ...own, aws: { ...aws, loadBalancing: { ...aws.loadBalancing, createRule: raced } } })).changed).toBe(true);
    const base = await aws.stacks.describe('fleet');
    const rules = (await aws.loadBalancing.rules([base?.outputs['PublicListenerArn'] ?? ''])).filter(({ isDefault }) => !isDefault);
    const places = rules.map(({ conditions, priority }) => [conditions[0]?.values[0], Number(priority)] as const);
    expect(places.map(([path]) => path)).toEqual(['/theirs', '/*']);
    expect((places[1]?.[1] ?? 0) - (places[0]?.[1] ?? 0)).toBe(1);
  }));

/** A call before whose first time something else happens. */
function once<Asked extends unknown[], Answer>(first: (...asked: NoInfer<Asked>) => Promise<unknown>, call: (...asked: Asked) => Promise<Answer>) {
  let done = false;
  return async (...asked: Asked): Promise<Answer> => {
    if (!done) await first(...asked);
    done = true;
    return call(...asked);
  };
}

function withStacks(session: InfraSession, stacks: Partial<Aws['stacks']>): InfraSession {
  return { ...session, aws: { ...session.aws, stacks: { ...session.aws.stacks, ...stacks } } };
}

test('says that there is no infrastructure, and what to type', () =>
  withProject(async ({ session, aws }) => {
    await expect(describePlace(aws, session().settings, 'server')).rejects.toMatchObject({ code: 'no-infra', next: expect.stringContaining('ecs-canary build-infra') });
  }));
