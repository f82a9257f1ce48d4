/** What gRPC services stand on, made and removed: beside what is there, and when a run is cut off. */
import { readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type ChangeAction, ChangeResourceRecordSetsCommand, CreateHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53';
import { connectAws } from '../../src/aws/aws.ts';
import { runProgram } from '../../src/cli/program.ts';
import { UNCHANGED } from '../../src/errors.ts';
import { buildInfra, planInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { tellEnding } from '../../src/infra/own-certificate.ts';
import { observeInfra, ownCertificates } from '../../src/infra/observe-infra.ts';
import { previewInfra } from '../../src/infra/preview-infra.ts';
import { selfSigned } from '../../src/infra/self-signed.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { followStack } from '../../src/infra/stack-operation.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { withFolder } from '../folder.ts';
import { faultyEndpoint } from '../faulty-endpoint.ts';
import { destroyAll, type Project, REGION, withProject } from './project.ts';

const GRPC = { EXPOSE: 'internal', PROTOCOL: 'grpc' };
const switched = (session: InfraSession): InfraSession => ({ ...session, selfSigned: true });
const certificatesOf = async (session: InfraSession) => (await ownCertificates(session)).map(({ arn }) => arn);

test('is made once, and stays as it is with the switch and without it', () =>
  withProject(async ({ session, aws, ports, writes }) => {
    const { session: own, settings } = session(GRPC);
    const shown = await planInfra(switched(own));
    expect(shown[0]).toMatch(/^make a certificate for \*\.fleet\.internal/);
    await previewInfra(switched(own));
    expect(await certificatesOf(own)).toEqual([]);

    const built = await buildInfra(switched(own));
    expect(built).toMatchObject({ internalEndpoints: [`https://127.0.0.1:${ports[1]}`], authority: expect.stringMatching(/^-----BEGIN CERTIFICATE-----\n/), changed: true });
    const place = await describePlace(aws, settings, 'server');
    expect(place.neighbourhood).toEqual({ addresses: { server: `server.fleet.internal:${ports[1]}` }, authority: built.authority });
    expect((await aws.loadBalancing.targetGroups(Object.values(place.targetGroups))).map(({ protocol }) => protocol)).toEqual(['HTTP/GRPC', 'HTTP/GRPC']);
    const made = await certificatesOf(own);
    expect(made).toHaveLength(1);

    const before = await writes();
    for (const again of [switched(own), own]) expect(await buildInfra(again)).toEqual({ ...built, changed: false });
    expect(await writes()).toEqual(before);
    expect(await certificatesOf(own)).toEqual(made);
  }));

test('beside an internal HTTP service nothing that is there is touched, and what was made stays when no service speaks gRPC any more', () =>
  withProject(async ({ session, aws, ports }) => {
    const http = session({ SERVICES: 'store', EXPOSE: 'internal', SERVICE_NAME: 'store' });
    await buildInfra(http.session);
    const before = await aws.stacks.describe('fleet');
    const both = { SERVICES: 'store,server', EXPOSE: 'internal', SERVICE_NAME: 'store', SERVER_PROTOCOL: 'grpc' };
    expect(() => session(both)).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringContaining('INTERNAL_HTTPS_LISTENER_PORT') }));
    const joined = session({ ...both, INTERNAL_HTTPS_LISTENER_PORT: String(ports[0]) });
    const { stacks } = await previewInfra(switched(joined.session));
    expect(stacks[0]?.changes?.map(({ change, resource }) => `${change} ${resource}`).toSorted()).toEqual([
      'added InternalHttpsIngress', 'added InternalHttpsListener', 'added InternalZone',
    ]);
    // Would be asked for consent, were anything replaced or removed.
    const built = await buildInfra(switched(joined.session));
    expect(built.internalEndpoints).toEqual([`http://127.0.0.1:${ports[1]}`, `https://127.0.0.1:${ports[0]}`]);
    const after = await aws.stacks.describe('fleet');
    expect(after?.outputs['InternalListenerArn']).toBe(before?.outputs['InternalListenerArn']);
    const { addresses } = (await describePlace(aws, joined.settings, 'store')).neighbourhood ?? {};
    expect(addresses).toEqual({ store: `store.fleet.internal:${ports[1]}`, server: `server.fleet.internal:${ports[0]}` });

    const { session: without } = session({ SERVICES: 'store', EXPOSE: 'internal', SERVICE_NAME: 'store', INTERNAL_HTTPS_LISTENER_PORT: String(ports[0]) });
    expect((await buildInfra(without)).changed).toBe(false);
    expect((await aws.stacks.describe('fleet'))?.outputs).toEqual(after?.outputs);
  }));

