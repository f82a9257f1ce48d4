// Where the program is measured: a copy of an example, a sandbox, and nothing of the caller's own settings.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export const CLI = join(root, 'bin', 'ecs-canary.js');
export const REGION = 'eu-west-1';

/** Everything in it ends with `end`. @param example a folder of `examples`. */
export function openPlace(example) {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-canary-bench-'));
  const app = join(folder, example);
  const sandbox = join(folder, 'sandbox');
  cpSync(join(root, 'examples', example), app, { recursive: true, filter: (path) => !['node_modules', 'dist'].includes(basename(path)) });
  // What an example is bundled from, and with.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  let endpoint = '';

  /** Runs Node in the app's folder; returns its standard output. */
  function node(args, env = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: app, env: { ...cleanEnv(), ...env }, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }
  const run = (args, env) => node([CLI, ...args], env);
  const start = (port, options) => run(['sandbox', 'start', '--detach', '--port', port, '--dir', sandbox, '--speed', '20', ...options]);

  /** Runs the program while this one goes on; `onLine` gets each line of its standard output as it comes. */
  async function runAside(args, onLine) {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: app, env: cleanEnv(), stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout })) onLine(line);
    const [code] = await ended;
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  }

  /** All API calls that the sandbox has answered so far. */
  function requests() {
    const lines = readFileSync(join(sandbox, 'requests.ndjson'), 'utf8').trim().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  return {
    app,
    node,
    run,
    runAside,
    requests,
    endpoint: () => endpoint,
    /** The API calls that the program makes. */
    callsOf(args, env) {
      const before = requests().length;
      run(args, env);
      return requests().slice(before);
    },
    async startSandbox(more = {}) {
      endpoint = start('0', []).match(/AWS_ENDPOINT_URL=(\S+)/)[1];
      const settings = { PROJECT_NAME: 'bench', AWS_DEFAULT_REGION: REGION, AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'sandbox', AWS_SECRET_ACCESS_KEY: 'sandbox', BUILDER: 'pack', LISTENER_PORT: await freePort(), INTERNAL_LISTENER_PORT: await freePort(), POLL_INTERVAL: '0.5', SETTLE: '0', HOLD: '0', DEREGISTRATION_DELAY: '5', ...more };
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

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
