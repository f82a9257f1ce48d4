/** Task definitions of several containers: the image of the right one is replaced, and everything else stays. */
import type { TaskDefinition } from '../../src/aws/ecs.ts';
import { observe } from '../../src/release/observe.ts';
import { type RolloutOptions, type Release, preparePromote, prepareRollout } from '../../src/release/operations.ts';
import { update } from '../../src/release/update.ts';
import type { Version } from '../../src/release/model.ts';
import { withProject } from '../infra/project.ts';
import { OPTIONS, openRelease, push } from './deployment.ts';

const rollout = async (release: Release, version: Version, options: Partial<RolloutOptions> = {}) =>
  (await prepareRollout(release, version, { ...OPTIONS, replace: true, ...options })).run();

/** What a colour's service runs, with where the load balancer reaches it. */
async function running({ aws, place }: Release, colour: 'blue' | 'green') {
  const { colours } = await observe(aws, place);
  const { service, version } = colours[colour];
  const revision = await aws.containers.taskDefinition(service?.taskDefinition ?? '');
  if (!service || !revision) throw new Error(`nothing runs in ${colour}`);
  return { version, endpoint: service.endpoint, definition: revision.definition, tags: revision.tags };
}

const imagesOf = ({ containerDefinitions = [] }: TaskDefinition) => containerDefinitions.map(({ name, image }) => [name, image]);

test('the image of the named container is replaced, the next version remembers it, and traffic stays where it was', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    const first = await push(release, '1.0');
    await update(release, first, OPTIONS);
    const { definition } = await running(release, 'blue');
    const [server = {}] = definition.containerDefinitions ?? [];
    const extras = { stopTimeout: 17, dockerLabels: { pier: 'nine' } };
    const sidecar = { name: 'sidecar', image: first.image, essential: false, environment: [{ name: 'PORT', value: '9090' }] };
    const two = { ...definition, containerDefinitions: [{ ...server, ...extras }, sidecar] };

    const second = await push(release, '1.1');
    await expect(rollout(release, second, { definition: two, container: 'sail' })).rejects.toMatchObject({
      code: 'no-container', message: 'The task definition has no container named sail (it has: server, sidecar).', next: expect.stringContaining('--container'),
    });

    await rollout(release, second, { definition: two, container: 'sidecar' });
    const once = await running(release, 'green');
    expect(imagesOf(once.definition)).toEqual([['server', first.image], ['sidecar', second.image]]);
    expect(once.definition.containerDefinitions?.[0]).toMatchObject(extras);
    expect(once).toMatchObject({ version: { tag: '1.1', digest: second.digest }, endpoint: { container: 'server', port: 8_080 } });

    await (await preparePromote(release, { noScale: false, acceptDrift: false })).run();
    const third = await push(release, '1.2');
    await rollout(release, third);
    const again = await running(release, 'blue');
    expect(imagesOf(again.definition)).toEqual([['server', first.image], ['sidecar', third.image]]);
    expect(again.version).toMatchObject({ tag: '1.2', digest: third.digest });

    // The same file again, which knows nothing of what was said the first time.
    const file = await push(release, '1.2-file');
    await rollout(release, file, { definition: two });
    expect(imagesOf((await running(release, 'blue')).definition)).toEqual([['server', first.image], ['sidecar', file.image]]);

    const fourth = await push(release, '1.3');
    await rollout(release, fourth, { container: 'server' });
    const back = await running(release, 'blue');
    expect(imagesOf(back.definition)).toEqual([['server', fourth.image], ['sidecar', second.image]]);
    expect(back.tags).not.toHaveProperty('ecs-canary:container');
  }));

test('the load balancer reaches the container of the version where the one that it reached is gone', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '1.0'), OPTIONS);
    await rollout(release, await push(release, '1.1'));
    const { definition } = await running(release, 'blue');
    const [server = {}] = definition.containerDefinitions ?? [];
    const renamed = { ...definition, containerDefinitions: [{ ...server, name: 'pier' }] };
    const second = await push(release, '1.2');
    await expect(rollout(release, second, { definition: renamed })).rejects.toMatchObject({ message: expect.stringContaining('no container named server (it has: pier)') });
    await rollout(release, second, { definition: renamed, container: 'pier' });
    expect(await running(release, 'green')).toMatchObject({ version: { digest: second.digest }, endpoint: { container: 'pier', port: 8_080 } });
  }));

test('the load balancer reaches what it reaches of the primary, not what the empty colour had before', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '1.0'), OPTIONS);
    const { definition } = await running(release, 'blue');
    const [server = {}] = definition.containerDefinitions ?? [];
    const onPorts = (...ports: number[]) => ({ ...definition, containerDefinitions: [{ ...server, portMappings: ports.map((containerPort) => ({ containerPort })) }] });
    await update(release, await push(release, '2.0'), { ...OPTIONS, definition: onPorts(9_090) });
    expect(await running(release, 'green')).toMatchObject({ endpoint: { container: 'server', port: 9_090 } });

    const third = await push(release, '3.0');
    await rollout(release, third, { definition: onPorts(9_090, 8_080) });
    expect(await running(release, 'blue')).toMatchObject({ version: { digest: third.digest }, endpoint: { container: 'server', port: 9_090 } });
  }));
