/** Names of private hosted zones in tasks that are processes. */
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CloudFormation, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import { type Change, Route53, type RRType } from '@aws-sdk/client-route-53';
import { nodeOptions } from '../../src/sandbox/dataplane/task-names.ts';
import { type EcsLab, openEcsLab } from './ecs-lab.ts';
import { clientOf, newFolder, start } from './running.ts';

const ALIAS = { HostedZoneId: 'Z35SXDOTRQ7X7K', DNSName: '127.0.0.1', EvaluateTargetHealth: false };
const GRPC = createRequire(import.meta.url).resolve('@grpc/grpc-js');

const record = (Name: string, Type: RRType, ...values: string[]): Change =>
  ({ Action: 'UPSERT', ResourceRecordSet: { Name, Type, TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) } });
const alias = (Name: string): Change => ({ Action: 'UPSERT', ResourceRecordSet: { Name, Type: 'A', AliasTarget: ALIAS } });

async function zone(route53: Route53, Name: string, vpcId: string, ...Changes: Change[]): Promise<(...more: Change[]) => Promise<unknown>> {
  const { HostedZone } = await route53.createHostedZone({ Name, CallerReference: Name + vpcId, VPC: { VPCId: vpcId, VPCRegion: 'eu-central-1' } });
  const change = (...more: Change[]) => route53.changeResourceRecordSets({ HostedZoneId: HostedZone?.Id, ChangeBatch: { Changes: more } });
  if (Changes.length > 0) await change(...Changes);
  return change;
}

