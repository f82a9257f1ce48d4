/** From a tag to the image that it names: what is deployed is always the digest, since a tag can move. */
import type { Aws } from '../aws/aws.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import type { Place, Version } from './model.ts';

/**
 * @param tag undefined for the last version pushed.
 * @throws CanaryError `image-not-found`.
 */
export async function findVersion(aws: Aws, place: Place, tag: string | undefined): Promise<Version> {
  const { repositoryName, repositoryUri } = place;
  if (tag !== undefined) {
    const image = await aws.registry.imageByTag(repositoryName, tag);
    if (image) return versionOf(repositoryUri, tag, image.digest);
    const known = (await aws.registry.taggedImages(repositoryName)).flatMap(({ tags }) => tags).slice(0, 5);
    throw new CanaryError({
      code: 'image-not-found',
      message: `Repository ${repositoryName} has no image with the tag ${tag}. ${known.length > 0 ? `The last ones pushed: ${known.join(', ')}.` : 'It is empty.'}`,
      usersAre: UNCHANGED,
      next: `ecs-canary push --tag ${tag}`,
    });
  }
  const [last] = await aws.registry.taggedImages(repositoryName);
  const lastTag = last?.tags[0];
  if (last && lastTag !== undefined) return versionOf(repositoryUri, lastTag, last.digest);
  throw new CanaryError({
    code: 'image-not-found',
    message: `Repository ${repositoryName} is empty: no version was pushed yet.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary push --tag <version>',
  });
}

export function versionOf(repositoryUri: string, tag: string, digest: string): Version {
  return { tag, digest, image: `${repositoryUri}@${digest}` };
}
