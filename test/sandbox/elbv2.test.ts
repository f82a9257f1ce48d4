/** The ELBv2 API, over the wire: what it answers, keeps and refuses. */
import { readFileSync } from 'node:fs';
import type { CreateListenerInput, CreateLoadBalancerInput } from '@aws-sdk/client-elastic-load-balancing-v2';
import { eventually, FIXED, forward, type Lab, openLab } from './load-balancing.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await openLab({ speed: 100 });
});
afterAll(() => lab.end());

/** The recorded answer as a pattern: the same members with values of the same types. */
function recorded(file: string): object {
  const text = readFileSync(new URL(`../recordings/elbv2/${file}.json`, import.meta.url), 'utf8');
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return expect.any(Object(value).constructor);
    return '__class__' in value ? expect.any(Date) : value;
  });
}

describe('answers have the members that AWS answers', () => {
  test('load balancers', async () => {
    const arn = await lab.loadBalancer();
    const answer = await lab.elb.describeLoadBalancers({ LoadBalancerArns: [arn] });
    expect(answer).toMatchObject(recorded('describe-load-balancers'));
    expect(answer.LoadBalancers?.[0]).toMatchObject({ DNSName: '127.0.0.1', Scheme: 'internet-facing', Type: 'application' });
  });

  test('listeners, rules and target groups', async () => {
    const LoadBalancerArn = await lab.loadBalancer();
    const group = await lab.targetGroup();
    const ListenerArn = await lab.listener(LoadBalancerArn, [{ Type: 'forward', TargetGroupArn: group }]);
    const { Listeners } = await lab.elb.describeListeners({ LoadBalancerArn });
    expect({ Listeners }).toEqual(recorded('describe-listeners'));
    expect(await lab.elb.describeTargetGroups({ LoadBalancerArn })).toMatchObject(recorded('describe-target-groups'));
    const Conditions = [{ Field: 'path-pattern', Values: ['/img/*'] }];
    const made = await lab.elb.createRule({ ListenerArn, Priority: 10, Conditions, Actions: [forward([group, 1])] });
    const RuleArn = made.Rules?.[0]?.RuleArn;
    const modified = await lab.elb.modifyRule({ RuleArn, Conditions: [{ Field: 'path-pattern', Values: ['/images/*'] }] });
    expect(modified).toMatchObject(recorded('modify-rule'));
    expect(RuleArn).toMatch(new RegExp(`^${ListenerArn.replace(':listener/', ':listener-rule/')}/[0-9a-f]{16}$`));
    await lab.elb.deleteListener({ ListenerArn });
  });
});

describe('target groups', () => {
  const settings = { Protocol: 'HTTP', Port: 80, VpcId: 'vpc-0a', TargetType: 'ip' } as const;

  test('have AWS’s defaults', async () => {
    const { TargetGroups: [made] = [] } = await lab.elb.createTargetGroup({ Name: 'defaults', ...settings });
    expect(made).toMatchObject({
      HealthCheckPath: '/', HealthCheckPort: 'traffic-port', HealthCheckIntervalSeconds: 30, HealthCheckTimeoutSeconds: 5,
      HealthyThresholdCount: 5, UnhealthyThresholdCount: 2, Matcher: { HttpCode: '200' }, ProtocolVersion: 'HTTP1', LoadBalancerArns: [],
    });
    const { Attributes = [] } = await lab.elb.describeTargetGroupAttributes({ TargetGroupArn: made?.TargetGroupArn });
    expect(Object.fromEntries(Attributes.map(({ Key, Value }) => [Key, Value]))).toMatchObject({
      'deregistration_delay.timeout_seconds': '300', 'stickiness.enabled': 'false', 'stickiness.type': 'lb_cookie',
      'stickiness.lb_cookie.duration_seconds': '86400', 'slow_start.duration_seconds': '0', 'load_balancing.algorithm.type': 'round_robin',
    });
  });

  test('the same again is the same group; with other settings it is refused', async () => {
    const first = await lab.elb.createTargetGroup({ Name: 'twice', ...settings });
    const second = await lab.elb.createTargetGroup({ Name: 'twice', ...settings });
    expect(second.TargetGroups).toEqual(first.TargetGroups);
    await expect(lab.elb.createTargetGroup({ Name: 'twice', ...settings, Port: 81 })).rejects.toMatchObject({
      name: 'DuplicateTargetGroupNameException',
      message: "A target group with the same name 'twice' exists, but with different settings",
    });
  });

  test('one that a rule names can not be deleted, at weight 0 either', async () => {
    const [used, other] = [await lab.targetGroup(), await lab.targetGroup()];
    const ListenerArn = await lab.quietListener(await lab.loadBalancer(), [forward([other, 1], [used, 0])]);
    await expect(lab.elb.deleteTargetGroup({ TargetGroupArn: used })).rejects.toMatchObject({
      name: 'ResourceInUseException',
      message: `Target group '${used}' is currently in use by a listener or a rule`,
    });
    await lab.elb.deleteListener({ ListenerArn });
    await lab.elb.deleteTargetGroup({ TargetGroupArn: used });
    await expect(lab.elb.describeTargetGroups({ TargetGroupArns: [used] })).rejects.toMatchObject({ name: 'TargetGroupNotFoundException' });
  });

  test.each<[string, object, string]>([
    ['a name of 33', { Name: 'x'.repeat(33) }, "cannot be longer than '32' characters"],
    ['a name with an underscore', { Name: 'a_b' }, 'alphanumeric characters or hyphens'],
    ['a name with a hyphen at its end', { Name: 'a-' }, "cannot begin or end with '-'"],
    ['an interval of 4', { HealthCheckIntervalSeconds: 4 }, 'in the 5-300 range'],
    ['a timeout as long as the interval', { HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 5 }, 'smaller than the interval'],
    ['a threshold of 1', { HealthyThresholdCount: 1 }, 'in the 2-10 range'],
    ['a matcher over 499', { Matcher: { HttpCode: '200-599' } }, "within '200-499'"],
    ['a matcher of gRPC for HTTP', { Matcher: { GrpcCode: '0' } }, 'HTTP codes'],
    ['a matcher of HTTP for gRPC', { ProtocolVersion: 'GRPC', Matcher: { HttpCode: '200' } }, 'GRPC codes'],
    ['a relative path', { HealthCheckPath: 'ping' }, "begin with a '/'"],
    ['a path that no request can have', { HealthCheckPath: '/€' }, "begin with a '/'"],
    ['no VPC', { VpcId: undefined }, 'VPC ID'],
  ])('refuses %s', async (_what, wrong, message) => {
    await expect(lab.targetGroup(wrong)).rejects.toThrow(message);
  });

  test.each([
    ['deregistration_delay.timeout_seconds', '3601'],
    ['slow_start.duration_seconds', '10'],
    ['stickiness.enabled', 'yes'],
    ['colour', 'blue'],
  ])('refuses %s=%s', async (Key, Value) => {
    const TargetGroupArn = await lab.targetGroup();
    await expect(lab.elb.modifyTargetGroupAttributes({ TargetGroupArn, Attributes: [{ Key, Value }] })).rejects.toThrow(Key);
  });

  test('refuse targets outside private networks', async () => {
    const TargetGroupArn = await lab.targetGroup();
    await expect(lab.elb.registerTargets({ TargetGroupArn, Targets: [{ Id: '8.8.8.8' }] })).rejects.toMatchObject({ name: 'ValidationError' });
  });
});

