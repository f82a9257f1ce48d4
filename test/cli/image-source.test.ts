/** What is built, by the options of `push` and `update`: contradictions end 2 before AWS is asked. */
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
