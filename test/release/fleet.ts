/** Two versions of a service in a sandbox of their own, as real processes, and what somebody else may do to them. */
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { type Colour, type Version, share } from '../../src/release/model.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareRollout, prepareRoute } from '../../src/release/operations.ts';
import { update } from '../../src/release/update.ts';
import { versionOf } from '../../src/release/versions.ts';
import { poll } from '../../src/time.ts';
import { type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { withFolder } from '../folder.ts';
import { type Project, REGION, withProject } from '../infra/project.ts';

const OPTIONS = { definition: undefined, tasks: undefined, acceptDrift: false, replace: false, keepOld: false, destroyOld: false, hold: 0, steps: [100] };
/** Processes start no faster with the sandbox's clock; they get the time they need. */
const SETTINGS = { DESIRED_COUNT: '2', HEALTH_CHECK_GRACE_PERIOD: '2000', SETTLE: '0', HOLD: '0' };

const server = (version: string) => `
  const { createServer } = require('node:http');
  const server = createServer((request, response) => response.end('Version ${version}')).listen(process.env.PORT, process.env.HOST);
  process.on('SIGTERM', () => { server.closeIdleConnections(); server.close(() => process.exit(0)); });
`;

export interface Fleet {
  readonly release: Release;
  /** The same through an endpoint that misbehaves on order, as the command itself connects. */
  readonly troubled: Release;
  readonly endpoint: FaultyEndpoint;
  readonly events: ProgressEvent[];
  readonly url: string;
  /** Settings as variables, for the built program: through the endpoint that misbehaves. */
  readonly env: Record<string, string>;
  /** Somebody else sets the tasks that a colour's service wants; resolves when the targets have followed. */
  readonly scale: (colour: Colour, desired: number) => Promise<void>;
  readonly remove: (colour: Colour) => Promise<void>;
  /** Percent that green has in each rule. */
  readonly green: () => Promise<number[]>;
  /** Bodies of a number of answers, and what went wrong instead. */
  readonly answers: () => Promise<string[]>;
}

/** 0.9 in blue is the primary, 1.0 in green stands as `how` says. */
export async function withFleet(how: 'half' | 'promoted', action: (fleet: Fleet) => Promise<void>): Promise<void> {
  await withProject(async (project) => {
    const endpoint = await faultyEndpoint(project.sandbox.url);
    try {
      const events: ProgressEvent[] = [];
      const release = await openRelease(project, (event) => events.push(event));
      await update(release, await push(release, '0.9'), OPTIONS);
      if (how === 'promoted') await update(release, await push(release, '1.0'), OPTIONS);
      else await halfWay(release, await push(release, '1.0'));
      const { cluster, service, targetGroups } = release.place;
      const followed = (colour: Colour, tasks: number) =>
        poll(`${colour} to have ${tasks} targets`, release.wait(), async () => ((await targets(release.aws, targetGroups[colour])) === tasks ? true : undefined));
      await action({
        release,
        troubled: { ...release, aws: connectAws({ region: REGION, endpointUrl: endpoint.url }, { hurried: true }), author: { ...release.author, command: 'rollback' } },
        endpoint,
        events,
        url: `http://127.0.0.1:${project.ports[0]}/`,
        env: { ...SETTINGS, PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: REGION, AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: endpoint.url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', POLL_INTERVAL: '100ms' },
        async scale(colour, desired) {
          await release.aws.containers.updateService(cluster, `${service}-${colour}`, { desired });
          await followed(colour, desired);
        },
        async remove(colour) {
          await release.aws.containers.deleteService(cluster, `${service}-${colour}`);
          await followed(colour, 0);
        },
        async green() {
          const { rules } = await observe(release.aws, release.place);
          return rules.map((rule) => share(rule, targetGroups.green));
        },
        answers: () => Promise.all(Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${project.ports[0]}/`)).text())),
      });
    } finally {
      await endpoint.close();
    }
  });
}

async function targets(aws: Aws, group: string): Promise<number> {
  return (await aws.loadBalancing.targetHealth(group)).length;
}

async function halfWay(release: Release, version: Version): Promise<void> {
  await (await prepareRollout(release, version, OPTIONS)).run();
  await (await prepareRoute(release, { percent: 50, acceptDrift: false, noScale: false, scaleDown: false })).run();
}

async function openRelease({ session, aws }: Project, onEvent: (event: ProgressEvent) => void): Promise<Release> {
  const { session: infra, settings } = session(SETTINGS);
  await buildInfra(infra);
  const place = await describePlace(aws, settings, settings.service.name);
  return { ...infra, place, progress: onEvent, author: { by: 'someone@here', command: 'update', host: 'here', pid: process.pid }, dryRun: false };
}

async function push({ aws, place }: Release, version: string): Promise<Version> {
  const files = { Dockerfile: 'FROM node:22-alpine\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n', 'index.js': server(version) };
  const image = await withFolder(files, (dir) => packImage(dir, { cpuArchitecture: 'X86_64' }));
  const digest = await pushImage(image, { ...(await aws.registry.signIn()), repository: place.repositoryName, tag: version });
  return versionOf(place.repositoryUri, version, digest);
}
