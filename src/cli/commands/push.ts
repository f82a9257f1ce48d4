/** `push`: builds the image, signs in, pushes it, prints the digest. */
import { usageError } from '../../errors.ts';
import { type Command, type Values, option } from '../command.ts';
import type { Context } from '../context.ts';
import { type ImageSource, imageOptions, imageSource } from '../image-source.ts';
import { openRelease } from '../session.ts';
import type { Release } from '../../release/operations.ts';
import type { Version } from '../../release/model.ts';
import { type Platform, platformName } from '../../settings/platforms.ts';

export const push: Command = {
  name: 'push',
  summary: 'build the image and push it to the repository of the service',
  argument: { name: '[dir]', description: 'folder with the Dockerfile (default: .)' },
  options: [option('--tag <tag>', 'name of the version (default: by git describe; needed with --image-archive)'), ...imageOptions()],
  examples: ['ecs-canary push --tag 1.0', 'ecs-canary push ./server --tag 1.0 --builder podman --build-arg LEVEL=2'],
  writes: true,
  async run(context, values, dir = '.') {
    const name = await versionName(values, dir);
    const source = await imageSource(context, values, dir);
    const release = await openRelease(context, { writes: true });
    if (context.dryRun) {
      const { showSteps } = await import('../show-plan.ts');
      return showSteps(context, [pushStep(release, source, shown(name))]);
    }
    const { tag, digest, image, platform } = await pushVersion(context, release, source, name);
    context.print(`Pushed ${tag}`);
    context.print(`Digest: ${digest}`);
    context.print(`Platform: ${platformName(platform)}`);
    return { tag, digest, image, platform: platformName(platform) };
  },
};

/** What a push does, for `--dry-run`. */
export function pushStep(release: Release, source: ImageSource, tag: string): string {
  return `${source.step} and push it as ${release.place.repositoryName}:${tag}`;
}

export interface Pushed extends Version {
  readonly digest: string;
  readonly platform: Platform;
}

/** Builds or reads the image, and pushes it; the digest is the registry's own word. */
export async function pushVersion(context: Context, release: Release, source: ImageSource, name: VersionName): Promise<Pushed> {
  const { pushImage } = await import('../../image/registry-client.ts');
  const { versionOf } = await import('../../release/versions.ts');
  // Before a build that may take minutes.
  const signedIn = await release.aws.registry.signIn();
  const registry = { ...signedIn, signInAgain: async () => (await release.aws.registry.signIn()).authorization };
  const { signal, timeout } = context;
  const built = await source.open(registry);
  const tag = name.dirty ? `${name.name}-dirty-${built.manifest.digest.replace('sha256:', '').slice(0, 8)}` : name.name;
  try {
    const digest = await pushImage(built, { ...registry, repository: release.place.repositoryName, tag }, {
      signal,
      timeout,
      onProgress: (sent, total) => context.progress({ type: 'upload', sent, total }),
    });
    return { ...versionOf(release.place.repositoryUri, tag, digest), digest, platform: built.platform };
  } finally {
    await built.dispose();
  }
}

/** What a version is to be called; the name of a dirty tree's gets its image's digest, which nobody knows before the build. */
export interface VersionName {
  readonly name: string;
  readonly dirty: boolean;
}

/** @throws CanaryError `usage` for a tag that a registry would refuse, and where there is none for an archive, or git knows none. */
export async function versionName({ tag, imageArchive }: Values, dir: string): Promise<VersionName> {
  // Empty, as from a script's missing variable, must not become another name.
  if (typeof tag === 'string') return { name: requiredTag(tag), dirty: false };
  if (imageArchive !== undefined) throw usageError('--tag is missing: the name of the version, such as 1.0. An archive was made elsewhere, and git knows nothing of it.');
  const { describeFolder } = await import('../../image/git-version.ts');
  const { name, dirty } = await describeFolder(dir);
  return { name: requiredTag(name), dirty };
}

/** The tag before the build, for `--dry-run`. */
export function shown({ name, dirty }: VersionName): string {
  return dirty ? `${name}-dirty-<digest>` : name;
}

/** @throws CanaryError `usage` for a tag that a registry would refuse. */
export function requiredTag(tag: string | undefined): string {
  if (tag === undefined) throw usageError('--tag is missing: the name of the version, such as 1.0.');
  if (!/^\w[\w.-]{0,127}$/.test(tag)) {
    throw usageError(`--tag is "${tag}": it should be letters, digits, points, hyphens and underscores, such as 1.0.`);
  }
  return tag;
}
