/** The two templates as they stand, before judges that are not ours: a linter, and another CloudFormation. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import type { Stack, StackRequest } from '../../src/aws/cloudformation.ts';
import { isAws } from '../../src/aws/connect.ts';
import { importCertificate } from '../../src/infra/own-certificate.ts';
import { baseRequest, serviceRequest } from '../../src/infra/stack-requests.ts';
import { templates } from '../../src/infra/templates.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { readSettings } from '../../src/settings/settings.ts';
import { poll, systemClock, type Wait } from '../../src/time.ts';
import { runHere } from '../fuzz/outcome.ts';

const REGION = 'eu-central-1';
const FILES = ['base', 'service'].map((name) => fileURLToPath(new URL(`../../src/infra/templates/${name}.yaml`, import.meta.url)));

/** ms: Python takes its time to start, and a busy machine too. */
const SLOW = 180_000;

/** `test` where the program is on this machine; else the test is skipped, and says so. */
function testWith(program: string): typeof test.skip {
  if (spawnSync(program, ['--help'], { cwd: tmpdir() }).status === 0) return test;
  console.warn(`${program} is not on this machine: what it says of the templates was not asked.`);
  return test.skip;
}

test('each fits into one call', () => {
  for (const text of Object.values(templates)) expect(Buffer.byteLength(text)).toBeLessThan(51_200);
});

test('values go from one to the other as parameters, and nothing has a name of its own but what is public', () => {
  for (const text of Object.values(templates)) expect(text).not.toMatch(/\bExport:|Fn::ImportValue|!ImportValue/);
  const names = Object.values(templates).flatMap((text) => [...text.matchAll(/^ {6}(\w*Name): (.*)$/gm)].map(([, key, value]) => `${key} ${value}`));
  expect(names.filter((line) => !line.startsWith('KeyName') && !line.includes('com.amazonaws.'))).toEqual([
    "Name !Sub '${ProjectName}.internal'", 'ClusterName !Ref ProjectName',
    "Name !Sub '${ServiceName}.${ProjectName}.internal'", "RepositoryName !Sub '${ProjectName}/${ServiceName}'",
  ]);
});

test.each(['base', 'service'] as const)('build-infra --template %s prints it, after a look at the settings and without a call', async (which) => {
  const asked: string[] = [];
  const port = await freePort();
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(500).end();
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const env = { PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: REGION, AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
  try {
    expect(await runHere({ args: ['build-infra', '--template', which], env })).toEqual({ code: 0, stdout: templates[which], stderr: '' });
    const bad = await runHere({ args: ['build-infra', '--template', which], env: { ...env, NAT: 'two' } });
    expect(bad).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('NAT is "two": it should be none, one, per-zone or endpoints.') });
    expect(asked).toEqual([]);
  } finally {
    server.close();
  }
});

testWith('cfn-lint')('a linter has nothing to say, and no rule of it is silenced', () => {
  const { status, stdout, stderr } = spawnSync('cfn-lint', ['--regions', REGION, '--', ...FILES], { cwd: tmpdir(), encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  for (const text of Object.values(templates)) expect(text).not.toMatch(/cfn-lint|ignore_checks|^Metadata:/m);
}, SLOW);

testWith('moto_server')('another CloudFormation takes them as they are, with every setting', async () => {
  await withMoto(async (aws, certificate) => {
    for (const [project, variables] of Object.entries(VARIANTS)) {
      const https = variables['HTTPS_LISTENER_PORT'] ? { CERTIFICATE_ARN: certificate } : {};
      const settings = readSettings({ PROJECT_NAME: project, AWS_DEFAULT_REGION: REGION, AWS_ACCOUNT_ID: '123456789012', ...variables, ...https });
      const speaksGrpc = settings.service.protocol === 'grpc';
      const base = await made(baseRequest(settings, undefined, undefined, speaksGrpc ? { arn: certificate, authority: 'PEM' } : undefined), aws);
      const { LoadBalancerSecurityGroupId: loadBalancerGroup, InternalZoneId: id = '', InternalEndpointHost: host = '', InternalZoneTarget: target = '' } = base.outputs;
      const zone = speaksGrpc ? { id, host, target } : undefined;
      const service = await made(serviceRequest(settings, settings.service, base.outputs['VpcId'] ?? '', { loadBalancerGroup, zone }), aws);
      expect(Object.keys(service.outputs)).toEqual(expect.arrayContaining(['BlueTargetGroupArn', 'GreenTargetGroupArn', 'TaskSecurityGroupId', 'ExecutionRoleArn']));
      expect(base.outputs['PrivateSubnetIds']?.split(',').length).toBe(settings.nat === 'none' ? undefined : 2);
      expect(base.outputs['PublicHttpsListenerArn'] !== undefined).toBe(settings.certificateArn !== undefined);
      expect(base.outputs).toMatchObject(speaksGrpc ? { InternalHttpsListenerArn: expect.any(String), CertificateAuthority: 'PEM' } : {});
    }
  });
}, SLOW);

const VARIANTS: Record<string, Record<string, string>> = {
  plain: {},
  bastion: { KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24', SERVICES: 'server,other' },
  one: { NAT: 'one', HTTPS_LISTENER_PORT: '8443', SERVICES: 'server,other', INTERNAL_LISTENER_PORT: '8080' },
  zones: { NAT: 'per-zone', EXPOSE: 'internal' },
  grpc: { PROTOCOL: 'grpc', EXPOSE: 'internal' },
  both: { PROTOCOL: 'grpc', EXPOSE: 'internal', SERVICES: 'server,other', OTHER_PROTOCOL: 'http', INTERNAL_HTTPS_LISTENER_PORT: '9443' },
  endpoints: {
    NAT: 'endpoints',
    SECRETS: `DB=arn:aws:secretsmanager:${REGION}:123456789012:secret:db-AbCdEf:password::,KEY=arn:aws:ssm:${REGION}:123456789012:parameter/shop/key`,
  },
};

async function made(request: StackRequest, { stacks }: Aws): Promise<Stack> {
  await stacks.create(request, `make-${request.name}`).catch((error: unknown) => {
    // It answers when the stack is made, and on a busy machine the SDK has asked again by then.
    if (!isAws(error, 'AlreadyExistsException')) throw error;
  });
  return poll(`stack ${request.name}`, newWait(), async () => {
    const stack = await stacks.describe(request.name);
    return stack?.status === 'CREATE_COMPLETE' ? stack : undefined;
  });
}

function newWait(): Wait {
  return { clock: systemClock, signal: new AbortController().signal, deadline: systemClock.now() + SLOW / 3, pollInterval: 200 };
}

/** @param action gets the ARN of a certificate that is known there. */
async function withMoto(action: (aws: Aws, certificate: string) => Promise<void>): Promise<void> {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const port = await freePort();
  const server = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { cwd: tmpdir(), stdio: 'ignore' });
  const ended = once(server, 'exit');
  const endpointUrl = `http://127.0.0.1:${port}`;
  try {
    await poll('moto_server to answer', newWait(), () => fetch(`${endpointUrl}/moto-api/data.json`).then(({ ok }) => ok || undefined, () => undefined));
    const aws = connectAws({ region: REGION, endpointUrl });
    await action(aws, (await importCertificate('shop.internal', { aws, settings: { project: 'shop' } })).arn);
  } finally {
    server.kill();
    await ended;
  }
}
