/** A project's service whose versions are small programs, and the ways to release them. */
import { PLATFORMS } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import type { Version } from '../../src/release/model.ts';
import type { Release } from '../../src/release/operations.ts';
import { versionOf } from '../../src/release/versions.ts';
import { withFolder } from '../folder.ts';
import type { Project } from '../infra/project.ts';

/** Options of an `update` that goes up in two steps and waits for nothing. */
export const OPTIONS = {
  definition: undefined,
  tasks: undefined,
  acceptDrift: false,
  replace: false,
  keepOld: false,
  destroyOld: false,
  hold: 0,
  steps: [50, 100],
  bounds: { max5xx: undefined, maxLatency: undefined },
  onInterrupt: 'stop',
} as const;

/** Processes start no faster with the sandbox's clock; they get the time they need. */
export const SETTINGS = { BUILDER: 'pack', DESIRED_COUNT: '2', HEALTH_CHECK_PATH: '/ping', HEALTH_CHECK_GRACE_PERIOD: '2000', SETTLE: '0', HOLD: '0' };

export async function openRelease(
  { session, aws }: Project,
  onEvent: (event: ProgressEvent) => void,
  variables: Record<string, string> = {},
): Promise<Release> {
  const { session: infra, settings } = session({ ...SETTINGS, ...variables });
  await buildInfra(infra);
  const place = await describePlace(aws, settings, settings.service.name);
  return { ...infra, place, progress: onEvent, author: { by: 'someone@here', command: 'update', host: 'here', pid: process.pid }, dryRun: false };
}

/**
 * Pushes a version that answers with its name.
 * @param own what it does before, in JavaScript: `request` and `response` are there, and a response that was ended is its own.
 */
export async function push({ aws, place }: Release, version: string, own = ''): Promise<Version> {
  const image = await withFolder(filesOf(version, own), (dir) => packImage(dir, { platform: PLATFORMS.X86_64 }));
  const digest = await pushImage(image, { ...(await aws.registry.signIn()), repository: place.repositoryName, tag: version });
  await image.dispose();
  return versionOf(place.repositoryUri, version, digest);
}

/** The folder that a version is built from. */
export const filesOf = (version: string, own: string): Record<string, string> => ({
  Dockerfile: 'FROM node:22-alpine\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n',
  'index.js': program(version, own),
});

const program = (version: string, own: string) => `
  const { createServer } = require('node:http');
  const { existsSync, rmSync } = require('node:fs');
  let count = 0;
  const server = createServer(async (request, response) => {
    if (request.url !== '/ping') count += 1;
    ${own}
    if (!response.writableEnded) response.end('Version ${version}');
  });
  server.keepAliveTimeout = 65_000;
  server.listen(process.env.PORT, process.env.HOST);
  process.on('SIGTERM', () => { server.closeIdleConnections(); server.close(() => process.exit(0)); });
`;

/** Answers its health checks with a 500 as soon as the file is there. */
export const sickOnce = (file: string) => `
    if (request.url === '/ping' && existsSync(${JSON.stringify(file)})) response.writeHead(500).end();
`;
