/** The gRPC pair with the sandbox's load balancer between its parts, as in the cloud: servers that go, streams that are cut. */
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { CERTIFICATE } from '../sandbox/certificates.ts';
import { HEALTHY, type Lab, eventually, forward, openLab } from '../sandbox/load-balancing.ts';
import { EXAMPLE, type Part, copyWithVersion, endAll, run } from './echo-pair.ts';

let lab: Lab;
let copy: Awaited<ReturnType<typeof copyWithVersion>>;
let group: string;
let client: Part;

beforeAll(async () => {
  copy = await copyWithVersion('1.0');
});
afterAll(() => copy.remove());

beforeEach(async () => {
  lab = await openLab({ speed: 50, seed: 7 });
  group = await lab.targetGroup({ ProtocolVersion: 'GRPC', HealthCheckPath: '/grpc.health.v1.Health/Check', Matcher: { GrpcCode: '0' } });
  await lab.secureListener(await lab.loadBalancer(), [forward([group, 1])]);
  client = await run(join(EXAMPLE, 'client/client.js'), { SERVER_ADDRESS: `localhost:${lab.port}`, INTERNAL_CA_CERTIFICATE: CERTIFICATE.certificate });
});
afterEach(async () => {
  endAll();
  await lab.end();
});

/** A server that the load balancer has found healthy. */
async function healthyServer(example: string) {
  const server = await run(join(example, 'server/server.js'), { DRAIN_SECONDS: '600' });
  const place = await lab.place(group, server.port);
  await eventually(() => lab.health(group, place), HEALTHY);
  return { server, place };
}

async function greeting(): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${client.port}/?name=Yizumi`)).text();
}

test('a stream that outlives the deregistration delay is cut by the load balancer, and goes on from the next server', async () => {
  const first = await healthyServer(EXAMPLE);
  await lab.elb.modifyTargetGroupAttributes({ TargetGroupArn: group, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '10' }] });
  const { body } = await fetch(`http://127.0.0.1:${client.port}/watch?name=Yizumi&every=20`);
  if (!body) throw new Error('no stream');
  const input = Readable.fromWeb(body);
  const lines = createInterface({ input });
  const numbers: number[] = [];
  const versions = new Set<string>();
  lines.on('line', (line) => {
    numbers.push(Number.parseInt(line, 10));
    versions.add(/Version ([\d.]+)/.exec(line)?.[1] ?? line);
  });
  await once(lines, 'line');
  await healthyServer(copy.dir);
  await lab.elb.deregisterTargets({ TargetGroupArn: group, Targets: [first.place] });
  while (versions.size < 2) await once(lines, 'line');
  input.destroy();

  expect([...versions]).toEqual(['0.9', '1.0']);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(client.lines.filter((line) => line.includes('was cut'))).toHaveLength(1);
});

test('a server that stops is unhealthy to the load balancer, and nobody sees it go', async () => {
  const first = await healthyServer(EXAMPLE);
  await healthyServer(copy.dir);
  const answers: string[] = [];
  const gone = new AbortController();
  const asking = (async () => {
    while (!gone.signal.aborted) answers.push(await greeting());
  })();
  first.server.terminate();
  await eventually(() => lab.health(group, first.place), { State: 'unhealthy' });
  gone.abort();
  await asking;
  for (let i = 0; i < 20; i += 1) answers.push(await greeting());

  expect(answers.filter((answer) => !/Version (0\.9|1\.0)/.test(answer))).toEqual([]);
  expect(answers.slice(-20).filter((answer) => !answer.includes('Version 1.0'))).toEqual([]);
});
