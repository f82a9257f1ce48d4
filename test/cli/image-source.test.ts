/** What is built, by the options of `push` and `update`: what contradicts ends 2, mostly before AWS is asked. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PLATFORMS } from '../../src/image/image.ts';
import { withFolder } from '../folder.ts';
import { makeArchive } from '../image/stub-engines.ts';
import { withProject } from '../infra/project.ts';
import { cli } from './spawn.ts';

/** Nothing answers at the endpoint: a command that came so far would say so. */
const SETTINGS = {
  PROJECT_NAME: 'echo', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b',
};
const PACK = { BUILDER: 'pack' };

const CASES: [what: string, args: string[], env: Record<string, string>, expected: RegExp][] = [
  ['a builder that there is not', ['--builder', 'kaniko'], {}, /--builder is "kaniko": it should be docker, podman, buildah or pack\./],
  ['a builder that is an empty variable', ['--builder='], {}, /--builder is ""/],
  ['a tag that is an empty variable', ['--tag='], {}, /--tag is ""/],
  ['a platform that there is not', ['--platform', 'linux/sparc'], PACK, /--platform is "linux\/sparc": it should be linux\/amd64 or linux\/arm64\./],
  ['a platform that the settings contradict', ['--platform', 'linux/amd64'], { ...PACK, CPU_ARCHITECTURE: 'ARM64' }, /--platform is linux\/amd64, and CPU_ARCHITECTURE is ARM64, which is linux\/arm64\./],
  ['a build argument for pack', ['--build-arg', 'A=1'], PACK, /--build-arg has no use here: the builder pack does not know it\./],
  ['a stage for pack, by its variable', [], { ...PACK, ECS_CANARY_TARGET: 'hull' }, /--target has no use here/],
  ['no cache for pack', ['--no-cache'], PACK, /--no-cache has no use here/],
  ['an option for engines where there is none', ['--cache-from', 'x'], { PATH: '/nowhere' }, /--cache-from has no use here: the builder pack/],
  ['a builder for an archive', ['--image-archive', 'x.tar', '--builder', 'pack'], {}, /--builder has no use here: nothing is built/],
  ['an archive that is an empty variable', ['--image-archive='], {}, /--image-archive is empty/],
];

test.each(CASES)('%s', async (_what, args, env, expected) => {
  const { code, stdout, stderr } = await cli(['push', ...(args.some((arg) => arg.startsWith('--tag')) ? [] : ['--tag', '1']), ...args], { env: { ...SETTINGS, ...env } });
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(expected) });
});

test('--builder beats BUILDER, and one that is not there is named with the others', async () => {
  const { code, stderr } = await cli(['update', '--tag', '1', '--builder', 'docker'], { env: { ...SETTINGS, ...PACK, PATH: '/nowhere' } });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/The builder docker cannot be used: it is not installed\.\nNext: .*--builder \(podman, buildah, pack\)/) });
});

test('an archive is pushed as it is, for the platform that it was built for, and not where the settings say another', () =>
  withProject((project) => withFolder({}, async (dir) => {
    const env = { ...project.variables(), AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', TMPDIR: dir };
    const archive = await makeArchive(dir, PLATFORMS.ARM64);
    const push = (args: string[], more: Record<string, string> = {}) => cli(['push', '--image-archive', archive, '--tag', '1.0', ...args], { env: { ...env, ...more } });
    expect(await cli(['build-infra'], { env })).toMatchObject({ code: 0 });

    expect(await push(['--dry-run'])).toMatchObject({ code: 0, stdout: expect.stringContaining(`1. read the image of ${archive} and push it as fleet/server:1.0\n`) });
    const refused = await push([], { CPU_ARCHITECTURE: 'X86_64' });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`The image of ${archive} is linux/arm64, and CPU_ARCHITECTURE is X86_64, which is linux/amd64.`) });
    const full = await cli(['push', '--image-archive', archive, '--tag', '1.0'], { env, noRoom: true });
    expect(full).toMatchObject({ code: 1, stderr: expect.stringMatching(`Error: ${dir} has no room for the image: EFBIG.*\nNext: make room there, or name another folder with TMPDIR`) });
    const { code, stdout } = await push(['--json'], { CPU_ARCHITECTURE: 'ARM64' });
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, tag: '1.0', digest: expect.stringMatching(/^sha256:/), platform: 'linux/arm64' });
    expect((await readdir(dir)).filter((name) => name.startsWith('ecs-canary-'))).toEqual([]);
  })), 60_000);

test('an archive is not named after a commit that it may not be of', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  for (const command of ['push', 'update']) {
    const { code, stdout, stderr } = await cli([command, root, '--image-archive', 'x.tar'], { env: { ...SETTINGS } });
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/^Error: --tag is missing: .*An archive was made elsewhere/) });
  }
});
