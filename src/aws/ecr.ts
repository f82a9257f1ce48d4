/** Image repositories: versions by tag and digest, and the way in for a push. */
import type { ImageDetail } from '@aws-sdk/client-ecr';
import { allPages, type Caller, clientOptions, explaining, isAws, once } from './connect.ts';
import type { Platform } from '../settings/platforms.ts';
import { needed } from './needed.ts';

export interface Image {
  /** `sha256:…` */
  readonly digest: string;
  readonly tags: readonly string[];
  /** ms since 1970. */
  readonly pushedAt: number;
}

export interface RegistrySignIn {
  /** Where the registry answers, with its scheme. */
  readonly endpoint: string;
  /** Value of the Authorization header. A secret: never to be shown or logged. */
  readonly authorization: string;
}

export interface Registry {
  /** The image that a tag names; undefined when there is none, or no such repository. */
  imageByTag(repository: string, tag: string): Promise<Image | undefined>;
  /**
   * What an image runs on: more than one for an image of several platforms. Undefined where its index does not say, and where its
   * config does not come from where ECR says that it is: that is S3, which another network may not reach.
   * @param digest of an image that is there
   * @throws CanaryError `bad-answer` when what AWS has of it cannot be read
   */
  platformsOf(repository: string, digest: string): Promise<Platform[] | undefined>;
  /** All images that have a tag, newest first. */
  taggedImages(repository: string): Promise<Image[]>;
  signIn(): Promise<RegistrySignIn>;
  /** Digests of all images in the repository, tagged or not; undefined when there is no such repository. */
  digests(repository: string): Promise<string[] | undefined>;
  /** Indexes before the images that they point to. What an index that is not among them points to stays. */
  deleteImages(repository: string, digests: readonly string[]): Promise<void>;
}

/** BatchDeleteImage takes no more images than this. */
const DELETE_AT_ONCE = 100;

/** Base64. Whatever else would be refused as a header, with an error that shows it. */
const TOKEN = /^[\w+/=-]+$/;

/** An index in the repository points to the image. */
const HELD = 'ImageReferencedByManifestList';

export function registry(caller: Caller): Registry {
  const connect = once(async () => {
    const sdk = await import('./sdk/ecr.ts');
    return { sdk, client: explaining('ecr', new sdk.ECRClient(await clientOptions(caller))) };
  });

  return {
    async imageByTag(repository, tag) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(
          new sdk.DescribeImagesCommand({ repositoryName: repository, imageIds: [{ imageTag: tag }] }),
        );
        return answer.imageDetails?.map(toImage)[0];
      } catch (error) {
        if (isAws(error, 'ImageNotFoundException', 'RepositoryNotFoundException')) return undefined;
        throw error;
      }
    },

    async platformsOf(repository, digest) {
      const [{ sdk, client }, { MANIFEST_TYPES, readManifest, readPlatform }] = await Promise.all([connect(), import('./image-platform.ts')]);
      const asked = { repositoryName: repository, imageIds: [{ imageDigest: digest }], acceptedMediaTypes: MANIFEST_TYPES };
      const { images } = await client.send(new sdk.BatchGetImageCommand(asked));
      const manifest = needed(readManifest(images?.[0]?.imageManifest), 'BatchGetImage', `the manifest of ${digest}`);
      if ('platforms' in manifest) return manifest.platforms;
      const { config: layerDigest } = manifest;
      const { downloadUrl } = await client.send(new sdk.GetDownloadUrlForLayerCommand({ repositoryName: repository, layerDigest }));
      const platform = await readPlatform(needed(downloadUrl, 'GetDownloadUrlForLayer', 'an address'), caller.patience.signal);
      return platform && [platform];
    },

    async taggedImages(repository) {
      const { sdk, client } = await connect();
      const images = await allPages(async (nextToken) => {
        const answer = await client.send(
          new sdk.DescribeImagesCommand({ repositoryName: repository, filter: { tagStatus: 'TAGGED' }, nextToken }),
        );
        return [(answer.imageDetails ?? []).map(toImage), answer.nextToken];
      });
      return images.toSorted((a, b) => b.pushedAt - a.pushedAt);
    },

    async signIn() {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.GetAuthorizationTokenCommand({}));
      const { proxyEndpoint, authorizationToken } = answer.authorizationData?.[0] ?? {};
      const endpoint = proxyEndpoint !== undefined && URL.canParse(proxyEndpoint) ? proxyEndpoint : undefined;
      return {
        endpoint: needed(endpoint, 'GetAuthorizationToken', 'the address of the registry'),
        authorization: `Basic ${needed(TOKEN.exec(authorizationToken ?? '')?.[0], 'GetAuthorizationToken', 'a token')}`,
      };
    },

    async digests(repository) {
      const { sdk, client } = await connect();
      try {
        const ids = await allPages(async (nextToken) => {
          const answer = await client.send(new sdk.ListImagesCommand({ repositoryName: repository, nextToken }));
          return [(answer.imageIds ?? []).flatMap(({ imageDigest }) => imageDigest ?? []), answer.nextToken];
        });
        return [...new Set(ids)];
      } catch (error) {
        if (isAws(error, 'RepositoryNotFoundException')) return undefined;
        throw error;
      }
    },

    async deleteImages(repository, digests) {
      const { sdk, client } = await connect();
      let left = digests;
      for (;;) {
        const held: string[] = [];
        for (let start = 0; start < left.length; start += DELETE_AT_ONCE) {
          const imageIds = left.slice(start, start + DELETE_AT_ONCE).map((imageDigest) => ({ imageDigest }));
          const { failures = [] } = await client.send(new sdk.BatchDeleteImageCommand({ repositoryName: repository, imageIds }));
          held.push(...failures.flatMap(({ imageId, failureCode }) => (failureCode === HELD && imageId?.imageDigest ? [imageId.imageDigest] : [])));
        }
        if (held.length === 0 || held.length === left.length) return;
        left = held;
      }
    },
  };
}

function toImage({ imageDigest, imageTags = [], imagePushedAt }: ImageDetail): Image {
  return { digest: needed(imageDigest, 'DescribeImages', 'the digest of an image'), tags: imageTags, pushedAt: imagePushedAt?.getTime() ?? 0 };
}
