// The whole canary on one machine: a sandbox, version 0.9, a request loop, and the update to 1.0 beside it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requestLoop } from './request-loop.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'bin', 'ecs-canary.js');
const folder = mkdtempSync(join(tmpdir(), 'ecs-canary-demo-'));
const app = join(folder, 'echo');
const sandbox = join(folder, 'sandbox');
/** AWS's time runs so many times faster: tasks start in seconds. */
const SPEED = '5';
const LEAST_REQUESTS = 2_000;

const stopped = new AbortController();
process.once('SIGINT', () => stopped.abort());
process.once('SIGTERM', () => stopped.abort());

try {
  process.exitCode = await demo();
} catch (error) {
  console.error(stopped.signal.aborted ? 'Interrupted.' : String(error.message ?? error));
  process.exitCode = stopped.signal.aborted ? 130 : 1;
} finally {
  await run(['sandbox', 'stop', '--dir', sandbox], { last: true }).catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
}

async function demo() {
  cpSync(join(root, 'examples', 'echo-http'), app, { recursive: true });
  const started = await run(['sandbox', 'start', '--detach', '--port', '0', '--dir', sandbox, '--speed', SPEED]);
  writeSettings(started.match(/AWS_ENDPOINT_URL=(\S+)/)?.[1], await freePort());

  title('The infrastructure, and version 0.9 on it');
  const built = await run(['build-infra']);
  await run(['update', '.', '--tag', version()]);
  const endpoint = `${built.match(/Public endpoint:\s+(\S+)/)?.[1]}/?name=Yusuke`;
  console.log(await (await fetch(endpoint)).text());

  title(`A request loop on ${endpoint}, and the update to 1.0 beside it`);
  const loop = requestLoop(endpoint, (line) => console.log(`    ${line}`));
  setVersion('1.0');
  await run(['update', '.', '--tag', version()]);
  await loop.until((count) => count >= LEAST_REQUESTS);

  title('The old version goes');
  await run(['destroy-old', '--yes']);
  await run(['status']);
  const { requests, errors, order } = await loop.end();
  console.log(`\nRequests: ${requests}, errors: ${errors}, versions in order: ${order.join(', ')}`);
  return errors === 0 && order.join() === '0.9,both,1.0' ? 0 : 1;
}

function writeSettings(endpoint, listenerPort) {
  const settings = {
    PROJECT_NAME: 'echo',
    AWS_DEFAULT_REGION: 'ap-northeast-1',
    AWS_ACCOUNT_ID: '000000000000',
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'sandbox',
    AWS_SECRET_ACCESS_KEY: 'sandbox',
    BUILDER: 'pack',
    LISTENER_PORT: listenerPort,
    HEALTH_CHECK_PATH: '/ping',
    DEREGISTRATION_DELAY: 10,
    POLL_INTERVAL: '0.5',
    SETTLE: '3s',
    HOLD: '10s',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(app, '.env'), lines.join(''));
}

/** Runs the CLI as a user would, in the app's folder, shows what it prints, and returns that. The last run is silent, and made in any case. */
async function run(args, { last = false } = {}) {
  if (!last) stopped.signal.throwIfAborted();
  if (!last) console.log(`$ ecs-canary ${args.join(' ')}`);
  // What the caller's shell says about AWS is not meant for the demo.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('ECS_CANARY_')));
  const child = spawn(process.execPath, [cli, ...args], { cwd: app, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const onAbort = () => child.kill('SIGINT');
  if (!last) stopped.signal.addEventListener('abort', onAbort);
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
    if (!last) process.stdout.write(data);
  });
  const [code] = await once(child, 'close');
  stopped.signal.removeEventListener('abort', onAbort);
  if (code !== 0) throw new Error(`ecs-canary ${args[0]} ended with exit code ${code}`);
  return output;
}

function version() {
  return readFileSync(join(app, 'version.js'), 'utf8').match(/'([^']+)'/)[1];
}

/** What a developer does in an editor. */
function setVersion(next) {
  writeFileSync(join(app, 'version.js'), readFileSync(join(app, 'version.js'), 'utf8').replace(version(), next));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function title(text) {
  console.log(`\n== ${text}`);
}
