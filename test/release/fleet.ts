/** Two versions of a service in a sandbox of their own, as real processes, and what somebody else may do to them. */
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { type Colour, type Version, share } from '../../src/release/model.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareRollout, prepareRoute } from '../../src/release/operations.ts';
import { update } from '../../src/release/update.ts';
import { poll } from '../../src/time.ts';
import { type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { REGION, withProject } from '../infra/project.ts';
import { OPTIONS, SETTINGS, openRelease, push } from './deployment.ts';

const AT_ONCE = { ...OPTIONS, steps: [100] };

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
      await update(release, await push(release, '0.9'), AT_ONCE);
      if (how === 'promoted') await update(release, await push(release, '1.0'), AT_ONCE);
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

export async function halfWay(release: Release, version: Version): Promise<void> {
  await (await prepareRollout(release, version, AT_ONCE)).run();
  await (await prepareRoute(release, { percent: 50, acceptDrift: false, noScale: false, scaleDown: false })).run();
}
