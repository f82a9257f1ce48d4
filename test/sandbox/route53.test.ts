/** Route 53 as its own client sees it. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Change, type HostedZone, InvalidChangeBatch, type ResourceRecordSet, Route53 } from '@aws-sdk/client-route-53';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { clientOf, newFolder, signatureFor } from './running.ts';

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


describe('zones', () => {
  test('have a caller reference and, in one VPC, a name of their own', async () => {
    const [first, other] = [VPC, { ...VPC, VPCId: 'vpc-0b' }];
    const zone = await privateZone();
    const create = (more: object) => route53.createHostedZone({ Name: 'echo.internal', CallerReference: 'new', ...more });
    await expect(create({ CallerReference: 'echo.internal' })).rejects.toMatchObject({ name: 'HostedZoneAlreadyExists', $metadata: { httpStatusCode: 409 } });
    await expect(create({ VPC: first })).rejects.toMatchObject({
      name: 'ConflictingDomainExists',
      message: `The VPC ${VPC.VPCId} in region eu-central-1 has already been associated with the hosted zone ${bare(zone)} with the same domain name.`,
    });
    await expect(create({ VPC: { VPCId: 'nonsense', VPCRegion: 'eu-central-1' } })).rejects.toMatchObject({ name: 'InvalidVPCId' });
    await expect(create({ Name: 'echo..internal' })).rejects.toMatchObject({ name: 'InvalidDomainName' });
    await expect(create({ HostedZoneConfig: { PrivateZone: true } })).rejects.toMatchObject({ name: 'InvalidInput' });
    await create({ VPC: other });
    await expect(route53.associateVPCWithHostedZone({ HostedZoneId: zone, VPC: other })).rejects.toMatchObject({ name: 'ConflictingDomainExists' });
  });

  test('that are public have name servers and no VPC', async () => {
    const { HostedZone, DelegationSet, VPC: none } = await route53.createHostedZone({ Name: 'example.com.', CallerReference: '1' });
    expect([HostedZone?.Config?.PrivateZone, DelegationSet?.NameServers?.length, none]).toEqual([false, 4, undefined]);
    const got = await route53.getHostedZone({ Id: HostedZone?.Id });
    expect([got.DelegationSet, got.VPCs]).toEqual([DelegationSet, undefined]);
    await expect(route53.associateVPCWithHostedZone({ HostedZoneId: HostedZone?.Id, VPC })).rejects.toMatchObject({ name: 'PublicZoneVPCAssociation' });
  });

  test('are associated with further networks, never with none', async () => {
    const HostedZoneId = await privateZone();
    const other = { ...VPC, VPCId: 'vpc-0b' };
    await expect(route53.disassociateVPCFromHostedZone({ HostedZoneId, VPC })).rejects.toMatchObject({ name: 'LastVPCAssociation' });
    await expect(route53.disassociateVPCFromHostedZone({ HostedZoneId, VPC: other })).rejects.toMatchObject({ name: 'VPCAssociationNotFound', $metadata: { httpStatusCode: 404 } });
    await expect(route53.associateVPCWithHostedZone({ HostedZoneId, VPC: other, Comment: 'more' })).resolves.toMatchObject({ ChangeInfo: { Comment: 'more' } });
    await route53.disassociateVPCFromHostedZone({ HostedZoneId, VPC });
    expect((await route53.getHostedZone({ Id: HostedZoneId })).VPCs).toEqual([other]);
    const byVpc = async ({ VPCId }: typeof VPC | typeof other) => (await route53.listHostedZonesByVPC({ VPCId, VPCRegion: 'eu-central-1' })).HostedZoneSummaries;
    expect(await byVpc(VPC)).toEqual([]);
    expect(await byVpc(other)).toEqual([{ HostedZoneId: bare(HostedZoneId), Name: 'echo.internal.', Owner: { OwningAccount: '000000000000' } }]);
  });

  test('are listed page by page, as they were made and by name', async () => {
    for (const name of ['z.a.internal', 'b.internal', 'a.internal', 'a.a.internal']) await privateZone(name);
    await route53.createHostedZone({ Name: 'example.com', CallerReference: '1' });
    await expect(route53.getHostedZoneCount({})).resolves.toMatchObject({ HostedZoneCount: 5 });

    const pages: (string | undefined)[][] = [];
    for (let Marker: string | undefined, more = true; more;) {
      const { HostedZones = [], IsTruncated = false, NextMarker, MaxItems } = await route53.listHostedZones({ MaxItems: 2, Marker });
      expect([MaxItems, NextMarker !== undefined]).toEqual([2, IsTruncated]);
      pages.push(HostedZones.map(({ Name }) => Name));
      [Marker, more] = [NextMarker, IsTruncated];
    }
    expect(pages).toEqual([['z.a.internal.', 'b.internal.'], ['a.internal.', 'a.a.internal.'], ['example.com.']]);
    expect((await route53.listHostedZones({ HostedZoneType: 'PrivateHostedZone' })).HostedZones).toHaveLength(4);

    const names = ({ HostedZones = [] }: { HostedZones: HostedZone[] | undefined }) => HostedZones.map(({ Name }) => Name);
    expect(names(await route53.listHostedZonesByName({}))).toEqual(['example.com.', 'a.internal.', 'a.a.internal.', 'z.a.internal.', 'b.internal.']);
    const page = await route53.listHostedZonesByName({ DNSName: 'a.a.internal', MaxItems: 1 });
    expect([names(page), page.DNSName, page.IsTruncated, page.NextDNSName]).toEqual([['a.a.internal.'], 'a.a.internal', true, 'z.a.internal.']);
    const next = await route53.listHostedZonesByName({ DNSName: page.NextDNSName, HostedZoneId: page.NextHostedZoneId });
    expect(names(next)).toEqual(['z.a.internal.', 'b.internal.']);
  });

  test('keep a comment and tags', async () => {
    const Id = await privateZone();
    await expect(route53.updateHostedZoneComment({ Id, Comment: 'new' })).resolves.toMatchObject({ HostedZone: { Config: { Comment: 'new', PrivateZone: true } } });
    const resource = { ResourceType: 'hostedzone', ResourceId: bare(Id) } as const;
    await route53.changeTagsForResource({ ...resource, AddTags: [{ Key: 'a', Value: '1' }, { Key: 'b', Value: '2' }] });
    await route53.changeTagsForResource({ ...resource, AddTags: [{ Key: 'b', Value: '3' }], RemoveTagKeys: ['a'] });
    expect((await route53.listTagsForResource(resource)).ResourceTagSet).toEqual({ ...resource, Tags: [{ Key: 'b', Value: '3' }] });
    await expect(route53.listTagsForResource({ ...resource, ResourceId: 'ZNOBODY' })).rejects.toMatchObject({ name: 'NoSuchHostedZone' });
    await expect(route53.changeTagsForResource(resource)).rejects.toMatchObject({ name: 'InvalidInput' });
  });

  test('are the same in every region', async () => {
    const Id = await privateZone();
    await expect(new Route53(clientOf(sandbox, 'eu-west-1')).getHostedZone({ Id })).resolves.toMatchObject({ HostedZone: { Name: 'echo.internal.' } });
  });
});

test('a change is pending until all name servers have it', async () => {
  await sandbox.stop();
  sandbox = await startSandbox({ dir, speed: 20 });
  route53 = new Route53(clientOf(sandbox, 'us-east-1'));
  const { ChangeInfo } = await change(await privateZone(), { Action: 'CREATE', ResourceRecordSet: set('a.echo.internal', '10.0.0.1') });
  expect(ChangeInfo?.Status).toBe('PENDING');
  const status = async () => (await route53.getChange({ Id: ChangeInfo?.Id })).ChangeInfo?.Status;
  while ((await status()) === 'PENDING') await new Promise((later) => setTimeout(later, 50));
  expect(await status()).toBe('INSYNC');
  await expect(route53.getChange({ Id: 'CNOBODY' })).rejects.toMatchObject({ name: 'NoSuchChange', $metadata: { httpStatusCode: 404 } });
});

describe('records', () => {
  const alias: ResourceRecordSet = { Name: 'server.echo.internal', Type: 'A', AliasTarget: ALIAS };
  const create = (ResourceRecordSet: ResourceRecordSet): Change => ({ Action: 'CREATE', ResourceRecordSet });
  const remove = (ResourceRecordSet: ResourceRecordSet): Change => ({ Action: 'DELETE', ResourceRecordSet });

  test('are changed in batches, as a whole or not at all', async () => {
    const zone = await privateZone();
    await change(zone, create(alias), { Action: 'UPSERT', ResourceRecordSet: set('A.echo.internal', '10.0.0.1') });
    const before = await listed(zone);
    expect(before.slice(2)).toEqual(['a.echo.internal. A 10.0.0.1', 'server.echo.internal. A 127.0.0.1.']);

    const refused = change(zone, create(set('b.echo.internal', '10.0.0.2')), create(alias), remove(set('c.echo.internal', '1.2.3.4')));
    await expect(refused).rejects.toThrow(
      "[Tried to create resource record set [name='server.echo.internal.', type='A'] but it already exists, " +
        "Tried to delete resource record set [name='c.echo.internal.', type='A'] but it was not found]",
    );
    await expect(refused).rejects.toBeInstanceOf(InvalidChangeBatch);
    expect(await listed(zone)).toEqual(before);
    await expect(route53.deleteHostedZone({ Id: zone })).rejects.toMatchObject({ name: 'HostedZoneNotEmpty' });

    await change(zone, remove(alias), create(set('server.echo.internal', 'a.echo.internal', 'CNAME')), remove(set('a.echo.internal', '10.0.0.1')));
    expect((await listed(zone)).slice(2)).toEqual(['server.echo.internal. CNAME a.echo.internal']);
    await expect(route53.getHostedZone({ Id: zone })).resolves.toMatchObject({ HostedZone: { ResourceRecordSetCount: 3 } });
  });

  test.each<[string, RegExp, ...Change[]]>([
    ['outside the zone', /RRSet with DNS name a\.example\.com\. is not permitted in zone echo\.internal\./, create(set('a.example.com', '10.0.0.1'))],
    ['an address that is none', /Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address .*'10\.0\.0''/, create(set('a.echo.internal', '10.0.0'))],
    ['a CNAME of the zone itself', /CNAME with DNS name echo\.internal\. is not permitted at apex/, create(set('echo.internal', 'a', 'CNAME'))],
    ['a CNAME beside others', /is not permitted as it conflicts with other records/, create(set('known.echo.internal', 'a', 'CNAME'))],
    ['others beside a CNAME', /because a conflicting RRSet of type CNAME with the same DNS name already exists/, create(set('alias.echo.internal', 'a', 'TXT'))],
    ['one twice', /invalid set of changes for a resource record set 'A a\.echo\.internal\.'/, ...[1, 2].map((n): Change => ({ Action: 'UPSERT', ResourceRecordSet: set('a.echo.internal', `10.0.0.${n}`) }))],
    ['other values than it has', /but the values provided do not match the current values/, remove(set('known.echo.internal', '10.0.0.2'))],
    ['an alias to nowhere', /Tried to create an alias that targets none\.echo\.internal\., type A in zone Z[0-9A-F]+, but that target was not found/, create({ Name: 'b.echo.internal', Type: 'A', AliasTarget: { ...ALIAS, HostedZoneId: 'self', DNSName: 'none.echo.internal' } })],
    ['an alias to a stranger', /alias target name does not lie within the target zone/, create({ Name: 'b.echo.internal', Type: 'A', AliasTarget: { ...ALIAS, HostedZoneId: 'Z2', DNSName: 'example.com' } })],
  ])('%s: refused', async (_, message, ...changes) => {
    const zone = await privateZone();
    await change(zone, create(set('known.echo.internal', '10.0.0.1')), create(set('alias.echo.internal', 'known.echo.internal', 'CNAME')));
    const before = await listed(zone);
    for (const { ResourceRecordSet } of changes) {
      if (ResourceRecordSet?.AliasTarget?.HostedZoneId === 'self') ResourceRecordSet.AliasTarget.HostedZoneId = bare(zone);
    }
    await expect(change(zone, ...changes)).rejects.toMatchObject({ name: 'InvalidChangeBatch', message: expect.stringMatching(message) });
    expect(await listed(zone)).toEqual(before);
  });

  test('of the zone itself stay', async () => {
    const zone = await privateZone();
    const { ResourceRecordSets: own = [] } = await route53.listResourceRecordSets({ HostedZoneId: zone });
    await expect(change(zone, ...own.map(remove))).rejects.toThrow(
      '[A HostedZone must contain exactly one SOA record., A HostedZone must contain at least one NS record for the zone itself.]',
    );
  });

  test('that are neither one thing nor another are invalid', async () => {
    const zone = await privateZone();
    const invalid = (message: string) => ({ name: 'InvalidInput', message: expect.stringContaining(message) });
    await expect(change(zone, create({ Name: 'a.echo.internal', Type: 'A' }))).rejects.toMatchObject(invalid('but found none in Change with [Action=CREATE, Name=a.echo.internal, Type=A, SetIdentifier=null]'));
    await expect(change(zone, create({ ...set('a.echo.internal', '10.0.0.1'), AliasTarget: ALIAS }))).rejects.toMatchObject(invalid('but found more than one'));
    await expect(change(zone, create({ ...alias, SetIdentifier: 'one', Weight: 1 }))).rejects.toMatchObject(invalid('simple records only'));
    await expect(change(zone)).rejects.toMatchObject({ name: 'InvalidInput' });
  });

  test('are listed by name from the last label on, page by page, also after a restart', async () => {
    const zone = await privateZone();
    await change(zone, ...['b.a', 'c', 'a', 'a.b'].map((name) => create(set(`${name}.echo.internal`, '10.0.0.1'))), create(set('a.echo.internal', '"text & <more>"', 'TXT')));
    await sandbox.stop();
    await begin();
    const sorted = ['a.echo.internal. A 10.0.0.1', 'a.echo.internal. TXT "text & <more>"', 'b.a.echo.internal. A 10.0.0.1', 'a.b.echo.internal. A 10.0.0.1', 'c.echo.internal. A 10.0.0.1'];
    expect((await listed(zone)).slice(2)).toEqual(sorted);
    const first = await route53.listResourceRecordSets({ HostedZoneId: zone, MaxItems: 3 });
    expect(first).toMatchObject({ IsTruncated: true, NextRecordName: 'a.echo.internal.', NextRecordType: 'TXT', MaxItems: 3 });
    const { ResourceRecordSets = [], IsTruncated } = await route53.listResourceRecordSets({ HostedZoneId: zone, StartRecordName: first.NextRecordName, StartRecordType: first.NextRecordType });
    expect([ResourceRecordSets.map(({ Name, Type }) => `${Name} ${Type}`), IsTruncated]).toEqual([sorted.slice(1).map((line) => line.split(' ').slice(0, 2).join(' ')), false]);
    await expect(route53.listResourceRecordSets({ HostedZoneId: zone, StartRecordType: 'A' })).rejects.toMatchObject({ name: 'InvalidInput' });
  });
});

test.each<[string, RegExp, Change]>([
  ['an action that is none', /at 'Action' failed/, Object.assign({ Action: 'CREATE', ResourceRecordSet: set('a.echo.internal', '10.0.0.1') } as const, { Action: 'FOO' })],
  ['a type that is none', /at 'Type' failed/, { Action: 'CREATE', ResourceRecordSet: Object.assign(set('a.echo.internal', '10.0.0.1'), { Type: 'BOGUS' }) }],
  ['a TTL below zero', /'TTL'/, { Action: 'CREATE', ResourceRecordSet: { ...set('a.echo.internal', '10.0.0.1'), TTL: -5 } }],
  ['a TTL that is no number', /'TTL'/, { Action: 'CREATE', ResourceRecordSet: { ...set('a.echo.internal', '10.0.0.1'), TTL: Number.NaN } }],
])('%s is refused', async (_what, message, wrong) => {
  const id = await privateZone();
  await expect(change(id, wrong)).rejects.toMatchObject({ name: 'InvalidInput', message: expect.stringMatching(message) });
  expect(await listed(id)).toHaveLength(2);
});

test.each<[string, ResourceRecordSet]>([
  ['no domain name', set('a..b c.echo.internal', '10.0.0.1')],
  ['more than one value', { ...set('a.echo.internal', 'b.echo.internal', 'CNAME'), ResourceRecords: [{ Value: 'b.echo.internal' }, { Value: 'c.echo.internal' }] }],
  ['Duplicate Resource Record', { ...set('a.echo.internal', '10.0.0.1'), ResourceRecords: [{ Value: '10.0.0.1' }, { Value: '10.0.0.1' }] }],
])('a record with %s is refused', async (what, ResourceRecordSet) => {
  const id = await privateZone();
  const words = new RegExp(what.replace('no domain name', 'not a valid domain name'));
  await expect(change(id, { Action: 'CREATE', ResourceRecordSet })).rejects.toMatchObject({ name: 'InvalidChangeBatch', message: expect.stringMatching(words) });
});

describe('on the wire', () => {
  const ask = (path: string, init: RequestInit = {}) => fetch(`${sandbox.url}${path}`, { ...init, headers: { authorization: signatureFor('route53', 'us-east-1') } });

  test('answers are XML of the service\'s namespace, with or without a slash at the end', async () => {
    const zone = await privateZone();
    await change(zone, { Action: 'CREATE', ResourceRecordSet: { Name: 'server.echo.internal', Type: 'A', AliasTarget: ALIAS } });
    const answer = await ask('/2013-04-01/hostedzone');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/xml']);
    expect(await answer.text()).toMatch(/^<\?xml version="1\.0"\?>\n<ListHostedZonesResponse xmlns="https:\/\/route53\.amazonaws\.com\/doc\/2013-04-01\/"><HostedZones><HostedZone><Id>\/hostedzone\/Z/);
    const records = await (await ask(`/2013-04-01/hostedzone/${bare(zone)}/rrset/`)).text();
    expect(records).toContain('<Name>server.echo.internal.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z35SXDOTRQ7X7K</HostedZoneId><DNSName>127.0.0.1.</DNSName>');
  });

  test.each([
    ['an unknown zone', 'GET', '/2013-04-01/hostedzone/ZNOBODY', '', 404, '<Error><Type>Sender</Type><Code>NoSuchHostedZone</Code><Message>No hosted zone found with ID: ZNOBODY</Message></Error>'],
    ['an operation that is not there', 'GET', '/2013-04-01/nothing', '', 404, '<Code>UnknownOperationException</Code>'],
    ['what is no XML', 'POST', '/2013-04-01/hostedzone', '<CreateHostedZoneRequest><Name>', 400, '<Code>InvalidInput</Code>'],
    ['a request without its members', 'POST', '/2013-04-01/hostedzone', '<CreateHostedZoneRequest/>', 400, "Value null at 'name' failed to satisfy constraint"],
    ['a path that is none', 'GET', '/2013-04-01/hostedzone/%zz', '', 400, '<Code>InvalidInput</Code>'],
    ['a number that is none', 'GET', '/2013-04-01/hostedzone?maxitems=many', '', 400, '<Code>InvalidInput</Code>'],
  ])('%s is refused', async (_, method, path, body, status, text) => {
    const answer = await ask(path, { method, ...(body !== '' && { body }) });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(text);
  });

  test('who does not sign is refused', async () => {
    const answer = await fetch(`${sandbox.url}/2013-04-01/hostedzone`);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('<Code>MissingAuthenticationToken</Code>')]);
  });

  test('faults find calls by operation and by what stands in them, and the log names them', async () => {
    const zone = await privateZone();
    await sandbox.faults.order({ operation: 'ChangeResourceRecordSets', about: 'b.echo.internal', fault: { error: 'PriorRequestNotComplete' } });
    await change(zone, { Action: 'CREATE', ResourceRecordSet: set('a.echo.internal', '10.0.0.1') });
    const second = () => change(zone, { Action: 'CREATE', ResourceRecordSet: set('b.echo.internal', '10.0.0.1') });
    await expect(second()).rejects.toMatchObject({ name: 'PriorRequestNotComplete' });
    await second();
    await sandbox.faults.order({ operation: 'GetHostedZone', about: bare(zone), fault: { error: 'InvalidInput' } });
    await expect(route53.getHostedZone({ Id: zone })).rejects.toMatchObject({ name: 'InvalidInput' });
    const log = readFileSync(join(dir, 'requests.ndjson'), 'utf8').trim().split('\n').map((line): unknown => JSON.parse(line));
    expect(log.slice(-3)).toMatchObject([
      { service: 'route53', operation: 'ChangeResourceRecordSets', write: true, status: 400, code: 'PriorRequestNotComplete' },
      { service: 'route53', operation: 'ChangeResourceRecordSets', write: true, status: 200, code: null },
      { service: 'route53', operation: 'GetHostedZone', write: false, status: 400, code: 'InvalidInput' },
    ]);
  });
});

const bare = (id: string) => id.replace('/hostedzone/', '');

/** The AWS CLI, as a second opinion on the protocol; not every machine has it. */
const cli = spawnSync('aws', ['--version']).status === 0;
(cli ? test : test.skip)('the AWS CLI understands the answers, and is understood', async () => {
  const env = { ...process.env, AWS_ENDPOINT_URL: sandbox.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_DEFAULT_REGION: 'eu-central-1', AWS_PAGER: '', AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' };
  const aws = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await promisify(execFile)('aws', ['route53', ...args, '--output', 'json'], { env });
    return JSON.parse(stdout);
  };
  const made = await aws('create-hosted-zone', '--name', 'echo.internal', '--vpc', `VPCRegion=${VPC.VPCRegion},VPCId=${VPC.VPCId}`, '--caller-reference', '1');
  expect(made).toMatchObject({ HostedZone: { Name: 'echo.internal.', Config: { PrivateZone: true } }, VPC, ChangeInfo: { Status: 'PENDING' } });
  const { HostedZones: [zone] = [] } = await route53.listHostedZones({});
  const batch = { Changes: [{ Action: 'CREATE', ResourceRecordSet: { Name: 'server.echo.internal', Type: 'A', AliasTarget: ALIAS } }] };
  const changes = ['change-resource-record-sets', '--hosted-zone-id', zone?.Id ?? '', '--change-batch', JSON.stringify(batch)];
  await aws(...changes);
  await expect(aws(...changes)).rejects.toMatchObject({
    stderr: expect.stringContaining("(InvalidChangeBatch) when calling the ChangeResourceRecordSets operation: [Tried to create resource record set [name='server.echo.internal.', type='A'] but it already exists]"),
  });
  expect(await aws('list-resource-record-sets', '--hosted-zone-id', zone?.Id ?? '', '--query', 'ResourceRecordSets[].[Name, Type, AliasTarget.DNSName, TTL]')).toEqual([
    ['echo.internal.', 'NS', null, 172_800], ['echo.internal.', 'SOA', null, 900], ['server.echo.internal.', 'A', '127.0.0.1.', null],
  ]);
  expect(await aws('list-hosted-zones-by-name', '--dns-name', 'echo.internal', '--query', 'HostedZones[].Name')).toEqual(['echo.internal.']);
}, 120_000);
