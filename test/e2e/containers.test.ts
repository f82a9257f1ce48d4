/** A whole canary in containers, by the built program: what is pushed is what runs, and users see no error. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../cli/spawn.ts';
import { withFolder } from '../folder.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { findEngines, sayWhatIsSkipped } from '../sandbox/engines.ts';
import { layOutNode } from '../sandbox/node-image.ts';
import { type Load, startLoad } from './load.ts';

const engines = await findEngines();
const usable = engines.filter(({ missing }) => missing === undefined).map(({ name }) => name);
sayWhatIsSkipped(engines, (name) => `a canary in ${name}`);

const DOCKERFILE = 'FROM scratch\nCOPY root /\nWORKDIR /app\nENV PATH=/usr/local/bin BERTH=7\nCOPY index.js ./\nCMD ["node", "index.js"]\n';
const SERVER = `
  const { PORT, HOST, BERTH } = process.env;
  console.log('VERSION is at berth ' + BERTH);
  if ('VERSION' === '3.0') process.exit(9);
  const server = require('node:http').createServer((request, response) => response.end('VERSION'));
  server.keepAliveTimeout = 75_000;
  server.listen(PORT, HOST);
  process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
`;

for (const runner of usable) {
  test(`a canary in ${runner}: built, pushed, rolled out, at 50 %, promoted, its log read, and nothing is left`, () => withFolder({}, async (dir) => {
    const sandbox = join(dir, 'sandbox');
    // Where the engine's settings are, the sandbox has to be told.
    const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value = '']) => (/^(CONTAINERS_|DOCKER_|XDG_)/.test(name) ? [[name, value] as const] : [])));
    const before = containers(runner);
    const started = await cli(['sandbox', 'start', '--detach', '--port', '0', '--dir', sandbox, '--speed', '20', '--runner', runner, '--json'], { env });
    expect(started).toMatchObject({ code: 0 });
    const project = {
      PROJECT_NAME: 'fleet', AWS_ACCOUNT_ID: '000000000000', AWS_DEFAULT_REGION: 'eu-central-1', AWS_ENDPOINT_URL: JSON.parse(started.stdout).url,
      AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', LISTENER_PORT: String(await freePort()), INTERNAL_LISTENER_PORT: String(await freePort()),
      DESIRED_COUNT: '1', CPU: '512', MEMORY: '1024', HEALTH_CHECK_GRACE_PERIOD: '600', DEREGISTRATION_DELAY: '10', POLL_INTERVAL: '0.2', SETTLE: '0', BUILDER: 'pack', BASE_IMAGE: 'none',
    };
    const run = async (line: string, exit = 0) => {
      const ended = await cli(line.split(' '), { env: project, cwd: dir });
      expect({ line, code: ended.code, stderr: ended.code === exit ? '' : ended.stderr }).toEqual({ line, code: exit, stderr: '' });
      return ended;
    };
    let load: Load | undefined;
    try {
      await run('build-infra');
      for (const version of ['1.0', '2.0', '3.0']) {
        layOutNode(mkdirOf(join(dir, version, 'root')));
        writeFileSync(join(dir, version, 'index.js'), SERVER.replaceAll('VERSION', version));
        writeFileSync(join(dir, version, 'Dockerfile'), DOCKERFILE);
        await run(`push ${version} --tag ${version}`);
      }
      await run('rollout --tag 1.0');
      load = startLoad([`http://127.0.0.1:${project.LISTENER_PORT}/`], 2);
      expect(await load.sample(50)).toEqual({ '1.0': 50 });
      await run('rollout --tag 2.0');
      await run('route --canary 50');
      expect(Object.keys(await load.sample(200)).toSorted()).toEqual(['1.0', '2.0']);
      expect((await run('logs')).stdout.split('\n')).toEqual(expect.arrayContaining(['[blue 1.0] 1.0 is at berth 7', '[green 2.0] 2.0 is at berth 7']));
      await run('promote');
      expect(await load.sample(50)).toEqual({ '2.0': 50 });
      await run('destroy-old --yes');
      const { stderr } = await run('rollout --tag 3.0', 1);
      expect(stderr).toMatch(/exit code 9[^]*Last lines of its log:\n {2}3\.0 is at berth 7\n/);
      const { requests, failures } = await load.end();
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(300);
    } finally {
      await load?.end();
      expect(await cli(['sandbox', 'stop', '--dir', sandbox])).toMatchObject({ code: 0 });
    }
    await expect(fetch(`http://127.0.0.1:${project.LISTENER_PORT}/`)).rejects.toThrow();
    expect(containers(runner)).toBe(before);
  }), 240_000);
}

/** Those that a sandbox has made, running or not. */
function containers(engine: string): string {
  return spawnSync(engine, ['ps', '-aq', '--filter', 'label=ecs-canary.sandbox'], { encoding: 'utf8', env: process.env }).stdout;
}

function mkdirOf(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
