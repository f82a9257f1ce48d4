/** Images that others made: what is read from an archive, and what is refused. */
import { appendFile, cp, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { create } from 'tar';
import { readArchive } from '../../src/image/archive.ts';
import { readDockerArchive } from '../../src/image/docker-archive.ts';
import { type BuiltImage, PLATFORMS, sha256 } from '../../src/image/image.ts';
import { openArchive } from '../../src/image/open-archive.ts';
import { packImage } from '../../src/image/pack.ts';
import { withFolder } from '../folder.ts';
import { contentOf } from './content.ts';
import { runTool, testWith } from './tools.ts';

let dir: string;
let packed: BuiltImage;
const images: BuiltImage[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'archive-'));
  packed = await build(PLATFORMS.ARM64);
});

afterEach(async () => {
  for (const image of images.splice(0)) await image.dispose();
  await rm(dir, { recursive: true });
});

async function build(platform: (typeof PLATFORMS)[keyof typeof PLATFORMS]): Promise<BuiltImage> {
  const files = { Dockerfile: 'FROM node\nCOPY lib /lib\nCOPY a.js /\nCMD ["node", "/a.js"]\n', 'a.js': 'a', 'lib/x': 'x' };
  const image = await withFolder(files, (folder) => packImage(folder, { platform }));
  images.push(image);
  return image;
}

async function read(path: string): Promise<BuiltImage> {
  const image = await readArchive(path);
  images.push(image);
  return image;
}

interface Entry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: object;
  readonly annotations?: Record<string, string>;
}

const entryOf = ({ manifest: { mediaType, digest, size }, platform }: BuiltImage): Entry => ({ mediaType, digest, size, platform });

async function writeBlob(layout: string, content: Buffer): Promise<string> {
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
  await writeFile(join(layout, 'blobs', sha256(content).replace(':', '/')), content);
  return sha256(content);
}

/** An OCI layout of an image, below `dir`. */
async function writeLayout(image = packed, entries = [entryOf(image)]): Promise<string> {
  const layout = join(dir, 'layout');
  for (const blob of [...image.blobs, image.manifest]) await writeBlob(layout, await contentOf(blob));
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
  return layout;
}

async function archived(folder: string, gzip = false): Promise<string> {
  const file = join(dir, 'archive.tar');
  await create({ file, cwd: folder, gzip }, await readdir(folder));
  return file;
}

/** As docker wrote it before version 25: a folder for each layer, and a link where two are the same. */
async function writeDockerSave(): Promise<string> {
  const folder = join(dir, 'save');
  const layers = packed.blobs.slice(0, -1);
  for (const [index, layer] of layers.entries()) {
    await mkdir(join(folder, `${index}`), { recursive: true });
    await writeFile(join(folder, `${index}`, 'content'), gunzipSync(await contentOf(layer)));
    await symlink('content', join(folder, `${index}`, 'layer.tar'));
  }
  await writeFile(join(folder, 'config.json'), await contentOf(packed.blobs.at(-1)));
  const list = [{ Config: 'config.json', RepoTags: ['echo:1'], Layers: layers.map((_layer, index) => `${index}/layer.tar`) }];
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(list));
  return folder;
}

const digests = ({ blobs }: BuiltImage) => blobs.map(({ digest }) => digest);

test('an OCI layout is read as it is: as a folder, as an archive, and compressed', async () => {
  const layout = await writeLayout();
  for (const path of [layout, await archived(layout), await archived(layout, true)]) {
    const image = await read(path);
    expect(image.manifest.digest).toBe(packed.manifest.digest);
    expect(digests(image)).toEqual(digests(packed));
    expect(image.platform).toEqual({ os: 'linux', architecture: 'arm64' });
    const [layer] = image.blobs;
    expect(await contentOf(layer, 7)).toEqual((await contentOf(packed.blobs[0])).subarray(7));
  }
});

test('what docker save writes is compressed, the same each time', async () => {
  const archive = await archived(await writeDockerSave());
  const image = await read(archive);
  expect(digests(image)).toEqual(digests(packed));
  expect(image.platform).toEqual({ os: 'linux', architecture: 'arm64' });
  expect((await read(archive)).manifest.digest).toBe(image.manifest.digest);
});

test('layers that an engine left uncompressed are compressed, and what the manifest says besides is kept', async () => {
  const layout = join(dir, 'layout');
  const [first, ...others] = packed.blobs.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
  const plain = gunzipSync(await contentOf(packed.blobs[0]));
  const config = others.pop();
  const manifest = {
    schemaVersion: 2,
    mediaType: packed.manifest.mediaType,
    config,
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: await writeBlob(layout, plain), size: plain.length }, ...others],
    annotations: { 'org.example': 'kept' },
  };
  const content = Buffer.from(JSON.stringify(manifest));
  await writeBlob(layout, content);
  await writeLayout(packed, [{ mediaType: packed.manifest.mediaType, digest: sha256(content), size: content.length }]);
  const image = await read(layout);
  expect(digests(image)).toEqual(digests(packed));
  expect(JSON.parse(image.manifest.content.toString())).toEqual({ ...manifest, layers: [first, ...others] });
});