describe('a Node program', () => {
  /** A folder whose path NODE_OPTIONS has to quote. */
  let dir: string;
  let route53: Route53;
  let change: (...more: Change[]) => Promise<unknown>;
  beforeEach(async () => {
    dir = join(newFolder(), 'my "own" folder');
    route53 = new Route53(clientOf(await start({ dir }), 'us-east-1'));
    await zone(route53, 'other.internal', 'vpc-0b', alias('server.other.internal'));
    await zone(route53, 'echo.internal', 'vpc-0b', alias('b.echo.internal'));
    change = await zone(
      route53, 'echo.internal', 'vpc-0a', alias('server.echo.internal'), record('both.echo.internal', 'A', '10.0.0.1', '10.0.0.2'),
      record('both.echo.internal', 'AAAA', 'fd00::1'), record('www.echo.internal', 'CNAME', 'server.echo.internal'),
      record('*.any.echo.internal', 'A', '10.0.0.9'), record('out.echo.internal', 'CNAME', 'localhost'),
    );
  });

  /** What a program prints that is such a task's, as JSON. */
  async function printed(script: string, { own = '', vpcId, module = false }: { own?: string; vpcId?: string; module?: boolean } = {}): Promise<unknown> {
    const file = join(newFolder(), module ? 'task.mjs' : 'task.cjs');
    writeFileSync(file, script);
    const env = { PATH: process.env['PATH'], GRPC, NODE_OPTIONS: nodeOptions(own, { vpcId }, dir) };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: 25_000 });
    return JSON.parse(stdout);
  }
  const print = `const print = (value) => console.log(JSON.stringify(value)), said = (call) => call.then((value) => value, ({ code }) => code);`;

  test('finds names by every way that Node has', async () => {
    const found = await printed(`${print}
      const dns = require('node:dns'), { promisify } = require('node:util');
      const called = (name, options) => new Promise((done) => dns.lookup(name, options, (error, ...rest) => done(error ? error.code : rest)));
      Promise.all([
        called('server.echo.internal', {}), called('Server.Echo.Internal.', 4), called('server.echo.internal', { family: 6 }),
        called('both.echo.internal', { all: true }), new Promise((done) => dns.lookup('www.echo.internal', (...all) => done(all))),
        promisify(dns.lookup)('server.echo.internal'), said(dns.promises.lookup('x.any.echo.internal')), said(dns.promises.resolve4('both.echo.internal')),
        said(dns.promises.resolve6('server.echo.internal')), said(new dns.promises.Resolver().resolve4('www.echo.internal')),
        said(promisify(dns.resolve4)('nobody.echo.internal')), said(dns.promises.lookup('nobody.echo.internal')), said(dns.promises.lookup('out.echo.internal', 4)),
      ]).then(print);`);
    const here = { address: '127.0.0.1', family: 4 };
    expect(found).toEqual([
      ['127.0.0.1', 4], ['127.0.0.1', 4], 'ENOTFOUND',
      [[{ address: '10.0.0.1', family: 4 }, { address: '10.0.0.2', family: 4 }, { address: 'fd00::1', family: 6 }]], [null, '127.0.0.1', 4],
      here, { address: '10.0.0.9', family: 4 }, ['10.0.0.1', '10.0.0.2'],
      'ENODATA', ['127.0.0.1'],
      'ENOTFOUND', 'ENOTFOUND', here,
    ]);
  });

  test('that is a module, and has options of its own, finds them all the same, and other names as ever', async () => {
    const script = `import { lookup as call } from 'node:dns';
      import { lookup } from 'node:dns/promises';
      const called = await new Promise((done) => call('server.echo.internal', (error, address) => done(address)));
      console.log(JSON.stringify([process.noDeprecation, called, (await lookup('server.echo.internal')).address, (await lookup('localhost', 4)).address, (await lookup('10.1.2.3')).address]));`;
    expect(await printed(script, { own: '--no-deprecation', module: true })).toEqual([true, '127.0.0.1', '127.0.0.1', '127.0.0.1', '10.1.2.3']);
  });

  test('asks the zone whose name is the longest, and no other', async () => {
    const script = `${print} const { lookup } = require('node:dns').promises;
      Promise.all(['x.deep.echo.internal', 'y.deep.echo.internal'].map((name) => said(lookup(name)).then((found) => found.address ?? found))).then(print);`;
    await change(record('x.deep.echo.internal', 'A', '10.0.0.1'), record('y.deep.echo.internal', 'A', '10.0.0.1'));
    expect(await printed(script)).toEqual(['10.0.0.1', '10.0.0.1']);
    await zone(route53, 'deep.echo.internal', 'vpc-0a', record('x.deep.echo.internal', 'A', '10.0.0.2'));
    expect(await printed(script)).toEqual(['10.0.0.2', 'ENOTFOUND']);
  });

  test('connects by them: TCP, HTTP/1.1, HTTP/2, gRPC', async () => {
    const connected = await printed(`${print}
      const http2 = require('node:http2'), http = require('node:http'), net = require('node:net'), grpc = require(process.env.GRPC);
      const name = 'server.echo.internal', text = { serialize: Buffer.from, deserialize: String };
      const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
      (async () => {
        const h1 = await listening(http.createServer((request, response) => response.end(request.headers.host.split(':')[0])));
        const h2 = await listening(http2.createServer((request, response) => response.end('h2')));
        const socket = net.connect(h1, name);
        await new Promise((done, failed) => socket.once('connect', done).once('error', failed));
        const fetched = await (await fetch('http://' + name + ':' + h1)).text();
        const stream = http2.connect('http://' + name + ':' + h2).request({ ':path': '/' });
        const [chunk] = await stream.toArray();
        const server = new grpc.Server();
        const say = { path: '/a/b', requestStream: false, responseStream: false, requestSerialize: text.serialize, requestDeserialize: text.deserialize, responseSerialize: text.serialize, responseDeserialize: text.deserialize };
        server.addService({ say }, { say: (call, callback) => callback(null, 'heard ' + call.request) });
        const port = await new Promise((done, failed) => server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? failed(error) : done(bound))));
        const client = new grpc.Client(name + ':' + port, grpc.credentials.createInsecure());
        const heard = await new Promise((done) => client.makeUnaryRequest('/a/b', text.serialize, text.deserialize, 'hello', (error, value) => done(error ? error.message : value)));
        print([socket.remoteAddress, fetched, String(chunk), heard]);
        process.exit();
      })();`);
    expect(connected).toEqual(['127.0.0.1', 'server.echo.internal', 'h2', 'heard hello']);
  });

  test('finds those of its own VPC only, where it is known', async () => {
    const script = `${print} const { lookup } = require('node:dns').promises;
      Promise.all(['server.echo.internal', 'b.echo.internal', 'server.other.internal'].map((name) => said(lookup(name)).then((found) => found.address ?? 'none'))).then(print);`;
    expect(await printed(script)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    const [own, others] = [await printed(script, { vpcId: 'vpc-0a' }), await printed(script, { vpcId: 'vpc-0b' })];
    expect([own, others]).toEqual([['127.0.0.1', 'none', 'none'], ['none', '127.0.0.1', '127.0.0.1']]);
  }, 60_000);

  test('that runs sees a change at its next look-up', async () => {
    const first = join(dir, 'first');
    const script = `${print} const { lookup } = require('node:dns').promises, { setTimeout: later } = require('node:timers/promises');
      (async () => {
        for (;;) {
          const { address } = await lookup('both.echo.internal');
          require('node:fs').writeFileSync(${JSON.stringify(first)}, address, { flag: 'a' });
          if (address !== '10.0.0.1') return print(address);
          await later(20);
        }
      })();`;
    const seen = printed(script);
    while (!existsSync(first)) await Promise.race([seen, later(20)]);
    await change(record('both.echo.internal', 'A', '10.0.0.3'));
    expect(await seen).toBe('10.0.0.3');
  });
});

