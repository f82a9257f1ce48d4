/** Rules on the listeners of a load balancer that was there before: others keep their users, and their rules. */
import { buildInfra } from '../../src/infra/build-infra.ts';
import { destroyAll, withProject } from './project.ts';

test('destroy-infra finds the rules of a pair, and who else sends users to it, whatever LISTENER_ARNS names by now', () =>
  withProject(async ({ session, aws, sandbox, writes }) => {
    await buildInfra(session({ SERVICES: 'server,second', SECOND_EXPOSE: 'internal', PATH_PATTERN: '/fleet/*' }).session);
    const { PublicListenerArn: listenerArn = '', InternalListenerArn = '', VpcId = '', SubnetIds = '' } = (await aws.stacks.describe('fleet'))?.outputs ?? {};
    const annex = { PROJECT_NAME: 'annex', LISTENER_ARNS: listenerArn, VPC_ID: VpcId, SUBNET_IDS: SubnetIds, SECURITY_GROUP_IDS: 'sg-0a1b2c3d', HOST_HEADER: 'annex.example' };
    await buildInfra(session(annex).session);
    const groups = (await aws.stacks.describe('annex-server'))?.outputs ?? {};
    const ours = async () => (await aws.loadBalancing.rules([listenerArn])).filter(({ forward = [] }) => forward.some(({ arn }) => arn === groups['BlueTargetGroupArn']));
    expect(await ours()).toHaveLength(1);

    // The owner of the listener sends everybody there whom no rule takes.
    const region = await sandbox.region('eu-central-1');
    const byDefault = (DefaultActions: object[]) => region.call('elasticloadbalancing', 'ModifyListener', { ListenerArn: listenerArn, DefaultActions });
    await byDefault([{ Type: 'forward', TargetGroupArn: groups['BlueTargetGroupArn'] }]);
    const before = await writes();
    const elsewhere = session({ ...annex, LISTENER_ARNS: InternalListenerArn }).session;
    await expect(destroyAll(elsewhere)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringContaining('(default)') });
    expect(await writes()).toEqual(before);

    await byDefault([{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '503' } }]);
    expect(await destroyAll(elsewhere)).toBe(true);
    expect(await ours()).toEqual([]);
    expect(await aws.stacks.describe('annex-server')).toBeUndefined();
  }), 60_000);

test('LISTENER_ARNS: behind the rules of others, up to the quota, and only our own rules go again', () =>
  withProject(async ({ session, aws }) => {
    // Somebody's load balancer: that of another project.
    await buildInfra(session().session);
    const { PublicListenerArn: listenerArn = '', VpcId = '', SubnetIds = '' } = (await aws.stacks.describe('fleet'))?.outputs ?? {};
    const [theirs] = (await aws.loadBalancing.rules([listenerArn])).filter(({ isDefault }) => !isDefault);
    const groups = theirs?.forward ?? [];
    await aws.loadBalancing.createRule({ listenerArn, priority: 41_000, conditions: [{ field: 'path-pattern', values: ['/annex/old*'] }], groups, tags: {} });
    const annex = { PROJECT_NAME: 'annex', LISTENER_ARNS: listenerArn, VPC_ID: VpcId, SUBNET_IDS: SubnetIds, SECURITY_GROUP_IDS: 'sg-0a1b2c3d' };

    await expect(buildInfra(session({ ...annex, PATH_PATTERN: '/annex/*' }).session)).rejects.toMatchObject({ code: 'rule-shadowed' });
    const apart = { ...annex, HOST_HEADER: 'annex.example', PATH_PATTERN: '/annex/*' };
    await expect(buildInfra(session(apart).session)).rejects.toMatchObject({ code: 'rule-shadowed', message: expect.stringContaining('path-pattern /*') });
    if (theirs) await aws.loadBalancing.deleteRule(theirs.arn);
    await buildInfra(session(apart).session);
    const found = (await aws.loadBalancing.rules([listenerArn])).filter(({ isDefault }) => !isDefault);
    expect(found.map(({ priority, conditions }) => [priority, conditions.at(-1)?.values[0]])).toEqual([['41000', '/annex/old*'], ['41001', '/annex/*']]);

    const more = { ...apart, SERVICES: 'server,second', SECOND_PATH_PATTERN: '/second/*', SECOND_EXPOSE: 'public' };
    await expect(buildInfra(session(more).session)).rejects.toMatchObject({ code: 'quota', next: expect.stringContaining('quota') });
    expect(await destroyAll(session(apart).session)).toBe(true);
    expect((await aws.loadBalancing.rules([listenerArn])).map(({ priority }) => priority)).toEqual(['41000', 'default']);
  }, { quotas: { 'rules-per-application-load-balancer': 2 } }), 60_000);