describe('load balancers and listeners', () => {
  test('a new load balancer is provisioning, then active', async () => {
    const settings: CreateLoadBalancerInput = { Name: 'fresh', Subnets: ['subnet-0a', 'subnet-0b'], Scheme: 'internal' };
    const { LoadBalancers: [made] = [] } = await lab.elb.createLoadBalancer(settings);
    expect(made).toMatchObject({ Scheme: 'internal', State: { Code: 'provisioning' } });
    expect(made?.AvailabilityZones?.map(({ ZoneName }) => ZoneName)).toEqual(['eu-central-1a', 'eu-central-1b']);
    await eventually(() => lab.elb.describeLoadBalancers({ Names: ['fresh'] }), { LoadBalancers: [{ State: { Code: 'active' } }] });
    expect((await lab.elb.createLoadBalancer(settings)).LoadBalancers?.[0]?.LoadBalancerArn).toBe(made?.LoadBalancerArn);
    await expect(lab.elb.createLoadBalancer({ ...settings, Scheme: 'internet-facing' })).rejects.toMatchObject({
      name: 'DuplicateLoadBalancerNameException',
    });
  });

  test('are refused with one subnet, a port in use, HTTPS without a certificate', async () => {
    await expect(lab.elb.createLoadBalancer({ Name: 'one-zone', Subnets: ['subnet-0a'] })).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'At least two subnets in two different Availability Zones must be specified',
    });
    const LoadBalancerArn = await lab.loadBalancer();
    await lab.quietListener(LoadBalancerArn);
    await expect(lab.quietListener(LoadBalancerArn)).rejects.toMatchObject({
      name: 'DuplicateListenerException',
      message: `A listener already exists on this port for this load balancer '${LoadBalancerArn}'`,
    });
    const https: CreateListenerInput = { LoadBalancerArn, Protocol: 'HTTPS', Port: 8443, DefaultActions: [FIXED] };
    await expect(lab.elb.createListener(https)).rejects.toThrow('A certificate must be specified for HTTPS listeners');
  });

  test('deleting a load balancer takes its listeners along and frees its target groups', async () => {
    const [LoadBalancerArn, TargetGroupArn] = [await lab.loadBalancer(), await lab.targetGroup()];
    const ListenerArn = await lab.listener(LoadBalancerArn, [forward([TargetGroupArn, 1])]);
    const protection = (Value: string) =>
      lab.elb.modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes: [{ Key: 'deletion_protection.enabled', Value }] });
    await protection('true');
    await expect(lab.elb.deleteLoadBalancer({ LoadBalancerArn })).rejects.toMatchObject({ name: 'OperationNotPermittedException' });
    await protection('false');
    await lab.elb.deleteLoadBalancer({ LoadBalancerArn });
    await lab.elb.deleteLoadBalancer({ LoadBalancerArn });
    await expect(lab.elb.describeListeners({ ListenerArns: [ListenerArn] })).rejects.toMatchObject({ name: 'ListenerNotFoundException' });
    await lab.elb.deleteTargetGroup({ TargetGroupArn });
  });
});

test('tags are added, replaced, removed, and gone with their resource', async () => {
  const arn = await lab.targetGroup({ Tags: [{ Key: 'colour', Value: 'blue' }, { Key: 'team', Value: 'a' }] });
  await lab.elb.addTags({ ResourceArns: [arn], Tags: [{ Key: 'colour', Value: 'green' }] });
  await lab.elb.removeTags({ ResourceArns: [arn], TagKeys: ['team'] });
  const { TagDescriptions } = await lab.elb.describeTags({ ResourceArns: [arn] });
  expect(TagDescriptions).toEqual([{ ResourceArn: arn, Tags: [{ Key: 'colour', Value: 'green' }] }]);
  await lab.elb.deleteTargetGroup({ TargetGroupArn: arn });
  await expect(lab.elb.describeTags({ ResourceArns: [arn] })).rejects.toMatchObject({ name: 'TargetGroupNotFoundException' });
});