test('beside a public HTTP service the security group of the load balancers is not changed', () =>
  withProject(async ({ session }) => {
    await buildInfra(session({ SERVICES: 'web', SERVICE_NAME: 'web' }).session);
    const { stacks } = await previewInfra(switched(session({ SERVICES: 'web,server', SERVICE_NAME: 'web', SERVER_PROTOCOL: 'grpc' }).session));
    expect(stacks[0]?.changes?.map(({ change, resource }) => `${change} ${resource}`).toSorted()).toEqual([
      'added InternalHttpsIngress', 'added InternalHttpsListener', 'added InternalLoadBalancer', 'added InternalZone',
    ]);
  }));

/** @returns whether the command failed at the call. */
async function cutOff({ sandbox }: Project, session: InfraSession, operation: string, fault: 'before' | 'after', command: (cut: InfraSession) => Promise<unknown>): Promise<boolean> {
  const endpoint = await faultyEndpoint(sandbox.url);
  try {
    endpoint.order(operation, fault === 'before' ? { error: 'AccessDenied' } : 'cut-after', { from: 1, repetitions: true });
    return await command({ ...session, aws: connectAws({ region: REGION, endpointUrl: endpoint.url }) }).then(() => false, () => true);
  } finally {
    await endpoint.close();
  }
}

test('a run that was cut off is completed with the certificate that it has made, and its end leaves none', () =>
  withProject(async (project) => {
    const { session: own } = project.session(GRPC);
    expect(await cutOff(project, switched(own), 'CreateStack', 'before', buildInfra)).toBe(true);
    const [made, ...others] = await certificatesOf(own);
    expect([made, others]).toEqual([expect.any(String), []]);
    await buildInfra(own);
    expect((await project.aws.stacks.describe('fleet'))?.parameters['InternalCertificateArn']).toBe(made);
    expect(await certificatesOf(own)).toEqual([made]);

    // One for the same names that somebody else made.
    const { certificate, privateKey, authority } = await selfSigned('fleet.internal', new Date());
    const theirs = await project.aws.certificates.import({ certificate, privateKey, chain: authority, tags: { 'ecs-canary:project': 'boat' } });
    expect(await cutOff(project, own, 'DeleteCertificate', 'before', destroyAll)).toBe(true);
    expect(await project.aws.stacks.all()).toEqual([]);
    expect(await certificatesOf(own)).toEqual([made]);
    // Whoever names it in the settings has made it theirs.
    expect(await destroyAll(project.session({ ...GRPC, CERTIFICATE_ARN: made ?? '' }).session)).toBe(false);
    expect(await destroyAll(own)).toBe(true);
    expect(await certificatesOf(own)).toEqual([]);
    expect(await destroyAll(own)).toBe(false);
    expect(await project.aws.certificates.authority(theirs)).toBe(authority);
  }));

