/** Quotas of Elastic Load Balancing: each can be set, is answered, and is enforced with AWS's own error. */
import type { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { QuotaName, Quotas } from '../../src/sandbox/quotas.ts';
import { FIXED, forward, type Lab, openLab } from './load-balancing.ts';

let lab: Lab;
afterEach(() => lab.end());

async function withQuotas(quotas: Quotas): Promise<ElasticLoadBalancingV2> {
  lab = await openLab({ quotas, speed: 100 });
  return lab.elb;
}

interface Wanted {
  readonly paths?: string[];
  readonly groups?: string[];
}

/** Makes rules on a new listener. */
async function rules(...wanted: Wanted[]): Promise<void> {
  const ListenerArn = await lab.quietListener(await lab.loadBalancer());
  for (const [index, { paths = ['/'], groups = [] }] of wanted.entries()) {
    const Actions = [groups.length === 0 ? FIXED : forward(...groups.map((arn): [string, number] => [arn, 1]))];
    await lab.elb.createRule({ ListenerArn, Priority: index + 1, Conditions: [{ Field: 'path-pattern', Values: paths }], Actions });
  }
}

async function groups(count: number): Promise<string[]> {
  const made = [];
  for (let index = 0; index < count; index++) made.push(await lab.targetGroup());
  return made;
}

test.each<[QuotaName, number, string, (allowed: number) => Promise<unknown>]>([
  ['application-load-balancers', 2, 'TooManyLoadBalancersException', async (n) => {
    for (let i = 0; i < n; i++) await lab.loadBalancer();
  }],
  ['listeners-per-application-load-balancer', 2, 'TooManyListenersException', async (n) => {
    const loadBalancer = await lab.loadBalancer();
    for (let i = 0; i < n; i++) await lab.quietListener(loadBalancer, [FIXED], 8443 + i);
  }],
  ['rules-per-application-load-balancer', 2, 'TooManyRulesException', (n) => rules(...Array.from({ length: n }, () => ({})))],
  ['target-groups', 2, 'TooManyTargetGroupsException', (n) => groups(n)],
  ['target-groups-per-application-load-balancer', 2, 'TooManyUniqueTargetGroupsPerLoadBalancerException', async (n) => {
    await rules(...(await groups(n)).map((arn) => ({ groups: [arn] })));
  }],
  ['target-groups-per-action-on-application-load-balancer', 6, 'TooManyTargetGroupsException', async (n) => {
    await rules({ groups: await groups(n) });
  }],
  ['targets-per-application-load-balancer', 3, 'TooManyTargetsException', async (n) => {
    const [one = '', two = ''] = await groups(2);
    await rules({ groups: [one, two] });
    const Targets = Array.from({ length: n }, (_, i) => ({ Id: `10.0.0.${i + 1}` }));
    await lab.elb.registerTargets({ TargetGroupArn: one, Targets: Targets.slice(0, 2) });
    // The same again is no more than before.
    await lab.elb.registerTargets({ TargetGroupArn: one, Targets: Targets.slice(0, 2) });
    await lab.elb.registerTargets({ TargetGroupArn: two, Targets: Targets.slice(2) });
  }],
  ['condition-values-per-alb-rule', 6, 'ValidationError', (n) => rules({ paths: Array.from({ length: n }, (_, i) => `/${i}`) })],
  ['condition-wildcards-per-alb-rule', 6, 'ValidationError', (n) => rules({ paths: ['*'.repeat(n)] })],
])('%s', async (name, quota, error, reach) => {
  const elb = await withQuotas({ [name]: quota });
  const { Limits = [] } = await elb.describeAccountLimits({});
  expect(Limits.find(({ Name }) => Name === name)).toEqual({ Name: name, Max: String(quota) });
  expect(Limits).toHaveLength(9);
  await reach(quota);
  await lab.end();
  await withQuotas({ [name]: quota });
  await expect(reach(quota + 1)).rejects.toMatchObject({ name: error });
});

test('targets count when a rule brings their group to the load balancer, too', async () => {
  const elb = await withQuotas({ 'targets-per-application-load-balancer': 2 });
  const [one = '', two = ''] = await groups(2);
  await elb.registerTargets({ TargetGroupArn: one, Targets: [{ Id: '10.0.0.1' }, { Id: '10.0.0.2' }] });
  await elb.registerTargets({ TargetGroupArn: two, Targets: [{ Id: '10.0.0.3' }] });
  await expect(rules({ groups: [one] }, { groups: [two] })).rejects.toMatchObject({ name: 'TooManyTargetsException' });
});

test('a rule at the quota of target groups can be changed to other ones', async () => {
  const elb = await withQuotas({ 'target-groups-per-application-load-balancer': 1 });
  const [one = '', two = ''] = await groups(2);
  const ListenerArn = await lab.quietListener(await lab.loadBalancer(), [forward([one, 1])]);
  await elb.modifyListener({ ListenerArn, DefaultActions: [forward([two, 1])] });
});

test('a rule may have more than AWS allows by default', async () => {
  const elb = await withQuotas({ 'rules-per-application-load-balancer': 101 });
  await rules(...Array.from({ length: 101 }, () => ({})));
  expect((await elb.describeAccountLimits({})).Limits).toContainEqual({ Name: 'target-groups', Max: '3000' });
});
