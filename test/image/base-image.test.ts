/** Packing on a base image, read from a registry as the public ones are, and from the one behind ECR. */
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, rm, symlink, utimes } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { CreateRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr';
import { Header, Parser } from 'tar';
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { openBase } from '../../src/image/base-image.ts';
import type { BuildOptions } from '../../src/image/builder.ts';
import { type BuiltImage, type ImageBlob, MEDIA_TYPES, PLATFORMS, imageDocument, jsonDocument, descriptor } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { fakeClock } from '../fake-clock.ts';
import { withFolder } from '../folder.ts';
import { signIn } from '../sandbox/push.ts';
import { contentOf } from './content.ts';

const sha256 = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** A layer: a path that ends with a slash is a folder, `->` begins a link's target. */
function layerOf(...entries: string[]): Buffer {
  const blocks = entries.map((entry) => {
    const [path = '', linkpath] = entry.split(' -> ');
    const block = Buffer.alloc(512);
    new Header({ path, linkpath, mode: 0o755, size: 0, type: linkpath === undefined ? (path.endsWith('/') ? 'Directory' : 'File') : 'SymbolicLink' }).encode(block);
    return block;
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const historyOf = (layers: Buffer[]) => [...layers.map((_, index) => ({ created_by: `step ${index}` })), { created_by: 'CMD', empty_layer: true }];

/** An image of Docker's kind, as most public ones are. */
function imageOf(layers: Buffer[], config: object | null, architecture = 'amd64', history: object[] | null = historyOf(layers)): BuiltImage {
  const blobs: ImageBlob[] = layers.map((layer) => imageDocument('application/vnd.docker.image.rootfs.diff.tar.gzip', gzipSync(layer)));
  const document = jsonDocument('application/vnd.docker.container.image.v1+json', {
    architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: layers.map(sha256) }, history,
  });
  const manifest = jsonDocument(MEDIA_TYPES.dockerManifest, {
    schemaVersion: 2, mediaType: MEDIA_TYPES.dockerManifest, config: descriptor(document), layers: blobs.map(descriptor),
  });
  return { manifest, blobs: [...blobs, document], platform: { os: 'linux', architecture }, dispose: async () => {} };
}

const LAYERS = [layerOf('usr/', 'usr/bin/', 'usr/bin/node', 'bin -> usr/bin', 'tmp/', 'old/', 'old/x', 'gone/', 'gone/y'), layerOf('srv/', 'srv/app/', '.wh.gone', 'old/.wh..wh..opq')];
const CONFIG = { Env: ['PATH=/usr/bin', 'BERTH=7'], WorkingDir: '/srv/app', Cmd: ['node', 'app.js'], ExposedPorts: { '8080/tcp': {} }, User: 'node', Entrypoint: null, OnBuild: null };
const hull = imageOf(LAYERS, CONFIG);
const arm = imageOf([...LAYERS, layerOf('arm')], CONFIG, 'arm64');
const both = jsonDocument(MEDIA_TYPES.dockerIndex, {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.dockerIndex,
  manifests: [arm, hull].map(({ manifest, platform }) => ({ ...descriptor(manifest), platform })),
});
const demanding = imageOf(LAYERS, { OnBuild: ['RUN make'] });
const bare = imageOf(LAYERS, null, 'amd64', null);
const TAGS: Record<string, ImageBlob & { content: Buffer }> = { amd64: hull.manifest, arm64: arm.manifest, both, demanding: demanding.manifest, bare: bare.manifest };

/** A public registry, which gives tokens to everybody, and what it was asked. */
let library: Server;
let host: string;
const asked: { path: string; authorization: string | undefined }[] = [];
const spoilt = new Set<string>();
/** What breaks off in the middle, once. */
const cut = new Set<string>();
/** What is longer than it was said to be, once. */
const padded = new Set<string>();
const documents = new Map<string, { mediaType: string; content: Buffer }>();
/** Where the lowest layer is, if not in the registry itself. */
let elsewhere: string | undefined;

beforeAll(async () => {
  for (const document of [...Object.values(TAGS), ...[hull, arm, demanding, bare].flatMap(({ blobs }) => blobs)]) {
    documents.set(document.digest, { mediaType: document.mediaType, content: await contentOf(document) });
  }
  library = createServer(({ method, url = '', headers: { authorization } }, response) => {
    asked.push({ path: `${method} ${url}`, authorization });
    if (url.startsWith('/token')) return void response.end(JSON.stringify({ token: 'for-everybody' }));
    if (authorization !== 'Bearer for-everybody') {
      return void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",service="library",scope="repository:library/hull:pull"` }).end();
    }
    const [, name = ''] = /^\/v2\/library\/hull\/(?:manifests|blobs)\/(.+)$/.exec(url) ?? [];
    if (elsewhere !== undefined && name === hull.blobs[0]?.digest) return void response.writeHead(307, { location: elsewhere }).end();
    const document = documents.get(TAGS[name]?.digest ?? name);
    if (!document) return void response.writeHead(404).end();
    const content = Buffer.from(document.content);
    if (spoilt.has(name)) content[40] = (content[40] ?? 0) + 1;
    if (padded.delete(name)) return void response.writeHead(200).end(Buffer.concat([content, content]));
    response.writeHead(200, { 'content-type': document.mediaType, 'content-length': content.length });
    if (cut.delete(name)) return void response.write(content.subarray(0, 40), () => response.destroy());
    response.end(content);
  });
  await new Promise<void>((resolve) => library.listen(0, '127.0.0.1', resolve));
  const address = library.address();
  host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterAll(() => library.close());

const images: BuiltImage[] = [];

beforeEach(() => asked.splice(0));

afterEach(async () => {
  for (const image of images.splice(0)) await image.dispose();
});

async function pack(dir: string, base: string, options: Partial<BuildOptions> = {}): Promise<BuiltImage> {
  const image = await packImage(dir, { platform: PLATFORMS.X86_64, base, clock: fakeClock(), ...options });
  images.push(image);
  return image;
}

const FILES = { Dockerfile: 'FROM hull\nCOPY app.js ./\nENV LAMP=oil PATH=/app:$PATH\n', 'app.js': 'one' };
const packed = (base: string, options?: Partial<BuildOptions>) => withFolder(FILES, (dir) => pack(dir, base, options));
const configOf = async ({ blobs }: BuiltImage) => JSON.parse(String(await contentOf(blobs.at(-1))));

/** What the layers on top of the base hold. */
async function ownEntries({ blobs }: BuiltImage): Promise<string[]> {
  const seen: string[] = [];
  for (const layer of blobs.slice(hull.blobs.length - 1, -1)) await pipeline(layer.open(), new Parser({ onReadEntry: (entry) => {
    seen.push(entry.path);
    entry.resume();
  } }));
  return seen;
}

test('its layers are kept as they are, and its config counts where the Dockerfile says nothing', async () => {
  const image = await packed(`${host}/library/hull:amd64`);
  expect(image.blobs.slice(0, 2).map(({ digest }) => digest)).toEqual(hull.blobs.slice(0, 2).map(({ digest }) => digest));
  const { config, rootfs, history, os, architecture } = await configOf(image);
  expect(config).toEqual({
    Env: ['PATH=/app:/usr/bin', 'BERTH=7', 'LAMP=oil'], WorkingDir: '/srv/app', Cmd: ['node', 'app.js'], ExposedPorts: { '8080/tcp': {} }, User: 'node',
  });
  expect([os, architecture]).toEqual(['linux', 'amd64']);
  expect(rootfs.diff_ids.slice(0, 2)).toEqual(LAYERS.map(sha256));
  expect(rootfs.diff_ids).toHaveLength(3);
  expect(history.filter((step: object) => !('empty_layer' in step))).toHaveLength(3);
  const { layers } = JSON.parse(String(image.manifest.content));
  expect(layers.map(({ mediaType }: ImageBlob) => mediaType)).toEqual([MEDIA_TYPES.layer, MEDIA_TYPES.layer, MEDIA_TYPES.layer]);
});

test('a base that says nothing of itself, as Go writes that, is built on', async () => {
  const image = await withFolder({ ...FILES, Dockerfile: 'FROM hull\nCOPY app.js /\n' }, (dir) => pack(dir, `${host}/library/hull:bare`));
  expect(image.blobs.slice(0, 2).map(({ digest }) => digest)).toEqual(bare.blobs.slice(0, 2).map(({ digest }) => digest));
  expect(await configOf(image)).toMatchObject({ config: {}, os: 'linux', architecture: 'amd64' });
});

test('the same files on the same base give the same digest, however the base is called', async () => {
  const digest = await withFolder(FILES, async (dir) => {
    await utimes(join(dir, 'app.js'), 1, 1);
    return (await pack(dir, `${host}/library/hull:amd64`)).manifest.digest;
  });
  expect((await packed(`${host}/library/hull@${hull.manifest.digest}`)).manifest.digest).toBe(digest);
  expect((await packed(`${host}/library/hull:both`)).manifest.digest).toBe(digest);
});

test('COPY knows the folders and links of the base, and leaves them as they are', async () => {
  const dockerfile = 'FROM hull\nCOPY tool /bin/\nCOPY tool /tmp\nCOPY lib /usr\nCOPY lib/x /old/x\nCOPY lib/x /gone/\nCOPY . .\n';
  await withFolder({ Dockerfile: dockerfile, '.dockerignore': 'Dockerfile\n.dockerignore', 'tool': '', 'lib/x': '', 'lib/bin/y': '' }, async (dir) => {
    await chmod(join(dir, 'tool'), 0o755);
    expect(await ownEntries(await pack(dir, `${host}/library/hull:amd64`))).toEqual([
      'usr/bin/tool',
      'tmp/tool',
      'usr/bin/y', 'usr/x',
      'old/x',
      'gone/', 'gone/x',
      'srv/app/lib/', 'srv/app/lib/bin/', 'srv/app/lib/bin/y', 'srv/app/lib/x', 'srv/app/tool',
    ]);
  });
});

test('of an image for several platforms the one is taken that was asked for', async () => {
  const image = await packed(`${host}/library/hull:both`, { platform: PLATFORMS.ARM64 });
  expect(image.blobs.slice(0, 3).map(({ digest }) => digest)).toEqual(arm.blobs.slice(0, 3).map(({ digest }) => digest));
  expect(await configOf(image)).toMatchObject({ architecture: 'arm64' });
});

test('everybody\'s token is asked for, and what one is signed in with elsewhere is not told', async () => {
  const registry = { endpoint: 'http://127.0.0.1:1', authorization: 'Basic c2VjcmV0', signInAgain: async () => 'Basic c2VjcmV0' };
  await packed(`${host}/library/hull:amd64`, { registry });
  expect(asked.slice(0, 3).map(({ path }) => path)).toEqual([
    'GET /v2/library/hull/manifests/amd64', 'GET /token?service=library&scope=repository%3Alibrary%2Fhull%3Apull', 'GET /v2/library/hull/manifests/amd64',
  ]);
  expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set([undefined, 'Bearer for-everybody']));
});

test('a registry may keep its layers elsewhere, where nobody is signed in', async () => {
  const seen: (string | undefined)[] = [];
  const storage = createServer(({ headers: { authorization } }, response) => {
    seen.push(authorization);
    response.end(documents.get(hull.blobs[0]?.digest ?? '')?.content);
  });
  await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
  const address = storage.address();
  elsewhere = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/layer`;
  try {
    expect((await packed(`${host}/library/hull:amd64`)).blobs[0]?.digest).toBe(hull.blobs[0]?.digest);
  } finally {
    elsewhere = undefined;
    storage.close();
  }
  expect(seen).toEqual([undefined]);
});

test('Ctrl-C ends the reading, and nothing is said of the base', async () => {
  const interrupted = new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted });
  const aborted = new AbortController();
  spoilt.add(hull.blobs[0]?.digest ?? '');
  const clock = fakeClock(() => aborted.abort(interrupted));
  await expect(packed(`${host}/library/hull:amd64`, { clock, signal: aborted.signal }).finally(() => spoilt.clear())).rejects.toBe(interrupted);
});

test.each<[tag: string, options: Partial<BuildOptions>, exitCode: number, message: string]>([
  [':nowhere', {}, 2, 'has no such image'],
  [':both', { platform: { os: 'linux', architecture: 'ppc64le' } }, 2, 'it is for linux/arm64, linux/amd64, and what is built is to run on linux/ppc64le'],
  [':arm64', {}, 2, 'it is for linux/arm64, and what is built is to run on linux/amd64'],
  [':demanding', {}, 2, 'it wants RUN make to be done'],
  ['/other', {}, 2, 'has no such image'],
])('a base that none can be built on is named: hull%s', async (tag, options, exitCode, message) => {
  await expect(packed(`${host}/library/hull${tag}`, options)).rejects.toMatchObject({
    exitCode, message: expect.stringContaining(message), next: expect.any(String),
  });
  await expect(packed(`${host}/library/hull${tag}`, options)).rejects.toThrow(`The base image ${host}/library/hull${tag} can't be used: `);
});

test('a layer that is not what its digest says is not built on', async () => {
  const [layer] = hull.blobs;
  spoilt.add(layer?.digest ?? '');
  try {
    await expect(packed(`${host}/library/hull:amd64`)).rejects.toMatchObject({
      exitCode: 1, message: expect.stringContaining(`after 6 attempts: the content of ${layer?.digest} is another one`), next: expect.stringContaining('run the same command again'),
    });
  } finally {
    spoilt.clear();
  }
});

test('a layer that breaks off, or goes on too long, is read again', async () => {
  const layer = hull.blobs[0]?.digest ?? '';
  for (const failing of [cut, padded]) {
    asked.splice(0);
    failing.add(layer);
    expect((await packed(`${host}/library/hull:amd64`)).blobs[0]?.digest).toBe(layer);
    expect(asked.filter(({ path }) => path.endsWith(layer))).toHaveLength(2);
  }
});

test('a full disk is not the registry\'s fault, and nothing is asked again', async () => {
  await withFolder({}, async (dir) => {
    await symlink('/dev/full', join(dir, 'base-0'));
    const base = await openBase(`${host}/library/hull:amd64`, { platform: PLATFORMS.X86_64, clock: fakeClock() });
    asked.splice(0);
    await expect(base.readLayers(dir)).rejects.toMatchObject({ code: 'ENOSPC' });
  });
  expect(asked.map(({ path }) => path)).toEqual([`GET /v2/library/hull/blobs/${hull.blobs[0]?.digest}`]);
});

test('a registry that is not there is named', async () => {
  await expect(packed('127.0.0.1:1/library/hull:1')).rejects.toMatchObject({
    exitCode: 1, message: expect.stringMatching(/127\.0\.0\.1:1\/library\/hull:1.* does not answer/), next: expect.stringContaining('an ECR registry of this region'),
  });
});

test('a Dockerfile that can\'t be built is refused before a layer is fetched', async () => {
  await withFolder({ ...FILES, Dockerfile: 'FROM hull\nRUN make\n' }, async (dir) => {
    await expect(pack(dir, `${host}/library/hull:amd64`)).rejects.toThrow('does not support RUN');
  });
  expect(asked.filter(({ path }) => path.includes('/blobs/'))).toHaveLength(1);
});

test('the registry behind ECR gives a base to who is signed in there, and its layers are not sent again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'base-'));
  const sandbox = await startSandbox({ port: 0, dir });
  try {
    const ecr = new ECRClient({ endpoint: sandbox.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    for (const repositoryName of ['bases/hull', 'harbour/quay']) await ecr.send(new CreateRepositoryCommand({ repositoryName }));
    const registry = await signIn(ecr);
    await pushImage(hull, { ...registry, repository: 'bases/hull', tag: '1' });

    const image = await packed(`${new URL(registry.endpoint).host}/bases/hull:1`, { registry });
    const sent: boolean[] = [];
    const digest = await pushImage(image, { ...registry, repository: 'harbour/quay', tag: '1' }, { onBlob: (blob) => sent.push(blob.sent) });
    expect(digest).toBe((await packed(`${host}/library/hull:amd64`)).manifest.digest);
    expect(sent).toEqual([false, false, true, true]);
  } finally {
    await sandbox.stop();
    await rm(dir, { recursive: true });
  }
});
