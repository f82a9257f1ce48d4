/** Hosted zones and records as resources of a stack. */
import { DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import { Route53 } from '@aws-sdk/client-route-53';
import { useLab } from './cloudformation-lab.ts';
import { clientOf } from './running.ts';

const lab = useLab();
const route53 = () => new Route53(clientOf(lab.sandbox, 'us-east-1'));

interface Shape {
  readonly zone?: string;
  readonly vpcs?: readonly string[];
  readonly records?: Readonly<Record<string, object>>;
}

/** A zone of two networks, with records behind it. */
function template({ zone = 'echo.internal', vpcs = ['vpc-0a'], records = {} }: Shape): string {
  const ofZone = Object.entries(records).map(([id, properties]) => [id, { Type: 'AWS::Route53::RecordSet', Properties: { HostedZoneId: { Ref: 'Zone' }, ...properties } }]);
  return JSON.stringify({
    Resources: {
      Balancer: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: { Scheme: 'internal', Subnets: ['subnet-1', 'subnet-2'] } },
      Zone: {
        Type: 'AWS::Route53::HostedZone',
        Properties: {
          Name: zone,
          HostedZoneConfig: { Comment: `for ${vpcs.length}` },
          VPCs: vpcs.map((VPCId) => ({ VPCId, VPCRegion: { Ref: 'AWS::Region' } })),
          HostedZoneTags: [{ Key: 'own', Value: 'yes' }],
        },
      },
      ...Object.fromEntries(ofZone),
    },
    Outputs: { Zone: { Value: { Ref: 'Zone' } }, ZoneId: { Value: { 'Fn::GetAtt': ['Zone', 'Id'] } } },
  });
}

const ALIAS = {
  Name: 'server.echo.internal',
  Type: 'A',
  AliasTarget: { DNSName: { 'Fn::GetAtt': ['Balancer', 'DNSName'] }, HostedZoneId: { 'Fn::GetAtt': ['Balancer', 'CanonicalHostedZoneID'] }, EvaluateTargetHealth: false },
};

async function records(): Promise<string[]> {
  const zone = await lab.physicalId('names', 'Zone');
  const { ResourceRecordSets = [] } = await route53().listResourceRecordSets({ HostedZoneId: zone });
  return ResourceRecordSets.slice(2).map(({ Name, AliasTarget, ResourceRecords }) => `${Name} ${AliasTarget?.DNSName ?? ResourceRecords?.[0]?.Value}`);
}

test('a stack makes a private zone and a name for its load balancer, and takes both away', async () => {
  const { StackId = '', StackStatus, Outputs = [] } = await lab.create('names', template({ records: { Name: ALIAS } }), { Tags: [{ Key: 'project', Value: 'echo' }] });
  expect(StackStatus).toBe('CREATE_COMPLETE');
  const [id] = Outputs.map(({ OutputValue }) => OutputValue ?? '');
  expect(id).toMatch(/^Z/);
  expect(Outputs[1]?.OutputValue).toBe(id);
  expect(await lab.physicalId('names', 'Name')).toBe('server.echo.internal');
  expect(await records()).toEqual(['server.echo.internal. 127.0.0.1.']);
  const { ResourceTagSet } = await route53().listTagsForResource({ ResourceType: 'hostedzone', ResourceId: id });
  expect(ResourceTagSet?.Tags).toEqual(expect.arrayContaining([{ Key: 'project', Value: 'echo' }, { Key: 'own', Value: 'yes' }]));

  await lab.client.send(new DeleteStackCommand({ StackName: 'names' }));
  expect((await lab.settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
  await expect(route53().getHostedZoneCount({})).resolves.toMatchObject({ HostedZoneCount: 0 });
});