test('behind a load balancer of others gRPC goes to its HTTPS listeners only, and nothing is made for names', () =>
  withProject(async ({ session, aws, ports }) => {
    const both = { SERVICES: 'store,server', EXPOSE: 'internal', SERVICE_NAME: 'store', SERVER_PROTOCOL: 'grpc', INTERNAL_HTTPS_LISTENER_PORT: String(ports[0]), PATH_PATTERN: '/fleet/*' };
    await buildInfra(switched(session(both).session));
    const outputs = (await aws.stacks.describe('fleet'))?.outputs ?? {};
    const [http = '', https = ''] = [outputs['InternalListenerArn'], outputs['InternalHttpsListenerArn']];
    const given = {
      PROJECT_NAME: 'boat', VPC_ID: outputs['VpcId'] ?? '', SUBNET_IDS: outputs['SubnetIds'] ?? '', SECURITY_GROUP_IDS: outputs['LoadBalancerSecurityGroupId'] ?? '',
      PROTOCOL: 'grpc', PATH_PATTERN: '/boat.Boat/*',
    };
    await expect(buildInfra(session({ ...given, LISTENER_ARNS: http }).session)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('no HTTPS listener') });
    const { session: boat, settings } = session({ ...given, LISTENER_ARNS: `${http},${https}` });
    await buildInfra(boat);
    const rules = (await aws.loadBalancing.rules([http, https])).filter(({ conditions }) => conditions.some(({ values }) => values.includes('/boat.Boat/*')));
    expect(rules.map(({ listenerArn }) => listenerArn)).toEqual([https]);
    expect((await describePlace(aws, settings, 'server')).neighbourhood).toBeUndefined();
    expect(await certificatesOf(boat)).toEqual([]);
  }));

test('an import whose answer is lost leaves certificates, of which one is used and all are removed', () =>
  withProject(async (project) => {
    const { session: own } = project.session(GRPC);
    expect(await cutOff(project, switched(own), 'ImportCertificate', 'after', buildInfra)).toBe(true);
    const made = await certificatesOf(own);
    expect(made.length).toBeGreaterThan(0);
    await buildInfra(switched(own));
    expect(await certificatesOf(own)).toEqual(made);
    expect((await buildInfra(switched(own))).changed).toBe(false);
    await destroyAll(own);
    expect(await certificatesOf(own)).toEqual([]);
  }));

test('a certificate that ends within 60 days is told, with what to do, and is not replaced', () =>
  withProject(async ({ session }) => {
    const { session: own } = session(GRPC);
    await buildInfra(switched(own));
    const state = await observeInfra(own);
    const end = state.certificate?.notAfter?.getTime() ?? 0;
    const told = (daysBefore: number) => {
      const events: ProgressEvent[] = [];
      tellEnding(state, { settings: own.settings, progress: (event) => events.push(event) }, end - daysBefore * 86_400_000);
      return events;
    };
    expect(told(61)).toEqual([]);
    const day = new Date(end).toISOString().slice(0, 10);
    expect(told(59)).toEqual([{ type: 'warning', text: expect.stringMatching(new RegExp(`certificate of the internal load balancer ends on ${day}.*aws acm import-certificate --certificate-arn arn:`)) }]);
    expect(told(-1)).toEqual([{ type: 'warning', text: expect.stringContaining(`ended on ${day}`) }]);
  }));

