/** A project in a sandbox of its own, for tests of build-infra and destroy-infra. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import { destroyInfra, planDestroyInfra } from '../../src/infra/destroy-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import { readSettings, type Settings } from '../../src/settings/settings.ts';
import { systemClock, type Wait } from '../../src/time.ts';

export const REGION = 'eu-central-1';

export interface Project {
  readonly sandbox: Sandbox;
  readonly aws: Aws;
  readonly ports: readonly [number, number];
  /** The usual settings and these, as a program gets them. */
  readonly variables: (variables?: Record<string, string>) => Record<string, string>;
  /** A session with these settings beside the usual ones, and what it tells. */
  readonly session: (variables?: Record<string, string>) => { session: InfraSession; events: ProgressEvent[]; settings: Settings };
  /** AWS calls so far that write, as `service:operation`. */
  readonly writes: () => Promise<string[]>;
}

/** @param options of the sandbox; at another speed than 200 a metric minute takes 60 s divided by it. */
export async function withProject(action: (project: Project) => Promise<void>, options: Partial<SandboxOptions> = {}): Promise<void> {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const dir = await mkdtemp(join(tmpdir(), 'infra-'));
  const sandbox = await startSandbox({ dir, speed: 200, ...options });
  try {
    await action(await project(sandbox, dir));
  } finally {
    await sandbox.stop();
    await rm(dir, { recursive: true });
  }
}

async function project(sandbox: Sandbox, dir: string): Promise<Project> {
  const ports = [await freePort(), await freePort()] as const;
  const aws = connectAws({ region: REGION, endpointUrl: sandbox.url });
  const withUsual = (variables: Record<string, string> = {}) => ({
    PROJECT_NAME: 'fleet',
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCOUNT_ID: '000000000000',
    AWS_ENDPOINT_URL: sandbox.url,
    LISTENER_PORT: String(ports[0]),
    INTERNAL_LISTENER_PORT: String(ports[1]),
    ...variables,
  });
  return {
    sandbox,
    aws,
    ports,
    variables: withUsual,
    session(variables) {
      const events: ProgressEvent[] = [];
      const settings = readSettings(withUsual(variables));
      return { session: { aws, settings, author: AUTHOR, wait: newWait, progress: (event) => events.push(event) }, events, settings };
    },
    async writes() {
      const lines = (await readFile(join(dir, 'requests.ndjson'), 'utf8')).split('\n').filter(Boolean);
      return lines.map((line) => JSON.parse(line)).filter(({ write }) => write).map(({ service, operation }) => `${service}:${operation}`);
    },
  };
}

/**
 * As with `--yes`.
 * @returns whether there was anything to destroy.
 */
export async function destroyAll(session: InfraSession): Promise<boolean> {
  const plan = await planDestroyInfra(session);
  await destroyInfra(session, plan);
  return plan.steps.length > 0;
}

const AUTHOR = { by: 'someone@here', command: 'build-infra', host: 'here', pid: process.pid };

function newWait(): Wait {
  return {
    clock: systemClock,
    signal: new AbortController().signal,
    deadline: systemClock.now() + 20_000,
    pollInterval: 30,
  };
}
