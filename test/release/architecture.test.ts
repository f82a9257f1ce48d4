/** What an image was built for is what its tasks get, and nothing is started where that contradicts what somebody said. */
import { jsonDocument, MEDIA_TYPES, PLATFORMS, type Platform, descriptor } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import type { TaskDefinition } from '../../src/aws/ecs.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareRollout } from '../../src/release/operations.ts';
import { update } from '../../src/release/update.ts';
import { versionOf } from '../../src/release/versions.ts';
import type { Version } from '../../src/release/model.ts';
import { withFolder } from '../folder.ts';
import { type Project, withProject } from '../infra/project.ts';
import { OPTIONS, SETTINGS, filesOf, openRelease } from './deployment.ts';

/** Pushes an image for each platform; for several under an index of them. */
async function pushFor({ aws, place }: Release, tag: string, ...platforms: Platform[]): Promise<Version> {
  const target = { ...(await aws.registry.signIn()), repository: place.repositoryName };
  const entries = [];
  let digest = '';
  for (const platform of platforms) {
    const image = await withFolder(filesOf(tag, ''), (dir) => packImage(dir, { platform }));
    digest = await pushImage(image, { ...target, tag: platforms.length === 1 ? tag : `${tag}-${platform.architecture}` });
    entries.push({ ...descriptor(image.manifest), platform });
    await image.dispose();
  }
  if (platforms.length > 1) {
    const manifest = jsonDocument(MEDIA_TYPES.index, { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [...entries, { ...entries[0], platform: { os: 'unknown', architecture: 'unknown' } }] });
    digest = await pushImage({ manifest, blobs: [], platform: PLATFORMS.X86_64, dispose: async () => undefined }, { ...target, tag });
  }
  return versionOf(place.repositoryUri, tag, digest);
}

/** What would be registered for a version; nothing is started. */
async function definitionFor(release: Release, version: Version, given?: object) {
  let registered: Parameters<Release['aws']['containers']['registerTaskDefinition']>[0] | undefined;
  const containers = {
    ...release.aws.containers,
    registerTaskDefinition: async (definition: NonNullable<typeof registered>) => {
      registered = definition;
      throw new Error('looked at, and not started');
    },
  };
  const base = given && { family: 'fleet-server', containerDefinitions: [{ name: 'server', image: 'x' }], ...given };
  const prepared = await prepareRollout({ ...release, aws: { ...release.aws, containers } }, version, { ...OPTIONS, definition: base });
  await expect(prepared.run()).rejects.toThrow('looked at, and not started');
  return registered?.runtimePlatform;
}

const openWith = (project: Project, variables: Record<string, string>): Release['settings'] => project.session({ ...SETTINGS, ...variables }).settings;