test('an index in the index is looked through, and what BuildKit tells of its build is no image', async () => {
  const attestation = { ...entryOf(packed), digest: `sha256:${'0'.repeat(64)}`, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } };
  const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entryOf(packed), attestation] }));
  const layout = await writeLayout(packed, [{ mediaType: 'application/vnd.oci.image.index.v1+json', digest: sha256(inner), size: inner.length }]);
  await writeBlob(layout, inner);
  expect((await read(layout)).manifest.digest).toBe(packed.manifest.digest);
});

test('several images, and an image for several platforms, are refused with what to do', async () => {
  const other = await build(PLATFORMS.X86_64);
  const layout = await writeLayout(packed, [entryOf(packed), entryOf(other)]);
  await expect(readArchive(layout)).rejects.toMatchObject({
    exitCode: 2, message: expect.stringContaining('linux/arm64, linux/amd64'), next: expect.stringContaining('--platform linux/arm64'),
  });
  const named = [{ ...entryOf(packed), annotations: { 'org.opencontainers.image.ref.name': 'one' } }, { ...entryOf(other), platform: undefined }];
  await writeLayout(packed, named);
  await expect(readArchive(layout)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(`2 images: one, ${other.manifest.digest}`) });
});

test.each<[what: string, damage: (layout: string) => Promise<unknown>, message: RegExp]>([
  ['a blob that is missing', (layout) => rm(blobFile(layout, 0)), /lacks sha256:/],
  ['a blob with something else in it', (layout) => appendFile(blobFile(layout, 0), '!'), /the content of sha256:/],
  ['a broken index', (layout) => truncate(join(layout, 'index.json'), 10), /its index is none/],
  ['no index', (layout) => rm(join(layout, 'index.json')), /holds no image/],
])('%s is refused before anything is sent', async (_what, damage, message) => {
  const layout = await writeLayout();
  await damage(layout);
  await expect(readArchive(layout)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
});

const blobFile = (layout: string, index: number) => join(layout, 'blobs', (packed.blobs[index]?.digest ?? '').replace(':', '/'));

test('an archive that was cut short, another file, and none are refused by name', async () => {
  const archive = await archived(await writeLayout());
  await truncate(archive, 3000);
  for (const path of [archive, join(dir, 'layout', 'index.json'), join(dir, 'nowhere')]) {
    await expect(readArchive(path)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(path) });
  }
});

test('an archive leads to no file outside of it, and leaves nothing behind', async () => {
  const folder = await writeDockerSave();
  await cp(join(folder, '0', 'content'), join(dir, 'outside'));
  await rm(join(folder, '0', 'content'));
  await symlink(join(dir, 'outside'), join(folder, '0', 'content'));
  await expect(readArchive(await archived(folder))).rejects.toMatchObject({ exitCode: 2 });

  const before = new Set(await readdir(tmpdir()));
  const image = await readArchive(await archived(await writeLayout()));
  const work = (await readdir(tmpdir())).filter((name) => name.includes(`-${process.pid}-`) && !before.has(name));
  expect(work).not.toEqual([]);
  await image.dispose();
  expect((await readdir(tmpdir())).filter((name) => work.includes(name))).toEqual([]);
});

testWith('skopeo')('what skopeo writes is read: OCI archives with the same digest, archives of docker with the same layers', async () => {
  const layout = await writeLayout();
  const [oci, docker] = [join(dir, 'oci.tar'), join(dir, 'docker.tar')];
  runTool('skopeo', ['copy', '--insecure-policy', '--override-arch', 'arm64', `oci:${layout}`, `oci-archive:${oci}:1.0`]);
  runTool('skopeo', ['copy', '--insecure-policy', '--override-arch', 'arm64', `oci:${layout}`, `docker-archive:${docker}:echo:1.0`]);
  expect((await read(oci)).manifest.digest).toBe(packed.manifest.digest);
  const image = await read(docker);
  expect(digests(image).slice(0, -1)).toEqual(digests(packed).slice(0, -1));
  expect(JSON.parse(String(await contentOf(image.blobs.at(-1))))).toMatchObject({ architecture: 'arm64', config: { Cmd: ['node', '/a.js'] } });
});

test('a full disk is not the archive\'s fault', async () => {
  const folder = await writeDockerSave();
  const work = join(dir, 'work');
  await mkdir(work);
  await symlink('/dev/full', join(work, 'layer-0'));
  await expect(readDockerArchive(await openArchive(folder, work), join(folder, 'manifest.json'))).rejects.toMatchObject({ code: 'ENOSPC' });
});
