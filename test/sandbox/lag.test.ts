/** Reads that lag behind writes: what they may see and for how long, and that nothing but reads does. */
import { ACM } from '@aws-sdk/client-acm';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { ECR } from '@aws-sdk/client-ecr';
import { ECS } from '@aws-sdk/client-ecs';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { makeLag } from '../../src/sandbox/api/lag.ts';
import { randomBy } from '../../src/sandbox/random.ts';
import { CERTIFICATE } from './certificates.ts';
import { clientOf, start } from './running.ts';

/** A lag of 2 s of a clock that takes hours for them: no test outlives it. */
const ENDLESS = { lagMs: 2_000, speed: 0.0001 };
/** A lag that is over before the next call can be made. */
const SHORT = { lagMs: 1, speed: 1_000 };

const about = (operation: string, service = 'ssm', region = 'eu-central-1') => ({ service, region, operation });

describe('what a read may see', () => {
  /** A region with one parameter, whose value is written at chosen times; `sees` says which values reads get. */
  async function world(seed?: number) {
    const sandbox = await start();
    const region = await sandbox.region('eu-central-1');
    let now = 0;
    const clock = { now: () => new Date(0), awsNow: () => now, after: () => () => undefined, real: (ms: number) => ms };
    const lag = makeLag({ lagMs: 2_000, clock, random: randomBy(seed) });
    const valueIn = ({ state }: typeof region) => state.ssm.parameters['/p']?.versions.length ?? 0;
    return {
      pass: (ms: number) => void (now += ms),
      write: async (Value: string) => {
        lag(about('PutParameter'), region);
        await region.call('ssm', 'PutParameter', { Name: '/p', Value, Type: 'String', Overwrite: true });
      },
      read: () => valueIn(lag(about('GetParameter'), region)),
      sees: (reads = 200) => new Set(Array.from({ length: reads }, () => valueIn(lag(about('GetParameter'), region)))),
    };
  }

  test('right after a write all reads are older; then ever fewer; after the lag none', async () => {
    const { write, pass, read, sees } = await world();
    await write('1');
    expect(sees()).toEqual(new Set([0]));
    pass(1_000);
    const half = Array.from({ length: 1_000 }, read).filter((seen) => seen === 0).length;
    // By chance: 6 standard deviations of 1,000 coins.
    expect(Math.abs(half - 500)).toBeLessThan(95);
    pass(1_000);
    expect(sees()).toEqual(new Set([1]));
  });

  test('of several writes a read sees any state within the lag, never one that is older', async () => {
    const { write, pass, sees } = await world();
    await write('1');
    pass(1_500);
    await write('2');
    pass(400);
    expect(sees()).toEqual(new Set([0, 1, 2]));
    pass(200);
    expect(sees()).toEqual(new Set([1, 2]));
    pass(1_500);
    expect(sees()).toEqual(new Set([2]));
  });

  test('a seed makes it repeatable', async () => {
    const runs = [];
    for (const seed of [7, 7, 8]) {
      const { write, pass, read } = await world(seed);
      await write('1');
      pass(1_000);
      runs.push(Array.from({ length: 30 }, read).join(''));
    }
    expect(runs[0]).toBe(runs[1]);
    expect(runs[0]).not.toBe(runs[2]);
  });
});

describe('over the wire', () => {
  test('reads that were never asked before lag too, of each service by itself; writes see what is', async () => {
    const sandbox = await start(ENDLESS);
    const settings = clientOf(sandbox);
    const ssm = new SSM(settings);
    const ecs = new ECS(settings);
    const elb = new ElasticLoadBalancingV2(settings);
    const ecr = new ECR(settings);
    const acm = new ACM(settings);
    const cloudFormation = new CloudFormation(settings);
    await ssm.putParameter({ Name: '/p', Value: '1', Type: 'String' });
    await expect(ssm.getParameter({ Name: '/p' })).rejects.toMatchObject({ name: 'ParameterNotFound' });
    await expect(ssm.putParameter({ Name: '/p', Value: '2', Type: 'String' })).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });

    // Nothing was written to it, so there is nothing to lag behind.
    expect((await ecs.describeClusters({ clusters: ['a'] })).failures).toHaveLength(1);
    await ecs.createCluster({ clusterName: 'a' });
    expect((await ecs.describeClusters({ clusters: ['a'] })).failures).toMatchObject([{ reason: 'MISSING' }]);

    const { TargetGroups } = await elb.createTargetGroup({ Name: 'a', Protocol: 'HTTP', Port: 80, VpcId: 'vpc-0a', TargetType: 'ip' });
    await expect(elb.describeTargetGroups({ Names: ['a'] })).rejects.toMatchObject({ name: 'TargetGroupNotFoundException' });
    await elb.modifyTargetGroup({ TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn, HealthCheckPath: '/ping' });

    const { CertificateArn } = await acm.importCertificate({ Certificate: Buffer.from(CERTIFICATE.certificate), PrivateKey: Buffer.from(CERTIFICATE.privateKey) });
    await expect(acm.describeCertificate({ CertificateArn })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await acm.addTagsToCertificate({ CertificateArn, Tags: [{ Key: 'a' }] });

    await ecr.createRepository({ repositoryName: 'a/b' });
    await expect(ecr.describeRepositories({ repositoryNames: ['a/b'] })).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });

    // What is given out meanwhile is known to the registry, which does not lag.
    const { authorizationData } = await ecr.getAuthorizationToken({});
    const authorization = `Basic ${authorizationData?.[0]?.authorizationToken}`;
    expect((await fetch(`${sandbox.url}/v2/a/b/tags/list`, { headers: { authorization } })).status).toBe(200);

    const Resources = { P: { Type: 'AWS::SSM::Parameter', Properties: { Name: '/q', Type: 'String', Value: '1' } } };
    await cloudFormation.createStack({ StackName: 'a', TemplateBody: JSON.stringify({ Resources }) });
    await expect(cloudFormation.describeStacks({ StackName: 'a' })).rejects.toMatchObject({ name: 'ValidationError' });
  });

  test('with --speed the lag is that much shorter', async () => {
    const sandbox = await start(SHORT);
    const ssm = new SSM(clientOf(sandbox));
    for (const Value of ['1', '2', '3']) {
      await ssm.putParameter({ Name: '/p', Value, Type: 'String', Overwrite: true });
      expect((await ssm.getParameter({ Name: '/p' })).Parameter?.Value).toBe(Value);
    }
  });
});
