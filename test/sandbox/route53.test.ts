/** Route 53 as its own client sees it. */
import { InvalidChangeBatch, Route53, type Change, type ResourceRecordSet } from '@aws-sdk/client-route-53';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { clientOf, newFolder } from './running.ts';

const VPC = { VPCId: 'vpc-0123456789abcdef0', VPCRegion: 'eu-central-1' } as const;
const ALIAS = { HostedZoneId: 'Z35SXDOTRQ7X7K', DNSName: '127.0.0.1', EvaluateTargetHealth: false };

let dir: string;
let sandbox: Sandbox;
let route53: Route53;

async function begin(): Promise<void> {
  sandbox = await startSandbox({ dir, speed: 400 });
  route53 = new Route53(clientOf(sandbox, 'us-east-1'));
}
beforeEach(async () => {
  dir = newFolder();
  await begin();
});
afterEach(() => sandbox.stop());

async function privateZone(Name = 'echo.internal'): Promise<string> {
  const { HostedZone } = await route53.createHostedZone({ Name, VPC, CallerReference: Name });
  return HostedZone?.Id ?? '';
}

const set = (Name: string, Value: string, Type: ResourceRecordSet['Type'] = 'A'): ResourceRecordSet => ({ Name, Type, TTL: 60, ResourceRecords: [{ Value }] });
const change = (HostedZoneId: string, ...Changes: Change[]) => route53.changeResourceRecordSets({ HostedZoneId, ChangeBatch: { Changes } });

async function listed(HostedZoneId: string): Promise<string[]> {
  const { ResourceRecordSets = [] } = await route53.listResourceRecordSets({ HostedZoneId });
  return ResourceRecordSets.map(({ Name, Type, AliasTarget, ResourceRecords = [] }) => [Name, Type, AliasTarget?.DNSName ?? ResourceRecords[0]?.Value].join(' '));
}

test('a private zone is made with its own records, found again after a restart, and deleted', async () => {
  const made = await route53.createHostedZone({ Name: 'Echo.internal', VPC, CallerReference: '1', HostedZoneConfig: { Comment: 'names & <more>' } });
  expect(made).toMatchObject({
    HostedZone: {
      Id: expect.stringMatching(/^\/hostedzone\/Z[0-9A-Z]+$/), Name: 'echo.internal.', CallerReference: '1', ResourceRecordSetCount: 2,
      Config: { Comment: 'names & <more>', PrivateZone: true },
    },
    ChangeInfo: { Id: expect.stringMatching(/^\/change\/C/), SubmittedAt: expect.any(Date) },
    VPC,
    Location: expect.stringMatching(/^https:\/\/route53\.amazonaws\.com\/2013-04-01\/hostedzone\/Z/),
  });
  expect(made.$metadata.httpStatusCode).toBe(201);
  const Id = made.HostedZone?.Id ?? '';

  await sandbox.stop();
  await begin();
  await expect(route53.getHostedZone({ Id })).resolves.toMatchObject({ HostedZone: made.HostedZone, VPCs: [VPC] });
  expect(await listed(Id)).toEqual(['echo.internal. NS ns-1536.awsdns-00.co.uk.', expect.stringContaining('echo.internal. SOA ')]);
  await route53.deleteHostedZone({ Id });
  await expect(route53.getHostedZone({ Id })).rejects.toMatchObject({ name: 'NoSuchHostedZone', $metadata: { httpStatusCode: 404 } });
});

test('records are changed in batches, as a whole or not at all', async () => {
  const zone = await privateZone();
  const alias: ResourceRecordSet = { Name: 'server.echo.internal', Type: 'A', AliasTarget: ALIAS };
  await change(zone, { Action: 'CREATE', ResourceRecordSet: alias }, { Action: 'UPSERT', ResourceRecordSet: set('a.echo.internal', '10.0.0.1') });
  const before = await listed(zone);
  expect(before.slice(2)).toEqual(['a.echo.internal. A 10.0.0.1', 'server.echo.internal. A 127.0.0.1.']);

  const refused = change(zone, { Action: 'CREATE', ResourceRecordSet: set('b.echo.internal', '10.0.0.2') }, { Action: 'CREATE', ResourceRecordSet: alias });
  await expect(refused).rejects.toThrow("[Tried to create resource record set [name='server.echo.internal.', type='A'] but it already exists]");
  await expect(refused).rejects.toBeInstanceOf(InvalidChangeBatch);
  expect(await listed(zone)).toEqual(before);
  await expect(route53.deleteHostedZone({ Id: zone })).rejects.toMatchObject({ name: 'HostedZoneNotEmpty' });
});
