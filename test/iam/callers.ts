/** Callers with the policies of docs/iam, in a sandbox that enforces them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runProgram } from '../../src/cli/program.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import type { AccessCheck } from '../../src/sandbox/iam/guard.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { SETTINGS } from '../release/deployment.ts';

export const README = readFileSync('docs/iam/README.md', 'utf8');
export const REGION = 'eu-central-1';
export const ACCOUNT = '000000000000';
export const POLICIES = ['infra', 'deploy', 'route', 'read-only'] as const;
export type PolicyName = (typeof POLICIES)[number];

export interface Callers {
  readonly dir: string;
  /** Types a command as somebody with that policy, and expects it to end so. @returns what it printed. */
  readonly as: (user: PolicyName, line: string, more?: Readonly<Record<string, string | number>>) => Promise<string>;
  /** What an SDK client for them takes; `admin` may do everything. */
  readonly client: (user: PolicyName | 'admin') => { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  /** What IAM was asked so far. */
  readonly checks: () => AccessCheck[];
  readonly stop: () => Promise<void>;
}

/** @param settings of .env beside account and region: the policies are filled in with them. */
export async function makeCallers(settings: Readonly<Record<string, string>>): Promise<Callers> {
  const dir = mkdtempSync(join(tmpdir(), 'policies-'));
  symlinkSync(resolve('docs'), join(dir, 'docs'));
  const project = { ...settings, AWS_ACCOUNT_ID: ACCOUNT, AWS_DEFAULT_REGION: REGION };
  writeFileSync(join(dir, '.env'), Object.entries(project).map(([name, value]) => `${name}=${value}\n`).join(''));
  for (const name of POLICIES) fillIn(name, dir);
  const policies = POLICIES.map((name) => `${name}=${join(dir, `${name}.json`)}`);
  const sandbox = await startSandbox({ dir: join(dir, 'sandbox'), speed: 200, policies });
  const ports = { LISTENER_PORT: String(await freePort()), INTERNAL_LISTENER_PORT: String(await freePort()) };
  const variables = { ...project, AWS_ENDPOINT_URL: sandbox.url, POLL_INTERVAL: '0.1', ...SETTINGS, ...ports };

  return {
    dir,
    async as(user, line, { exit = 0, ...more } = {}) {
      process.env['AWS_ACCESS_KEY_ID'] = user;
      process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      const env = { ...variables, ...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, String(value)])) };
      const code = await runProgram(line.split(' '), { stdin: new PassThrough(), stdout, stderr, env }, '0');
      stdout.end();
      stderr.end();
      const printed = `${await text(stdout)}${await text(stderr)}`;
      expect({ line, code, printed: code === exit ? '' : printed }).toEqual({ line, code: exit, printed: '' });
      return printed;
    },
    client: (user) => ({ endpoint: sandbox.url, region: REGION, credentials: { accessKeyId: user, secretAccessKey: 'test' } }),
    checks: () => readFileSync(join(dir, 'sandbox', 'access.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line)),
    async stop() {
      await sandbox.stop();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Fills a policy in as README.md has it typed, by somebody whose settings are in .env alone. */
export function fillIn(name: PolicyName, dir: string): void {
  const [, lines = ''] = /```sh\n(set -a[^`]*)```/.exec(README) ?? [];
  execFileSync('sh', ['-c', lines.replaceAll('deploy', name)], { cwd: dir, env: { PATH: process.env['PATH'], TMPDIR: dir }, stdio: 'pipe' });
}
