/** Where tasks are: a network that was changed counts for a colour from its next rollout on, and no sooner. */
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { prepareRollout } from '../../src/release/operations.ts';
import { generate } from '../../src/release/task-definition.ts';
import { readSettings } from '../../src/settings/settings.ts';
import { update } from '../../src/release/update.ts';
import { type Project, REGION, withProject } from '../infra/project.ts';
import { halfWay } from './fleet.ts';
import { OPTIONS, SETTINGS, openRelease, push } from './deployment.ts';
import { place } from './states.ts';

/** Subnets of a colour's service, and whether its tasks get public addresses. */
async function networkOf({ sandbox }: Project, colour: string): Promise<unknown> {
  const region = await sandbox.region(REGION);
  const answer = await region.call('ecs', 'DescribeServices', { cluster: 'fleet', services: [`server-${colour}`] });
  const [service] = 'services' in answer && Array.isArray(answer.services) ? answer.services : [];
  return service?.networkConfiguration?.awsvpcConfiguration;
}

test('services keep their network while private subnets are built, and get them with their next version', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '0.9'), { ...OPTIONS, steps: [100] });
    await halfWay(release, await push(release, '1.0'));
    const before = { blue: await networkOf(project, 'blue'), green: await networkOf(project, 'green') };
    expect(before.green).toEqual({ subnets: release.place.subnets, securityGroups: release.place.securityGroups, assignPublicIp: 'ENABLED' });

    const { session, settings } = project.session({ ...SETTINGS, NAT: 'one' });
    expect((await buildInfra(session)).changed).toBe(true);
    expect({ blue: await networkOf(project, 'blue'), green: await networkOf(project, 'green') }).toEqual(before);

    const moved = { ...release, settings, place: await describePlace(project.aws, settings, 'server') };
    expect(moved.place.subnets).not.toEqual(release.place.subnets);
    const options = { definition: undefined, tasks: undefined, acceptDrift: false, replace: true, keepOld: false };
    await (await prepareRollout(moved, await push(release, '1.1'), options)).run();
    expect(await networkOf(project, 'green')).toEqual({ subnets: moved.place.subnets, securityGroups: moved.place.securityGroups, assignPublicIp: 'DISABLED' });
    expect(await networkOf(project, 'blue')).toEqual(before.blue);

    // Its tasks need the way out for as long as they are there.
    await expect(buildInfra(project.session(SETTINGS).session)).rejects.toMatchObject({ code: 'tasks-stranded', message: expect.stringContaining('tasks of server-green are') });
    expect((await buildInfra(project.session({ ...SETTINGS, NAT: 'per-zone' }).session)).changed).toBe(true);
  }));

test('a generated task definition hands out the secrets beside PORT, and none where none are named', () => {
  const KEY = 'arn:aws:ssm:eu-west-1:123456789012:parameter/echo/key';
  const version = { tag: '1.0', digest: undefined, image: 'registry/echo/server:1.0' };
  const containerOf = (secrets: Record<string, string>) => generate({ ...SERVICE, secrets }, place, 'eu-west-1', version).containerDefinitions?.[0];
  expect(containerOf({ KEY })).toMatchObject({ environment: [{ name: 'PORT', value: '8080' }], secrets: [{ name: 'KEY', valueFrom: KEY }] });
  expect(containerOf({})).not.toHaveProperty('secrets');
});

const SERVICE = readSettings({ PROJECT_NAME: 'echo', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '123456789012' }).service;
