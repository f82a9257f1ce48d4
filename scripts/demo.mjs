// The whole canary on one machine: a sandbox, the gRPC pair of examples/echo on it, a request loop, and the server's update to 1.0 beside it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { requestLoop } from './request-loop.mjs';

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopped.abort());

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'bin', 'ecs-canary.js');
const folder = mkdtempSync(join(tmpdir(), 'ecs-canary-demo-'));
const app = join(folder, 'echo');
const sandbox = join(folder, 'sandbox');
/** AWS's time runs so many times faster: tasks start in seconds. */
const SPEED = '5';
const LEAST_REQUESTS = 2_000;
/** How many of the loop's answers are shown at the beginning, at 50 % and at 100 %. */
const SHOWN = { first: 3, both: 9, last: 7 };
/** Chance may send many requests in a row to one version; so many are shown at most until both were seen. */
const SHOWN_AT_MOST = 60;

/** The requests, once there are any, and what is to be done with each answer. */
let loop;
let answered = () => {};
stopped.signal.addEventListener('abort', () => loop?.end());

try {
  process.exitCode = await demo();
} catch (error) {
  console.error(stopped.signal.aborted ? 'Interrupted.' : String(error.message ?? error));
  process.exitCode = stopped.signal.aborted ? 130 : 1;
} finally {
  await loop?.end();
  await ecsCanary(['sandbox', 'stop', '--dir', sandbox], { last: true }).catch(() => undefined);
  rmSync(folder, { recursive: true, force: true });
}

async function demo() {
  cpSync(join(root, 'examples', 'echo'), app, { recursive: true, filter: (path) => !['node_modules', 'dist'].includes(basename(path)) });
  // Where `npm run build` finds what the pair is bundled from, and with.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const started = await ecsCanary(['sandbox', 'start', '--detach', '--port', '0', '--dir', sandbox, '--speed', SPEED]);
  await writeSettings(started.match(/AWS_ENDPOINT_URL=(\S+)/)?.[1]);

  title('The infrastructure: a public load balancer for HTTP, an internal one for gRPC');
  const built = await ecsCanary(['build-infra', '--self-signed']);
  title('The first version of the server, which speaks gRPC, and of the client, which calls it');
  await update('server');
  await update('client');

  const url = `${built.match(/Public endpoint:\s+(\S+)/)?.[1]}/?name=Yusuke`;
  title(`Requests to the client all the time, and the server's update from 0.9 to 1.0 beside them`);
  console.log(`$ while true; do curl "${url}"; done`);
  loop = requestLoop(url, { report: (line) => console.log(`    ${line}`), answered: (...answer) => answered(...answer) });
  await show(SHOWN.first);
  console.log('...');
  edit(sourceOf('server'), "const version = '0.9'", "const version = '1.0'");
  await update('server', async (line) => {
    if (line.startsWith('Routing 50%')) await show(SHOWN.both, ['1.0', '0.9']);
    if (line.startsWith('Routing 100%')) await show(SHOWN.last, ['1.0']);
  });
  await loop.until((count) => count >= LEAST_REQUESTS);

  title('The old version goes');
  await ecsCanary(['destroy-old', '--service', 'server', '--yes']);
  await ecsCanary(['status', '--service', 'server']);
  const { requests, errors, order } = await loop.end();
  console.log(`\nRequests: ${requests}, errors: ${errors}, versions in order: ${order.join(', ')}`);
  return errors === 0 && order.join() === '0.9,both,1.0' ? 0 : 1;
}

/** What `make update` does in the part's folder. */
async function update(part, onLine) {
  const version = /const version = '(.+)'/.exec(readFileSync(sourceOf(part), 'utf8'))[1];
  await run('npm', ['run', '--silent', 'build'], { cwd: join(app, part) });
  await ecsCanary(['update', part, '--service', part, '--tag', version], { onLine });
}

/** The sample's settings, with those of this demo in place of its own. */
async function writeSettings(endpoint) {
  const settings = {
    AWS_ENDPOINT_URL: endpoint,
    LISTENER_PORT: await freePort(),
    INTERNAL_LISTENER_PORT: await freePort(),
    DEREGISTRATION_DELAY: 10,
    POLL_INTERVAL: '0.5',
    SETTLE: '3s',
    HOLD: '10s',
  };
  const sample = readFileSync(join(app, '.env-sample'), 'utf8').split('\n').filter((line) => !Object.hasOwn(settings, line.split('=')[0]));
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  writeFileSync(join(app, '.env'), [...sample, ...lines, ''].join('\n'));
}

/** Shows the next answers of the loop: so many, and until those versions were among them in this order. */
async function show(least, versions = []) {
  const awaited = [...versions];
  let count = 0;
  const enough = () => count >= SHOWN_AT_MOST || (count >= least && awaited.length === 0);
  answered = (text, version) => {
    if (enough()) return;
    console.log(text);
    count += 1;
    if (version === awaited[0]) awaited.shift();
  };
  await loop.until(enough);
}

/** Runs the CLI as a user would, in the app's folder. */
async function ecsCanary(args, options = {}) {
  if (!options.last) console.log(`$ ecs-canary ${args.join(' ')}`);
  return await run(process.execPath, [cli, ...args], options);
}

/**
 * Shows what a command prints, line by line, and returns that; `onLine` holds back what comes after its line.
 * The last run is silent, and made in any case.
 */
async function run(command, args, { cwd = app, onLine = async () => {}, last = false } = {}) {
  if (!last) stopped.signal.throwIfAborted();
  // What the caller's shell says about AWS is not meant for the demo.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('ECS_CANARY_')));
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const onAbort = () => child.kill('SIGINT');
  if (!last) stopped.signal.addEventListener('abort', onAbort);
  let output = '';
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
    output += `${line}\n`;
    if (!last) console.log(line);
    await onLine(line);
  }
  const [code] = await ended;
  stopped.signal.removeEventListener('abort', onAbort);
  if (code !== 0) throw new Error(`${basename(command)} ${args.join(' ')} ended with exit code ${code}`);
  return output;
}

function sourceOf(part) {
  return join(app, part, `${part}.js`);
}

/** What a developer does in an editor. */
function edit(file, before, after) {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(before)) throw new Error(`${file} does not have ${before}`);
  writeFileSync(file, text.replace(before, after));
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