test('tasks get the processor that the image was built for', () =>
  withProject(async (project) => {
    const told: string[] = [];
    const release = await openRelease(project, (event) => event.type === 'hazard' && told.push(event.text));
    const [x86, arm, both] = [
      await pushFor(release, 'x86', PLATFORMS.X86_64), await pushFor(release, 'arm', PLATFORMS.ARM64), await pushFor(release, 'both', PLATFORMS.X86_64, PLATFORMS.ARM64),
    ];
    // Generated, for the first version.
    expect(await definitionFor(release, arm)).toEqual({ cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' });
    expect(await definitionFor(release, both)).toMatchObject({ cpuArchitecture: 'X86_64' });
    expect(await definitionFor({ ...release, settings: openWith(project, { CPU_ARCHITECTURE: 'ARM64' }) }, both)).toMatchObject({ cpuArchitecture: 'ARM64' });
    // Given by the user: what it does not say is the image's, and what it says stays.
    expect(await definitionFor(release, arm, {})).toEqual({ cpuArchitecture: 'ARM64' });
    expect(await definitionFor(release, x86, {})).toBeUndefined();
    expect(await definitionFor(release, both, { runtimePlatform: { cpuArchitecture: 'ARM64' } })).toEqual({ cpuArchitecture: 'ARM64' });
    // Taken from what runs.
    await update(release, x86, OPTIONS);
    expect(await definitionFor(release, both)).toMatchObject({ cpuArchitecture: 'X86_64' });
    expect(told).toEqual([]);
    expect(await definitionFor(release, arm)).toEqual({ cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' });
    expect(told).toEqual(['The tasks of arm run on ARM64, those of the primary on X86_64.']);
    expect(await definitionFor({ ...release, settings: openWith(project, { CPU_ARCHITECTURE: 'ARM64' }) }, both)).toMatchObject({ cpuArchitecture: 'ARM64' });
  }));

test('a config that does not come is told, and holds nobody up', () =>
  withProject(async (project) => {
    const told: string[] = [];
    const release = await openRelease(project, (event) => event.type === 'hazard' && told.push(event.text));
    const arm = await pushFor(release, 'arm', PLATFORMS.ARM64);
    const registry = { ...release.aws.registry, platformsOf: async () => undefined };
    const cut = { ...release, aws: { ...release.aws, registry } };
    const WARNING = 'What arm was built for could not be read: whether its tasks get that processor is not checked.';
    expect(await definitionFor(cut, arm)).toMatchObject({ cpuArchitecture: 'X86_64' });
    expect(told.splice(0)).toEqual([WARNING]);
    // What the user said is better than nothing, in a file before the settings.
    const settings = openWith(project, { CPU_ARCHITECTURE: 'ARM64' });
    expect(await definitionFor({ ...cut, settings }, arm, {})).toEqual({ cpuArchitecture: 'ARM64' });
    expect(await definitionFor({ ...cut, settings }, arm, { runtimePlatform: { cpuArchitecture: 'X86_64' } })).toEqual({ cpuArchitecture: 'X86_64' });
    expect(told.splice(0)).toEqual([WARNING, WARNING]);
    // What the same run has built it for leaves no question.
    const built = { ...arm, platform: PLATFORMS.ARM64 };
    expect(await definitionFor(cut, built)).toMatchObject({ cpuArchitecture: 'ARM64' });
    await expect(prepareRollout({ ...cut, settings: openWith(project, { CPU_ARCHITECTURE: 'X86_64' }) }, built, OPTIONS)).rejects.toMatchObject({ code: 'wrong-platform' });
    expect(told).toEqual([]);
  }));

test('an image for another processor than somebody asked for is refused before anything is started', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    const arm = await pushFor(release, 'arm', PLATFORMS.ARM64);
    const other = await pushFor(release, 'other', { os: 'linux', architecture: 's390x' });
    const writes = await project.writes();
    const settings = openWith(project, { CPU_ARCHITECTURE: 'X86_64' });
    await expect(prepareRollout({ ...release, settings }, arm, OPTIONS)).rejects.toMatchObject({ code: 'wrong-platform', exitCode: 1, message: 'arm is an image for linux/arm64, and CPU_ARCHITECTURE is X86_64.' });
    const definition: TaskDefinition = { family: 'fleet-server', containerDefinitions: [{ name: 'server', image: 'x' }], runtimePlatform: { cpuArchitecture: 'X86_64' } };
    await expect(prepareRollout(release, arm, { ...OPTIONS, definition })).rejects.toMatchObject({ message: expect.stringMatching(/linux\/arm64, and the cpuArchitecture of the task definition is X86_64\.$/) });
    // Before it is even built.
    const planned: Version = { tag: 'next', digest: undefined, image: `${release.place.repositoryUri}:next`, platform: PLATFORMS.X86_64 };
    const arms: TaskDefinition = { ...definition, runtimePlatform: { cpuArchitecture: 'ARM64' } };
    await expect(prepareRollout(release, planned, { ...OPTIONS, definition: arms })).rejects.toMatchObject({ message: expect.stringMatching(/^next is an image for linux\/amd64, and .* ARM64\.$/) });
    await expect(prepareRollout(release, other, OPTIONS)).rejects.toMatchObject({ message: 'other is an image for linux/s390x, and its tasks run linux on amd64 or arm64.' });
    expect(await project.writes()).toEqual(writes);
    expect((await observe(release.aws, release.place)).log).toEqual([]);
  }));

test('what is for Windows counts for tasks of Windows alone', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    const windows = { os: 'windows', architecture: 'amd64' };
    const only = await pushFor(release, 'only', windows);
    const both = await pushFor(release, 'both', windows, PLATFORMS.ARM64);
    await expect(prepareRollout(release, only, OPTIONS)).rejects.toMatchObject({ code: 'wrong-platform', message: 'only is an image for windows/amd64, and its tasks run linux on amd64 or arm64.' });
    expect(await definitionFor(release, both)).toMatchObject({ cpuArchitecture: 'ARM64' });
    const runtimePlatform = { operatingSystemFamily: 'WINDOWS_SERVER_2022_CORE' };
    expect(await definitionFor(release, only, { runtimePlatform })).toEqual(runtimePlatform);
  }));