describe('a task', () => {
  let lab: EcsLab;
  beforeAll(async () => {
    lab = await openEcsLab();
  });
  afterAll(() => lab.end());

  test('finds the names of its VPC, which is that of its subnet', async () => {
    const cloudFormation = new CloudFormation(clientOf(lab.sandbox));
    const Resources = {
      Vpc: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } },
      Subnet: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: { Ref: 'Vpc' }, CidrBlock: '10.0.0.0/24' } },
    };
    await cloudFormation.createStack({ StackName: 'net', TemplateBody: JSON.stringify({ Resources }) });
    await waitUntilStackCreateComplete({ client: cloudFormation, minDelay: 1, maxDelay: 1, maxWaitTime: 20 }, { StackName: 'net' });
    const { StackResources = [] } = await cloudFormation.describeStackResources({ StackName: 'net' });
    const [subnet = '', vpc = ''] = ['Subnet', 'Vpc'].map((id) => StackResources.find(({ LogicalResourceId }) => LogicalResourceId === id)?.PhysicalResourceId);
    const route53 = new Route53(clientOf(lab.sandbox, 'us-east-1'));
    await zone(route53, 'echo.internal', vpc, alias('server.echo.internal'));
    await zone(route53, 'other.internal', 'vpc-0b', alias('server.other.internal'));

    const script = `const { lookup } = require('node:dns').promises;
      Promise.all(['server.echo.internal', 'server.other.internal'].map((name) => lookup(name).then(({ address }) => address, () => 'none'))).then((found) =>
        require('node:http').createServer((_, response) => response.end(JSON.stringify(found))).listen(process.env.PORT, process.env.HOST));`;
    const { loadBalancers, url } = await lab.balance('names');
    const networkConfiguration = { awsvpcConfiguration: { subnets: [subnet] } };
    await lab.createService('names', await lab.register('1', { entryPoint: ['node', '-e', script] }), { loadBalancers, networkConfiguration, desiredCount: 1 });
    await lab.until('names', ({ deployments = [] }) => deployments[0]?.rolloutState === 'COMPLETED');
    await expect(fetch(url).then((response) => response.json())).resolves.toEqual(['127.0.0.1', 'none']);
  });
});
