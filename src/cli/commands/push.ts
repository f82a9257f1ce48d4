/** `push`: builds the image, signs in, pushes it, prints the digest. */
import { usageError } from '../../errors.ts';
import { type Command, option, textOf } from '../command.ts';
import type { Context } from '../context.ts';
import { openRelease } from '../session.ts';
import type { Release } from '../../release/operations.ts';
import type { Version } from '../../release/model.ts';

export const push: Command = {
  name: 'push',
  summary: 'build the image and push it to the repository of the service',
  argument: { name: '[dir]', description: 'folder with the Dockerfile (default: .)' },
  options: [option('--tag <tag>', 'name of the version (needed)')],
  examples: ['ecs-canary push --tag 1.0', 'ecs-canary push ./server --tag 1.0'],
  writes: true,
  async run(context, values, dir = '.') {
    const tag = requiredTag(textOf(values, 'tag'));
    const release = await openRelease(context, { writes: true });
    if (context.dryRun) {
      const { showSteps } = await import('../show-plan.ts');
      return showSteps(context, [pushStep(release, dir, tag)]);
    }
    const { digest, image } = await pushVersion(context, release, dir, tag);
    context.print(`Pushed ${tag}`);
    context.print(`Digest: ${digest}`);
    return { tag, digest, image };
  },
};

/** What a push does, for `--dry-run`. */
export function pushStep(release: Release, dir: string, tag: string): string {
  return `build the image of ${dir} with ${release.settings.service.builder} and push it as ${release.place.repositoryName}:${tag}`;
}

/** Builds and pushes; the digest is the registry's own word. */
export async function pushVersion(context: Context, release: Release, dir: string, tag: string): Promise<Version & { digest: string }> {
  const { PLATFORMS } = await import('../../image/image.ts');
  const { builders } = await import('../../image/builder.ts');
  const { pushImage } = await import('../../image/registry-client.ts');
  const { versionOf } = await import('../../release/versions.ts');
  const { service } = release.settings;
  const built = await builders[service.builder].build(dir, { platform: PLATFORMS[service.cpuArchitecture] });
  const { endpoint, authorization } = await release.aws.registry.signIn();
  const total = built.blobs.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const target = { endpoint, authorization, repository: release.place.repositoryName, tag };
  const digest = await pushImage(built, target, {
    signal: context.signal,
    onBlob: ({ bytes }) => context.progress({ type: 'upload', sent: (done += bytes), total }),
  });
  return { ...versionOf(release.place.repositoryUri, tag, digest), digest };
}

/** @throws CanaryError `usage` for a tag that a registry would refuse. */
export function requiredTag(tag: string | undefined): string {
  if (tag === undefined) throw usageError('--tag is missing: the name of the version, such as 1.0.');
  if (!/^\w[\w.-]{0,127}$/.test(tag)) {
    throw usageError(`--tag is "${tag}": it should be letters, digits, points, hyphens and underscores, such as 1.0.`);
  }
  return tag;
}
