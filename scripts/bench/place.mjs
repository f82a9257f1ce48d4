// Where the program is measured: a copy of the example, a sandbox, and nothing of the caller's own settings.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export const CLI = join(root, 'bin', 'ecs-canary.js');
export const REGION = 'eu-west-1';

/** Everything in it ends with `end`. */
export function openPlace() {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-canary-bench-'));
  const app = join(folder, 'echo');
  const sandbox = join(folder, 'sandbox');
  cpSync(join(root, 'examples', 'echo'), app, { recursive: true });
  let endpoint = '';

  /** Runs Node in the app's folder; returns its standard output. */
  function node(args, env = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: app, env: { ...cleanEnv(), ...env }, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }
  const run = (args, env) => node([CLI, ...args], env);
  const start = (port, options) => run(['sandbox', 'start', '--detach', '--port', port, '--dir', sandbox, '--speed', '20', ...options]);

  /** All API calls that the sandbox has answered so far. */
  function requests() {
    const lines = readFileSync(join(sandbox, 'requests.ndjson'), 'utf8').trim().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  return {
    node,
    run,
    requests,
    endpoint: () => endpoint,
    /** The API calls that the program makes. */
    callsOf(args, env) {
      const before = requests().length;
      run(args, env);
      return requests().slice(before);
    },
    setVersion: (version) => writeFileSync(join(app, 'version.js'), `export const version = '${version}';\n`),
    async startSandbox() {
      endpoint = start('0', []).match(/AWS_ENDPOINT_URL=(\S+)/)[1];
      const settings = { PROJECT_NAME: 'bench', AWS_DEFAULT_REGION: REGION, AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'sandbox', AWS_SECRET_ACCESS_KEY: 'sandbox', BUILDER: 'pack', LISTENER_PORT: await freePort(), HEALTH_CHECK_PATH: '/ping', POLL_INTERVAL: '0.5', SETTLE: '0', HOLD: '0', DEREGISTRATION_DELAY: '5' };
      writeFileSync(join(app, '.env'), Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''));
    },
    /** The same sandbox, with everything in it, started with other options. */
    restartSandbox(...options) {
      run(['sandbox', 'stop', '--dir', sandbox]);
      start(new URL(endpoint).port, options);
    },
    end() {
      spawnSync(process.execPath, [CLI, 'sandbox', 'stop', '--dir', sandbox], { cwd: app, stdio: 'ignore' });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function cleanEnv() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('ECS_CANARY_')));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
