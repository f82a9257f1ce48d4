// How fast the program starts, as a ratio to an empty Node measured in turn, and which AWS calls each command makes.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'bin', 'ecs-canary.js');
const folder = mkdtempSync(join(tmpdir(), 'ecs-canary-bench-'));
const app = join(folder, 'echo');
const sandbox = join(folder, 'sandbox');
const RUNS = 25;

try {
  cpSync(join(root, 'examples', 'echo'), app, { recursive: true });
  const started = run(['sandbox', 'start', '--detach', '--port', '0', '--dir', sandbox, '--speed', '20']);
  await writeSettings(started.match(/AWS_ENDPOINT_URL=(\S+)/)[1]);
  const calls = await countCalls();
  measureStart();
  showCalls(calls);
} finally {
  spawnSync(process.execPath, [cli, 'sandbox', 'stop', '--dir', sandbox], { cwd: app, stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
}

/** Each round starts every program once, so that a busy moment of the machine hits all of them; the fastest counts. */
function measureStart() {
  const programs = {
    'node -e 0': ['-e', '0'],
    '--version': [cli, '--version'],
    '--help': [cli, '--help'],
    'route --canary 0 --dry-run': [cli, 'route', '--canary', '0', '--dry-run'],
  };
  const best = Object.fromEntries(Object.keys(programs).map((name) => [name, Infinity]));
  const firstCall = { best: Infinity };
  for (let round = 0; round < RUNS; round += 1) {
    for (const [name, args] of Object.entries(programs)) {
      const begin = Date.now();
      best[name] = Math.min(best[name], timed(args));
      if (name.startsWith('route')) firstCall.best = Math.min(firstCall.best, firstCallAfter(begin) - begin);
    }
  }
  const base = best['node -e 0'];
  console.log(`Start-up, the fastest of ${RUNS} runs each, in turn, on Node ${process.versions.node}, ${cpus().length} cores:\n`);
  console.log('| program | ms | ratio to `node -e 0` |\n| --- | ---: | ---: |');
  const row = (name, ms) => console.log(`| \`${name}\` | ${ms.toFixed(0)} | ${(ms / base).toFixed(2)} |`);
  for (const [name, ms] of Object.entries(best)) row(name, ms);
  row('route … until its first AWS call was answered', firstCall.best);
}

/** When the sandbox answered the first call made after `begin`, in ms since 1970. */
function firstCallAfter(begin) {
  return Math.min(...requests().map(({ time }) => Date.parse(time)).filter((at) => at >= begin));
}

async function countCalls() {
  const commands = [
    ['build-infra'],
    ['build-infra'],
    ['push', '.', '--tag', '0.9'],
    ['rollout', '--tag', '0.9'],
    ['status'],
    ['push', '.', '--tag', '1.0'],
    ['rollout', '--tag', '1.0'],
    ['route', '--canary', '50'],
    ['route', '--canary', '50'],
    ['promote'],
    ['rollback'],
    ['destroy-old', '--yes'],
  ];
  const rows = [];
  for (const command of commands) {
    if (command[0] === 'push') writeFileSync(join(app, 'version.js'), `export const version = '${command[3]}';\n`);
    const before = requests().length;
    run(command);
    rows.push([command.join(' '), requests().slice(before)]);
  }
  return rows;
}

function showCalls(rows) {
  console.log('\nAWS calls of each command, in the order given, one rule, two tasks. Waits poll, so their reads vary:\n');
  console.log('| command | reads | writes | the writes |\n| --- | ---: | ---: | --- |');
  for (const [command, made] of rows) {
    const writes = made.filter(({ write }) => write);
    const names = Object.entries(byOperation(writes));
    const listed = names.map(([name, of]) => (of.length > 1 ? `${name} ×${of.length}` : name)).join(', ');
    console.log(`| \`${command}\` | ${made.length - writes.length} | ${writes.length} | ${listed} |`);
  }
}

function byOperation(writes) {
  const groups = {};
  for (const write of writes) (groups[write.operation] ??= []).push(write);
  return groups;
}

function requests() {
  const lines = readFileSync(join(sandbox, 'requests.ndjson'), 'utf8').trim().split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

function timed(args) {
  const begin = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: app, env: cleanEnv(), encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - begin) / 1e6;
}

function run(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd: app, env: cleanEnv(), encoding: 'utf8' });
  if (status !== 0) throw new Error(`ecs-canary ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

function cleanEnv() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('ECS_CANARY_')));
}

async function writeSettings(endpoint) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  const settings = { PROJECT_NAME: 'bench', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'sandbox', AWS_SECRET_ACCESS_KEY: 'sandbox', LISTENER_PORT: port, HEALTH_CHECK_PATH: '/ping', POLL_INTERVAL: '0.5', SETTLE: '0', HOLD: '0', DEREGISTRATION_DELAY: '5' };
  writeFileSync(join(app, '.env'), Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''));
}
