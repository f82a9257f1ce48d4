/** Hosted zones and records as resources of a stack. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import { type ResourceRecordSet, Route53 } from '@aws-sdk/client-route-53';
import { useLab } from './cloudformation-lab.ts';
import { clientOf, newFolder } from './running.ts';

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

const plain = (Name: string, value: string) => ({ Name, Type: 'A', TTL: '60', ResourceRecords: [value] });

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

test('records change in place, and are made anew where their name or zone changes', async () => {
  const two = { Name: ALIAS, Other: plain('a.echo.internal', '10.0.0.1') };
  await lab.create('names', template({ records: two }));
  const zone = await lab.physicalId('names', 'Zone');
  await lab.update('names', template({ vpcs: ['vpc-0b', 'vpc-0c'], records: { ...two, Other: plain('a.echo.internal', '10.0.0.2') } }));
  expect(await records()).toEqual(['a.echo.internal. 10.0.0.2', 'server.echo.internal. 127.0.0.1.']);
  const changed = await route53().getHostedZone({ Id: zone });
  expect([changed.HostedZone?.Config?.Comment, changed.VPCs?.map(({ VPCId }) => VPCId)]).toEqual(['for 2', ['vpc-0b', 'vpc-0c']]);

  await lab.update('names', template({ records: { Other: { ...plain('b.echo.internal', 'a.example.com'), Type: 'CNAME' } } }));
  expect(await records()).toEqual(['b.echo.internal. a.example.com']);
  expect(await lab.physicalId('names', 'Zone')).toBe(zone);
  await lab.update('names', template({ records: { Other: plain('b.echo.internal', '10.0.0.4') } }));
  expect(await records()).toEqual(['b.echo.internal. 10.0.0.4']);

  await lab.update('names', template({ zone: 'new.internal', records: { Other: plain('b.new.internal', '10.0.0.5') } }));
  const renewed = await lab.physicalId('names', 'Zone');
  expect(renewed).not.toBe(zone);
  expect((await route53().listHostedZones({})).HostedZones?.map(({ Id }) => Id)).toEqual([`/hostedzone/${renewed}`]);
  expect(await records()).toEqual(['b.new.internal. 10.0.0.5']);
});

test('a record that is there already, and a zone that has others\' records, fail the stack with Route 53\'s reason', async () => {
  const { StackId = '' } = await lab.create('names', template({}));
  const HostedZoneId = await lab.physicalId('names', 'Zone');
  const mine: ResourceRecordSet = { Name: 'a.echo.internal', Type: 'A', TTL: 60, ResourceRecords: [{ Value: '10.0.0.9' }] };
  await route53().changeResourceRecordSets({ HostedZoneId, ChangeBatch: { Changes: [{ Action: 'CREATE', ResourceRecordSet: mine }] } });
  expect((await lab.update('names', template({ records: { Other: plain('a.echo.internal', '10.0.0.1') } }))).StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');
  expect(await lab.history('names')).toContainEqual(expect.stringMatching(/^Other CREATE_FAILED .*\[name='a\.echo\.internal\.', type='A'\] but it already exists/));

  await lab.client.send(new DeleteStackCommand({ StackName: 'names' }));
  expect((await lab.settled(StackId)).StackStatus).toBe('DELETE_FAILED');
  expect(await lab.history('names')).toContainEqual(expect.stringMatching(/^Zone DELETE_FAILED .*contains non-required resource record sets/));
  await route53().changeResourceRecordSets({ HostedZoneId, ChangeBatch: { Changes: [{ Action: 'DELETE', ResourceRecordSet: mine }] } });
  await lab.client.send(new DeleteStackCommand({ StackName: 'names' }));
  expect((await lab.settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
});

test('what somebody else has deleted counts as deleted, and a zone is found by its name', async () => {
  const { StackId = '' } = await lab.create('names', template({ records: { Name: { ...ALIAS, HostedZoneId: undefined, HostedZoneName: 'echo.internal.', Comment: { Ref: 'Zone' } } } }));
  const HostedZoneId = await lab.physicalId('names', 'Zone');
  const { ResourceRecordSets: [, , own] = [] } = await route53().listResourceRecordSets({ HostedZoneId });
  expect(own?.Name).toBe('server.echo.internal.');
  await route53().changeResourceRecordSets({ HostedZoneId, ChangeBatch: { Changes: [{ Action: 'DELETE', ResourceRecordSet: own }] } });
  await lab.client.send(new DeleteStackCommand({ StackName: 'names' }));
  expect((await lab.settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
});

describe('for a caller with policies', () => {
  const USUAL = ['cloudformation:*', 'elasticloadbalancing:*', 'ec2:*', 'iam:*', 'route53:GetHostedZone', 'route53:List*', 'route53:GetChange', 'route53:ChangeTagsForResource'];

  test.each([
    ['route53:CreateHostedZone', /^Zone CREATE_FAILED .*perform: route53:CreateHostedZone on resource: \* because/],
    ['route53:AssociateVPCWithHostedZone', /^Zone CREATE_FAILED .*perform: route53:AssociateVPCWithHostedZone on resource: arn:aws:route53:::hostedzone\/\* because/],
    ['route53:ChangeResourceRecordSets', /^Name CREATE_FAILED .*perform: route53:ChangeResourceRecordSets on resource: arn:aws:route53:::hostedzone\/Z[0-9A-F]+ because/],
  ])('%s is needed', async (action, reason) => {
    const needed = ['route53:CreateHostedZone', 'route53:AssociateVPCWithHostedZone', 'route53:ChangeResourceRecordSets', 'route53:DeleteHostedZone'];
    const file = join(newFolder(), 'policy.json');
    writeFileSync(file, JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Resource: '*', Action: [...USUAL, ...needed.filter((other) => other !== action)], Condition: { StringEquals: { 'aws:RequestedRegion': ['eu-central-1', 'us-east-1'] } } }],
    }));
    await lab.restart({ policies: [file] });
    expect((await lab.create('names', template({ records: { Name: ALIAS } }))).StackStatus).toBe('ROLLBACK_COMPLETE');
    expect(await lab.history('names')).toContainEqual(expect.stringMatching(reason));
  });

  test('the names, types and actions of records are conditions', async () => {
    const file = join(newFolder(), 'policy.json');
    const Condition = { 'ForAllValues:StringLike': { 'route53:ChangeResourceRecordSetsNormalizedRecordNames': '*.echo.internal', 'route53:ChangeResourceRecordSetsActions': ['CREATE', 'UPSERT'] } };
    writeFileSync(file, JSON.stringify({ Version: '2012-10-17', Statement: [
      { Effect: 'Allow', Resource: '*', NotAction: 'route53:ChangeResourceRecordSets' },
      { Effect: 'Allow', Resource: '*', Action: 'route53:ChangeResourceRecordSets', Condition },
    ] }));
    await lab.restart({ policies: [file] });
    expect((await lab.create('names', template({ records: { Other: plain('A.echo.internal.', '10.0.0.1') } }))).StackStatus).toBe('CREATE_COMPLETE');
    expect((await lab.update('names', template({ records: { Other: plain('echo.internal', '10.0.0.1') } }))).StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');

    const HostedZoneId = await lab.physicalId('names', 'Zone');
    const change = (Action: 'UPSERT' | 'DELETE', Name: string) =>
      route53().changeResourceRecordSets({ HostedZoneId, ChangeBatch: { Changes: [{ Action, ResourceRecordSet: { Name, Type: 'A', TTL: 60, ResourceRecords: [{ Value: '10.0.0.1' }] } }] } });
    await change('UPSERT', 'b.Echo.internal.');
    await expect(change('DELETE', 'b.echo.internal')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(change('UPSERT', 'echo.internal')).rejects.toMatchObject({ name: 'AccessDenied', message: expect.stringContaining(`hostedzone/${HostedZoneId}`) });
  });
});