test('the program: --ca-file gets what a caller has to trust, and no key; --json has the internal endpoint; another certificate needs --yes', () =>
  withProject(async ({ variables, ports, aws, writes }) => {
    await withFolder({}, async (folder) => {
      const file = join(folder, 'ca.pem');
      const run = async (args: readonly string[], more: Record<string, string> = GRPC) => {
        const [stdout, stderr] = [new PassThrough(), new PassThrough()];
        const [said, complained]: [string[], string[]] = [[], []];
        stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()));
        stderr.on('data', (chunk: Buffer) => complained.push(chunk.toString()));
        const env = { ...process.env, ...variables({ POLL_INTERVAL: '0.1s', ...more }) };
        const code = await runProgram(['build-infra', ...args], { stdin: new PassThrough(), stdout, stderr, env }, '0');
        return { code, stdout: said.join(''), stderr: complained.join('') };
      };
      const calls = async () => (await aws.stacks.all()).length + (await writes()).length;
      for (const [place, why] of [[folder, 'is a folder'], [join(folder, 'none', 'ca.pem'), 'there is no ']] as const) {
        expect(await run(['--self-signed', '--ca-file', place])).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
      }
      expect(await calls()).toBe(0);
      const first = await run(['--self-signed', '--ca-file', file, '--json']);
      expect({ ...first, stdout: JSON.parse(first.stdout) }).toMatchObject({ code: 0, stdout: { internalEndpoint: `https://127.0.0.1:${ports[1]}`, publicEndpoint: null } });
      const written = await readFile(file, 'utf8');
      expect(written.trim()).toBe((await aws.stacks.describe('fleet'))?.outputs['CertificateAuthority']);
      expect((await stat(file)).mode & 0o777).toBe(0o644 & ~process.umask());
      await symlink(join(folder, 'none', 'ca.pem'), join(folder, 'nowhere.pem'));
      const unwritten = await run(['--ca-file', join(folder, 'nowhere.pem')]);
      expect(unwritten).toMatchObject({ code: 1, stderr: expect.stringContaining("--ca-file can't be written") });
      expect(unwritten.stderr).toContain(UNCHANGED);
      const other = await run(['--ca-file', file], { PROJECT_NAME: 'boat', LISTENER_PORT: String(ports[0]) });
      expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('not one of --self-signed') });
      expect(other.stderr).not.toContain(UNCHANGED);
      const { certificate, privateKey, authority } = await selfSigned('fleet.internal', new Date());
      const CERTIFICATE_ARN = await aws.certificates.import({ certificate, privateKey, chain: authority, tags: { owner: 'somebody' } });
      const exchanged = await run([], { ...GRPC, CERTIFICATE_ARN });
      expect(exchanged).toMatchObject({ code: 2, stderr: expect.stringMatching(/gets another certificate than[^]*must be released anew[^]*needs --yes/) });
      expect(exchanged.stderr).not.toContain('replaces or removes resources');
      expect(await run(['--yes'], { ...GRPC, CERTIFICATE_ARN })).toMatchObject({ code: 0, stderr: expect.stringContaining('must be released anew') });
    });
  }));

test('another certificate for a listener that is there needs consent, which a look at the changes tells', () =>
  withProject(async ({ session, aws, writes }) => {
    const { session: own } = session(GRPC);
    await buildInfra(switched(own));
    const used = async () => (await aws.stacks.describe('fleet'))?.parameters['InternalCertificateArn'];
    const before = await used();
    const { certificate, privateKey, authority } = await selfSigned('fleet.internal', new Date());
    const theirs = await aws.certificates.import({ certificate, privateKey, chain: authority, tags: { owner: 'somebody' } });
    const { session: other } = session({ ...GRPC, CERTIFICATE_ARN: theirs });
    const told = expect.stringMatching(new RegExp(`gets another certificate than ${before}: clients that run trust the authority of the one before.*released anew`));
    expect((await previewInfra(other)).stacks).toEqual([expect.objectContaining({ stack: 'fleet', note: told })]);
    expect(await planInfra(other)).toEqual([told]);
    await expect(buildInfra(other)).rejects.toMatchObject({ exitCode: 2, message: told, next: 'ecs-canary build-infra --yes' });
    const no = new Error('no');
    await expect(buildInfra(other, () => Promise.reject(no))).rejects.toBe(no);
    expect([await used(), (await writes()).at(-1)]).toEqual([before, 'cloudformation:DeleteChangeSet']);
    const asked: unknown[] = [];
    const agree = (updates: readonly unknown[]) => { asked.push(...updates); return Promise.resolve(); };
    await buildInfra(other, agree);
    expect([await used(), asked]).toEqual([theirs, [expect.objectContaining({ stack: 'fleet', exchange: told })]]);
    // Back again: the one to come may still have to be made, and it is asked once.
    await aws.certificates.remove(before ?? '');
    asked.length = 0;
    await buildInfra(switched(own), agree);
    expect(asked).toHaveLength(1);
    expect(await used()).not.toBe(theirs);
  }));

