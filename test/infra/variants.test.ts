/** What build-infra makes of each setting for a real account, in the sandbox: resources, where tasks go, and a second run. */
import { connectAws } from '../../src/aws/aws.ts';
import { buildInfra, planInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { type Project, REGION, withProject } from './project.ts';

const CERTIFICATE = `arn:aws:acm:${REGION}:000000000000:certificate/0a1b2c3d-1234-5678-9abc-0123456789ab`;

/** How often the stack has each type of resource. */
async function resourcesOf({ sandbox }: Project, stack: string): Promise<Record<string, number>> {
  const region = await sandbox.region(REGION);
  const answer = await region.call('cloudformation', 'DescribeStackResources', { StackName: stack });
  const resources: unknown = 'StackResources' in answer ? answer.StackResources : undefined;
  const counts: Record<string, number> = {};
  for (const { ResourceType } of Array.isArray(resources) ? resources : []) counts[ResourceType] = (counts[ResourceType] ?? 0) + 1;
  return counts;
}

const NETWORK = { 'AWS::EC2::Subnet': 4, 'AWS::EC2::RouteTable': 3, 'AWS::EC2::SubnetRouteTableAssociation': 4 };

test.each([
  ['none', { 'AWS::EC2::Subnet': 2, 'AWS::EC2::RouteTable': 1, 'AWS::EC2::Route': 1, 'AWS::EC2::NatGateway': undefined, 'AWS::EC2::VPCEndpoint': undefined }, true],
  ['one', { ...NETWORK, 'AWS::EC2::Route': 3, 'AWS::EC2::NatGateway': 1, 'AWS::EC2::EIP': 1, 'AWS::EC2::VPCEndpoint': undefined }, false],
  ['per-zone', { ...NETWORK, 'AWS::EC2::Route': 3, 'AWS::EC2::NatGateway': 2, 'AWS::EC2::EIP': 2, 'AWS::EC2::VPCEndpoint': undefined }, false],
  ['endpoints', { ...NETWORK, 'AWS::EC2::Route': 1, 'AWS::EC2::NatGateway': undefined, 'AWS::EC2::VPCEndpoint': 4 }, false],
])('NAT=%s: its network is made, and tasks go there', (NAT, resources, assignPublicIp) =>
  withProject(async (project) => {
    const { session, settings } = project.session({ NAT });
    await buildInfra(session);
    const made = await resourcesOf(project, 'fleet');
    for (const [type, count] of Object.entries(resources)) expect([type, made[type]]).toEqual([type, count]);
    const { outputs = {} } = (await project.aws.stacks.describe('fleet')) ?? {};
    const place = await describePlace(project.aws, settings, 'server');
    expect(place.assignPublicIp).toBe(assignPublicIp);
    expect(place.subnets).toEqual((assignPublicIp ? outputs['SubnetIds'] : outputs['PrivateSubnetIds'])?.split(','));
    await changesNothing(project, { NAT });
  }));

test('with endpoints there is one more for what the secrets are in', () =>
  withProject(async (project) => {
    const SECRETS = `KEY=arn:aws:ssm:${REGION}:000000000000:parameter/fleet/key`;
    await buildInfra(project.session({ NAT: 'endpoints', SECRETS }).session);
    expect(await resourcesOf(project, 'fleet')).toMatchObject({ 'AWS::EC2::VPCEndpoint': 5 });
    const service = await project.aws.stacks.describe('fleet-server');
    expect(service?.parameters).toMatchObject({ SecretArns: '', SecretParameterArns: `arn:aws:ssm:${REGION}:000000000000:parameter/fleet/key` });
  }));

test('a secret that is not in the settings any more stays readable for as long as a version in ECS reads it', () =>
  withProject(async (project) => {
    const secret = `arn:aws:secretsmanager:${REGION}:000000000000:secret:db-AbCdEf`;
    const parameter = `arn:aws:ssm:${REGION}:000000000000:parameter/fleet/key`;
    const { session, settings } = project.session({ NAT: 'endpoints', SECRETS: `PASSWORD=${secret}:password::` });
    await buildInfra(session);
    const place = await describePlace(project.aws, settings, 'server');
    const { containers } = project.aws;
    const taskDefinition = await containers.registerTaskDefinition({
      family: 'fleet-server', networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'], cpu: '256', memory: '512', executionRoleArn: place.executionRoleArn,
      containerDefinitions: [{ name: 'server', image: 'none', portMappings: [{ containerPort: 8080 }], secrets: [{ name: 'PASSWORD', valueFrom: `${secret}:password::` }] }],
    });
    await containers.createService({
      cluster: 'fleet', name: 'server-blue', taskDefinition, desired: 0, targetGroupArn: place.targetGroups.blue, container: 'server', containerPort: 8080,
      gracePeriod: 0, tags: {}, subnets: place.subnets, securityGroups: place.securityGroups, assignPublicIp: false,
    });

    const next = { NAT: 'endpoints', SECRETS: `KEY=${parameter}` };
    const { session: changed, events } = project.session(next);
    await buildInfra(changed);
    const granted = async () => (await project.aws.stacks.describe('fleet-server'))?.parameters;
    expect(await granted()).toMatchObject({ SecretArns: secret, SecretParameterArns: parameter });
    expect((await project.aws.stacks.describe('fleet'))?.parameters).toMatchObject({ SecretsManagerEndpoint: 'true', ParameterStoreEndpoint: 'true' });
    expect(events).toContainEqual({ type: 'warning', text: expect.stringContaining(`SECRETS of server no longer has ${secret}.`) });

    await containers.deleteService('fleet', 'server-blue');
    await buildInfra(project.session(next).session, () => Promise.resolve());
    expect(await granted()).toMatchObject({ SecretArns: '', SecretParameterArns: parameter });
    await changesNothing(project, next);
  }));

test('private subnets stay when NAT is none again, and tasks go where NAT says', () =>
  withProject(async (project) => {
    await buildInfra(project.session({ NAT: 'one' }).session);
    const before = await project.aws.stacks.describe('fleet');
    // Before build-infra too: so that both versions can leave the private subnets before their way out is removed.
    const { settings } = project.session();
    const place = await describePlace(project.aws, settings, 'server');
    expect(place).toMatchObject({ assignPublicIp: true, subnets: before?.outputs['SubnetIds']?.split(',') });
    // The gateway is removed, with consent.
    await buildInfra(project.session().session, () => Promise.resolve());
    expect(await resourcesOf(project, 'fleet')).toMatchObject(NETWORK);
    expect(await resourcesOf(project, 'fleet')).not.toHaveProperty('AWS::EC2::NatGateway');
    await changesNothing(project);
  }));

test('a network that is not built yet stops nothing: tasks go where they went before', () =>
  withProject(async (project) => {
    await buildInfra(project.session().session);
    const { settings } = project.session({ NAT: 'one' });
    expect(await describePlace(project.aws, settings, 'server')).toMatchObject({ assignPublicIp: true });
  }));

test('with a certificate there is an HTTPS listener, and HTTP is redirected there', () =>
  withProject(async (project) => {
    const variables = { CERTIFICATE_ARN: CERTIFICATE, HTTPS_LISTENER_PORT: '8444' };
    await buildInfra(project.session().session);
    const before = await project.aws.stacks.describe('fleet');
    const built = await buildInfra(project.session(variables).session);
    expect(built.publicEndpoint).toBe('https://127.0.0.1:8444');
    const base = await project.aws.stacks.describe('fleet');
    expect(base?.outputs['PublicListenerArn']).toBe(before?.outputs['PublicListenerArn']);
    const region = await project.sandbox.region(REGION);
    const ListenerArns = [base?.outputs['PublicListenerArn'], base?.outputs['PublicHttpsListenerArn']];
    const answer = await region.call('elasticloadbalancing', 'DescribeListeners', { ListenerArns });
    expect(answer).toMatchObject({
      Listeners: [
        { Protocol: 'HTTP', DefaultActions: [{ Type: 'redirect', RedirectConfig: { Protocol: 'HTTPS', Port: '8444', StatusCode: 'HTTP_301' } }] },
        { Protocol: 'HTTPS', Port: 8_444, Certificates: [{ CertificateArn: CERTIFICATE }], DefaultActions: [{ Type: 'fixed-response' }] },
      ],
    });
    // Rules stand on that listener: without the setting it stays as it is.
    await changesNothing(project, { HTTPS_LISTENER_PORT: '8444' });
  }));

test('into a VPC and a cluster that are there already', () =>
  withProject(async (project) => {
    const region = await project.sandbox.region(REGION);
    await region.call('ecs', 'CreateCluster', { clusterName: 'harbour' });
    const variables = { VPC_ID: 'vpc-0a1b2c3d', SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b', CLUSTER: 'harbour' };
    const { session, settings } = project.session(variables);
    const built = await buildInfra(session);
    expect((await fetch(built.publicEndpoint ?? '')).status).toBe(503);
    expect(await resourcesOf(project, 'fleet')).toEqual({
      'AWS::EC2::SecurityGroup': 1, 'AWS::ElasticLoadBalancingV2::LoadBalancer': 1, 'AWS::ElasticLoadBalancingV2::Listener': 1,
    });
    expect(await describePlace(project.aws, settings, 'server')).toMatchObject({
      cluster: 'harbour', subnets: ['subnet-0a1b2c3d', 'subnet-4e5f6a7b'], assignPublicIp: true,
    });
    await changesNothing(project, variables);
    await expect(planInfra(project.session().session)).rejects.toMatchObject({
      code: 'infra-moved', message: expect.stringContaining('made with VPC_ID=vpc-0a1b2c3d'),
    });
  }));

test('a cluster that is to be used and does not exist, or not any more, is told before anything is made', () =>
  withProject(async (project) => {
    const variables = { VPC_ID: 'vpc-0a1b2c3d', SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b', CLUSTER: 'harbour' };
    const missing = { code: 'no-cluster', message: expect.stringMatching(/^CLUSTER is harbour, and there is no such ECS cluster/) };
    await expect(buildInfra(project.session(variables).session)).rejects.toMatchObject(missing);
    const region = await project.sandbox.region(REGION);
    await region.call('ecs', 'CreateCluster', { clusterName: 'harbour' });
    await region.call('ecs', 'DeleteCluster', { cluster: 'harbour' });
    await expect(planInfra(project.session(variables).session)).rejects.toMatchObject(missing);
    expect(await project.writes()).toEqual([]);
  }));

test('into everything that is there already: the base is not made, and only what is missing of a service', () =>
  withProject(async (project) => {
    // Somebody else's load balancer and pair.
    const theirs = { PROJECT_NAME: 'harbour', SERVICE_NAME: 'quay' };
    await buildInfra(project.session({ ...theirs, PATH_PATTERN: '/quay' }).session);
    const base = await project.aws.stacks.describe('harbour');
    const pair = (await project.aws.stacks.describe('harbour-quay'))?.outputs ?? {};
    const variables = {
      VPC_ID: base?.outputs['VpcId'] ?? '',
      SUBNET_IDS: base?.outputs['SubnetIds'] ?? '',
      CLUSTER: 'harbour',
      LISTENER_ARNS: base?.outputs['PublicListenerArn'] ?? '',
      SECURITY_GROUP_IDS: 'sg-0a1b2c3d',
      BLUE_TARGET_GROUP_ARN: pair['BlueTargetGroupArn'] ?? '',
      GREEN_TARGET_GROUP_ARN: pair['GreenTargetGroupArn'] ?? '',
      NAT: 'one',
    };
    const { session, settings } = project.session(variables);
    expect(await planInfra(session)).toEqual(['create stack fleet-server', 'create the listener rule of server for path-pattern /*, weights 100/0']);
    expect(await buildInfra(session)).toMatchObject({ changed: true, publicEndpoint: undefined });
    expect(await project.aws.stacks.describe('fleet')).toBeUndefined();
    expect(await resourcesOf(project, 'fleet-server')).toEqual({ 'AWS::ECR::Repository': 1, 'AWS::IAM::Role': 2, 'AWS::Logs::LogGroup': 1 });
    expect(await describePlace(project.aws, settings, 'server')).toMatchObject({
      cluster: 'harbour',
      subnets: variables.SUBNET_IDS.split(','),
      assignPublicIp: false,
      securityGroups: ['sg-0a1b2c3d'],
      targetGroups: { blue: variables.BLUE_TARGET_GROUP_ARN, green: variables.GREEN_TARGET_GROUP_ARN },
    });
    await changesNothing(project, variables);
  }));

test("a service's group admits the load balancers' group only, and a service that was built before keeps the shared one until then", () =>
  withProject(async (project) => {
    const { session, settings } = project.session();
    await buildInfra(session);
    const { outputs = {} } = (await project.aws.stacks.describe('fleet')) ?? {};
    const service = await project.aws.stacks.describe('fleet-server');
    expect(service?.parameters['LoadBalancerSecurityGroupId']).toBe(outputs['LoadBalancerSecurityGroupId']);
    expect((await describePlace(project.aws, settings, 'server')).securityGroups).toEqual([service?.outputs['TaskSecurityGroupId']]);
    const { stacks } = connectAws({ region: REGION, endpointUrl: project.sandbox.url });
    const asBuiltBefore = {
      stacks: {
        ...stacks,
        async describe(name: string) {
          const stack = await stacks.describe(name);
          const group = name === 'fleet' ? { TaskSecurityGroupId: 'sg-shared' } : { TaskSecurityGroupId: undefined };
          return stack && { ...stack, outputs: JSON.parse(JSON.stringify({ ...stack.outputs, ...group })) };
        },
      },
    };
    expect((await describePlace(asBuiltBefore, settings, 'server')).securityGroups).toEqual(['sg-shared']);
  }));

/** A second run, which writes nothing. */
async function changesNothing(project: Project, variables: Record<string, string> = {}): Promise<void> {
  const before = await project.writes();
  expect((await buildInfra(project.session(variables).session)).changed).toBe(false);
  expect(await project.writes()).toEqual(before);
}
