/**
 * Twenty updates of twenty services at once, in an account that throttles as AWS does: each ends right, and none of them fails
 * because of it. The sandbox's time, and with it AWS's buckets, goes SPEED times faster, and so do the program's waits and polls: the calls
 * of a minute are to the buckets what they are on AWS. The commands run in this process, which is what two cores can do in time.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PLATFORMS } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { prepareRollout } from '../../src/release/operations.ts';
import { versionOf } from '../../src/release/versions.ts';
import { connectAws } from '../../src/aws/aws.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { readSettings } from '../../src/settings/settings.ts';
import { systemClock } from '../../src/time.ts';
import { cli } from '../cli/spawn.ts';
import { runHere } from '../fuzz/outcome.ts';
import { withFolder } from '../folder.ts';

const FLEET = 20;
const SPEED = 4;
/** ms: a busy machine is given the time it takes. */
const SLOW_MACHINE = 400_000;

const REGION = 'eu-central-1';
let port: number;
const names = Array.from({ length: FLEET }, (_, index) => `s${String(index + 1).padStart(2, '0')}`);

const SERVER = `
  const { createServer } = require('node:http');
  const server = createServer((request, response) => response.end('Version ' + require('./version.json')));
  server.listen(process.env.PORT, process.env.HOST);
  process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });
`;
const app = (version: string) => ({
  Dockerfile: 'FROM node:22-alpine\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n',
  'index.js': SERVER,
  'version.json': JSON.stringify(version),
});

beforeAll(async () => {
  // Each of them listens for signals.
  process.setMaxListeners(0);
  port = await freePort();
});

test('twenty updates at once end right, and no throttling error reaches a user', () => inFolder(async (dir) => {
  const variables = variablesAt(SPEED);
  // Setting up is no part of the test: it is done without throttling, in a hurry.
  const quick = await startSandbox({ dir, speed: 200 });
  try {
    await firstVersions({ ...variables, AWS_ENDPOINT_URL: quick.url, POLL_INTERVAL: '0.1', SETTLE: '0' });
  } finally {
    await quick.stop();
  }
  const before = requestsIn(dir).length;
  const started = await cli(['sandbox', 'start', '--detach', '--throttle', '--port', '0', '--dir', dir, '--speed', String(SPEED), '--json']);
  try {
    const env = { ...variables, AWS_ENDPOINT_URL: JSON.parse(started.stdout).url };
    const ended = await withFolder(app('1.1'), (folder) => Promise.all(names.map((name) => runHere({ args: ['update', folder, '--tag', '1.1', '--service', name], env }))));
    const calls = requestsIn(dir).slice(before);
    expect(ended.map(({ code, stderr }) => ({ code, stderr: stderr.replace(/^Account .*\n/, '') }))).toEqual(names.map(() => ({ code: 0, stderr: '' })));
    for (const { stdout } of ended) expect(stdout).toMatch(/^1\.1 is the primary now\.$/m);
    // Else this would have shown nothing.
    expect(calls.filter(throttled).length).toBeGreaterThan(0);
    const answers = await Promise.all(names.map(async (name) => (await fetch(`http://127.0.0.1:${port}/${name}/`)).text()));
    expect(answers).toEqual(names.map(() => 'Version 1.1'));
  } finally {
    await cli(['sandbox', 'stop', '--dir', dir]);
  }
}), SLOW_MACHINE);

async function firstVersions(variables: Record<string, string>): Promise<void> {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const settings = readSettings(variables);
  const aws = connectAws(settings);
  const session = {
    aws,
    progress: () => undefined,
    wait: () => ({ clock: systemClock, signal: new AbortController().signal, deadline: systemClock.now() + 120_000, pollInterval: 100 }),
    author: { by: 'someone@here', command: 'rollout', host: 'here', pid: process.pid },
    dryRun: false,
  };
  await buildInfra({ ...session, settings });
  const image = await withFolder(app('1.0'), (folder) => packImage(folder, { platform: PLATFORMS.X86_64 }));
  await Promise.all(names.map(async (name) => {
    const own = readSettings({ ...variables, SERVICE_NAME: name });
    const release = { ...session, settings: own, place: await describePlace(aws, own, name) };
    const digest = await pushImage(image, { ...(await aws.registry.signIn()), repository: release.place.repositoryName, tag: '1.0' });
    const version = versionOf(release.place.repositoryUri, '1.0', digest);
    await (await prepareRollout(release, version, { definition: undefined, tasks: undefined, acceptDrift: false, replace: false, keepOld: false })).run();
  }));
  await image.dispose();
}

/** The defaults of the program, as much shorter as the sandbox's time is faster. */
function variablesAt(speed: number): Record<string, string> {
  const own = names.map((name) => [[`${name.toUpperCase()}_PATH_PATTERN`, `/${name}/*`], [`${name.toUpperCase()}_EXPOSE`, 'public']] as const).flat();
  return {
    PROJECT_NAME: 'fleet',
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCOUNT_ID: '000000000000',
    SERVICES: names.join(','),
    BUILDER: 'pack',
    LISTENER_PORT: String(port),
    DESIRED_COUNT: '1',
    // Processes start no faster with the sandbox's clock.
    HEALTH_CHECK_GRACE_PERIOD: '2000',
    // Nor do they answer sooner, on a machine that has twenty of them to start.
    HEALTH_CHECK_INTERVAL: '20',
    HEALTH_CHECK_TIMEOUT: '19',
    UNHEALTHY_THRESHOLD: '10',
    ...Object.fromEntries(own),
    POLL_INTERVAL: String(2 / speed),
    SETTLE: `${15 / speed}s`,
    HOLD: `${15 / speed}s`,
  };
}

interface Request {
  readonly operation: string;
  readonly code: string | null;
}

function requestsIn(dir: string): Request[] {
  return readFileSync(join(dir, 'requests.ndjson'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

function throttled({ code }: Request): boolean {
  return code?.startsWith('Throttling') ?? false;
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'fleet-'));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