test('an internal listener that takes the certificate of the public one is told, before it is there', () =>
  withProject(async ({ session, aws, ports }) => {
    const { certificate, privateKey, authority } = await selfSigned('fleet.internal', new Date());
    const CERTIFICATE_ARN = await aws.certificates.import({ certificate, privateKey, chain: authority, tags: { owner: 'somebody' } });
    const both = { SERVICES: 'client,server', SERVICE_NAME: 'client', SERVER_PROTOCOL: 'grpc', CERTIFICATE_ARN, HTTPS_LISTENER_PORT: String(await freePort()) };
    const warning = { type: 'warning', text: 'The internal listener takes CERTIFICATE_ARN: it has to be for the names *.fleet.internal; else: ecs-canary build-infra --self-signed' };
    const told = async (run: (own: InfraSession) => Promise<unknown>, variables: Record<string, string> = both) => {
      const { session: own, events } = session(variables);
      await run(own);
      return events.filter(({ type }) => type === 'warning');
    };
    expect(await told((own) => planInfra(switched(own)))).toEqual([]);
    expect(await told(planInfra)).toEqual([warning]);
    expect(await told(buildInfra, { ...both, SERVICES: 'client' })).toEqual([]);
    expect(await told(buildInfra)).toEqual([warning]);
    expect(await told(buildInfra)).toEqual([]);
    // Nothing else can be meant by it.
    expect(await told(planInfra, { ...GRPC, PROJECT_NAME: 'boat', CERTIFICATE_ARN, INTERNAL_LISTENER_PORT: String(ports[0]) })).toEqual([]);
  }));

test('stacks of others that use the zone are named before anything is destroyed, and their records are said to be in its way', () =>
  withProject(async ({ session, aws, sandbox, writes }) => {
    const { session: own } = session(GRPC);
    await buildInfra(switched(own));
    const zone = (await aws.stacks.describe('fleet'))?.outputs['InternalZoneId'] ?? '';
    const template = ['Parameters:', '  Zone: { Type: String }', 'Resources:', '  Name:', '    Type: AWS::Route53::RecordSet',
      "    Properties: { HostedZoneId: !Ref Zone, Name: theirs.fleet.internal, Type: A, TTL: '60', ResourceRecords: [192.0.2.1] }", ''].join('\n');
    const theirs = { verb: 'made', usersAre: '', next: '', operation: 'theirs' } as const;
    const stack = await aws.stacks.create({ name: 'annex', template, parameters: { Zone: zone }, tags: {}, protect: undefined }, theirs.operation);
    await followStack({ ...theirs, stack }, own, own.wait());
    const before = await writes();
    await expect(destroyAll(own)).rejects.toMatchObject({ code: 'not-ours', message: expect.stringContaining('stack annex') });
    expect(await writes()).toEqual(before);
    await aws.stacks.delete(stack, 'gone');
    await followStack({ ...theirs, stack, operation: 'gone', verb: 'deleted' }, own, own.wait());

    const client = new Route53Client({ region: REGION, endpoint: sandbox.url });
    const record = (Action: ChangeAction) => client.send(new ChangeResourceRecordSetsCommand({
      HostedZoneId: zone,
      ChangeBatch: { Changes: [{ Action, ResourceRecordSet: { Name: 'theirs.fleet.internal', Type: 'A', TTL: 60, ResourceRecords: [{ Value: '192.0.2.1' }] } }] },
    }));
    await record('CREATE');
    await expect(destroyAll(own)).rejects.toMatchObject({ code: 'stack-failed', next: 'remove the records of others in zone fleet.internal, then: ecs-canary destroy-infra' });
    await record('DELETE');
    expect(await destroyAll(own)).toBe(true);
    client.destroy();
    expect(await aws.stacks.all()).toEqual([]);
  }));

test('a VPC that has a zone of that name already: what to do is said, since trying again helps nobody', () =>
  withProject(async ({ session, sandbox }) => {
    const VPC_ID = 'vpc-0a1b2c3d';
    const client = new Route53Client({ region: REGION, endpoint: sandbox.url });
    await client.send(new CreateHostedZoneCommand({ Name: 'fleet.internal', CallerReference: 'theirs', VPC: { VPCId: VPC_ID, VPCRegion: REGION } }));
    client.destroy();
    const { session: own } = session({ ...GRPC, VPC_ID, SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b' });
    await expect(buildInfra(switched(own))).rejects.toMatchObject({
      code: 'stack-failed', message: expect.stringContaining('InternalZone'), next: expect.stringMatching(/^choose another PROJECT_NAME, or remove that zone from the VPC/),
    });
  }));
