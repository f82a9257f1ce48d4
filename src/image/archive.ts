/** Reads images that were made elsewhere: an OCI layout, as a folder or an archive, or what `docker save` writes. */
import { usageError } from '../errors.ts';
import { readDockerArchive } from './docker-archive.ts';
import type { BuiltImage } from './image.ts';
import { readOciLayout } from './oci-layout.ts';
import { type OpenArchive, openArchive } from './open-archive.ts';
import { makeWorkFolder } from './work-folder.ts';

/**
 * Reads the one image of an archive, and checks that it is whole. Layers that are not compressed are.
 * @param path a folder, or a tar archive, compressed or not
 * @throws CanaryError, exit 2, for what is no such archive, damaged, or holds several images, with what to do
 */
export async function readArchive(path: string): Promise<BuiltImage> {
  const work = await makeWorkFolder();
  return work.keptOnSuccess(async () => ({ ...(await readImage(await openArchive(path, work.dir))), dispose: () => work.remove() }));
}

async function readImage(archive: OpenArchive): Promise<Omit<BuiltImage, 'dispose'>> {
  // Newer versions of docker write both descriptions; OCI's says more.
  const index = await archive.find('index.json');
  if (index !== undefined) return readOciLayout(archive, index);
  const manifest = await archive.find('manifest.json');
  if (manifest !== undefined) return readDockerArchive(archive, manifest);
  throw usageError(
    `${archive.name} holds no image: it has neither an index.json (OCI) nor a manifest.json (docker save).`,
    'Write one with docker save -o FILE IMAGE, podman save --format oci-archive -o FILE IMAGE, or buildah push IMAGE oci-archive:FILE.',
  );
}
