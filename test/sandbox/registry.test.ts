/** The registry behind ECR, as any OCI client meets it, and the images that tasks are made of. */
import { execFile as execFileWithCallback } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CreateRepositoryCommand, DeleteRepositoryCommand, DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { Header } from 'tar';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { testWith } from '../image/tools.ts';
import { pushFiles, signIn } from './push.ts';

const execFile = promisify(execFileWithCallback);

/** So fast that a token ends 12 h / 43,200 = 1 s after it was given out. */
const FAST = 43_200;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const sha256 = (content: string | Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;

let dir: string;
let sandbox: Sandbox;
let ecr: ECRClient;
let authorization: string;

const client = (region: string, url = sandbox.url) => new ECRClient({ endpoint: url, region, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'registry-'));
  sandbox = await startSandbox({ port: 0, dir });
  ecr = client('eu-west-1');
  ({ authorization } = await signIn(ecr));
});

afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

async function create(repositoryName: string, imageTagMutability: 'MUTABLE' | 'IMMUTABLE' = 'MUTABLE') {
  await ecr.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability }));
  return repositoryName;
}

const call = (method: string, path: string, init: { body?: string | Buffer; headers?: Record<string, string> } = {}) =>
  fetch(new URL(path, sandbox.url), { method, ...init, headers: { authorization, ...init.headers } });

async function errorOf(answer: Response) {
  const { errors }: { errors: { code: string; message: string }[] } = JSON.parse(await answer.text());
  return { status: answer.status, ...errors[0] };
}

const basic = (text: string) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } });

/** Uploads in one piece and resolves with the digest. */
async function upload(repository: string, content: string | Buffer): Promise<string> {
  const digest = sha256(content);
  const { headers } = await call('POST', `/v2/${repository}/blobs/uploads/`);
  const finished = await call('PUT', `${headers.get('location')}?digest=${digest}`, { body: content });
  expect(finished.status).toBe(201);
  return digest;
}

/** Pushes an image of the given layers, tar archives, and resolves with its digest. */
async function pushLayers(repository: string, tag: string, layers: Buffer[]): Promise<string> {
  const config = JSON.stringify({ architecture: 'arm64', os: 'linux', config: { Cmd: ['node'], Env: null }, rootfs: { type: 'layers', diff_ids: [] } });
  const describe = async (content: string | Buffer, mediaType: string) => ({ mediaType, digest: await upload(repository, content), size: content.length });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: await describe(config, 'application/vnd.oci.image.config.v1+json'),
    layers: await Promise.all(layers.map((layer) => describe(gzipSync(layer), 'application/vnd.oci.image.layer.v1.tar+gzip'))),
    mediaType: MANIFEST,
  });
  const answer = await call('PUT', `/v2/${repository}/manifests/${tag}`, { body: manifest, headers: { 'content-type': MANIFEST } });
  expect(answer.status).toBe(201);
  return sha256(manifest);
}

/** A tar archive. A path that ends with a slash is a folder; `@` before the content makes a symlink. */
function tar(files: Record<string, string>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, text]) => {
    const linkpath = text.startsWith('@') ? text.slice(1) : undefined;
    const content = Buffer.from(linkpath === undefined ? text : '');
    const block = Buffer.alloc(512);
    new Header({ path, linkpath, mode: 0o755, size: content.length, type: linkpath === undefined ? (path.endsWith('/') ? 'Directory' : 'File') : 'SymbolicLink' }).encode(block);
    return [block, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const prepare = async (image: string) => (await sandbox.region('eu-west-1')).images.prepare(image);

describe('signing in', () => {
  test('without a token there is a challenge; with a made-up one a refusal', async () => {
    const anonymous = await fetch(`${sandbox.url}/v2/`);
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get('www-authenticate')).toMatch(/^Basic realm="http:\/\/127\.0\.0\.1:\d+\/",service="ecr\.amazonaws\.com"$/);
    expect(await errorOf(await call('GET', '/v2/', basic('AWS:made-up')))).toMatchObject({ status: 403, code: 'DENIED' });
    const [, password] = Buffer.from(authorization.split(' ')[1] ?? '', 'base64').toString().split(':');
    expect((await call('GET', '/v2/', basic(`AWS:${password}`))).status).toBe(200);
    expect((await call('GET', '/v2/', basic(`root:${password}`))).status).toBe(403);
  });

  test('a token ends after twelve hours', async () => {
    const own = await mkdtemp(join(tmpdir(), 'registry-'));
    const fast = await startSandbox({ port: 0, dir: own, speed: FAST });
    try {
      const token = await signIn(client('eu-west-1', fast.url));
      const ask = () => fetch(`${fast.url}/v2/`, { headers: { authorization: token.authorization } });
      expect((await ask()).status).toBe(200);
      const deadline = Date.now() + 5_000;
      let answer = await ask();
      while (answer.ok && Date.now() < deadline) answer = await ask();
      expect(await errorOf(answer)).toMatchObject({ status: 403, message: 'Your authorization token has expired. Reauthenticate and try again.' });
    } finally {
      await fast.stop();
      await rm(own, { recursive: true });
    }
  });

  test('a token opens the repositories of its own region', async () => {
    await create('here');
    const { authorization: elsewhere } = await signIn(client('ap-northeast-1'));
    expect((await call('GET', '/v2/here/tags/list')).status).toBe(200);
    expect(await errorOf(await call('GET', '/v2/here/tags/list', { headers: { authorization: elsewhere } }))).toMatchObject({ status: 404, code: 'NAME_UNKNOWN' });
  });
});

describe('blobs', () => {
  test('are uploaded in chunks, in order, and read back', async () => {
    const name = await create('chunks');
    const digest = sha256('hello world');
    const { headers } = await call('POST', `/v2/${name}/blobs/uploads/`);
    const location = headers.get('location') ?? '';
    const first = await call('PATCH', location, { body: 'hello ', headers: { 'content-range': '0-5' } });
    expect([first.status, first.headers.get('range')]).toEqual([201, '0-5']);
    expect((await call('GET', location)).headers.get('range')).toBe('0-5');
    expect((await call('PATCH', location, { body: 'again', headers: { 'content-range': '0-4' } })).status).toBe(416);
    expect((await call('HEAD', `/v2/${name}/blobs/${digest}`)).status).toBe(404);
    const finished = await call('PUT', `${location}?digest=${digest}`, { body: 'world' });
    expect([finished.status, finished.headers.get('docker-content-digest')]).toEqual([201, digest]);
    expect(await (await call('GET', `/v2/${name}/blobs/${digest}`)).text()).toBe('hello world');
    expect((await call('HEAD', `/v2/${name}/blobs/${digest}`)).headers.get('content-length')).toBe('11');
    expect((await call('GET', location)).status).toBe(404);
  });

  test('belong to their repository until they are mounted from it', async () => {
    const from = await create('mount/from');
    const to = await create('mount/to');
    const digest = await upload(from, 'shared');
    expect((await call('HEAD', `/v2/${to}/blobs/${digest}`)).status).toBe(404);
    expect((await call('POST', `/v2/${to}/blobs/uploads/?mount=${digest}&from=mount/nowhere`)).status).toBe(202);
    expect((await call('POST', `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`)).status).toBe(201);
    expect((await call('HEAD', `/v2/${to}/blobs/${digest}`)).status).toBe(200);
  });

  test('with another digest than announced are refused, and an upload that is cut leaves nothing', async () => {
    const name = await create('broken');
    const start = async () => (await call('POST', `/v2/${name}/blobs/uploads/`)).headers.get('location') ?? '';
    const digest = sha256('what was announced');
    expect(await errorOf(await call('PUT', `${await start()}?digest=${digest}`, { body: 'what came' }))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });

    const cut = request(new URL(`${await start()}?digest=${digest}`, sandbox.url), { method: 'PUT', headers: { authorization, 'content-length': 18 } });
    await new Promise<void>((resolve) => {
      cut.on('error', () => resolve());
      cut.write('what was', () => cut.destroy());
    });
    expect((await call('HEAD', `/v2/${name}/blobs/${digest}`)).status).toBe(404);
    expect(await readdir(join(dir, 'registry', 'blobs', 'sha256'))).not.toContain(digest.slice('sha256:'.length));
  });
});

describe('other programs', () => {
  testWith('skopeo')('skopeo pushes, and reads the same digest', async () => {
    const [from, to] = [await create('skopeo/from'), await create('skopeo/to')];
    const digest = await pushFiles(ecr, from, '1', { 'index.js': 'skopeo' });
    const host = new URL(sandbox.url).host;
    const auth = join(dir, 'auth.json');
    await writeFile(auth, JSON.stringify({ auths: { [host]: { auth: authorization.split(' ')[1] } } }));
    const skopeo = (...args: string[]) => execFile('skopeo', args);
    const layout = `oci:${join(dir, 'layout')}:1`;
    await skopeo('copy', '--src-tls-verify=false', '--authfile', auth, `docker://${host}/${from}:1`, layout);
    // Or it would have the layers mounted.
    await ecr.send(new DeleteRepositoryCommand({ repositoryName: from, force: true }));
    await skopeo('copy', '--dest-tls-verify=false', '--authfile', auth, layout, `docker://${host}/${to}:2`);
    expect(await readFile(join(dir, 'requests.ndjson'), 'utf8')).toMatch(/"operation":"UploadLayerPart".*"status":201/);
    const { stdout } = await skopeo('inspect', '--tls-verify=false', '--authfile', auth, `docker://${host}/${to}:2`);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: digest, Architecture: 'amd64' });
  });
});

describe('manifests', () => {
  test('are found by tag and by digest, with their media type; tags are listed in pages', async () => {
    const name = await create('manifests');
    const digest = await pushFiles(ecr, name, 'b', { 'index.js': '1' });
    for (const tag of ['c', 'a']) await pushFiles(ecr, name, tag, { 'index.js': '1' });
    for (const reference of ['a', digest]) {
      const answer = await call('GET', `/v2/${name}/manifests/${reference}`);
      expect([answer.headers.get('content-type'), answer.headers.get('docker-content-digest')]).toEqual([MANIFEST, digest]);
      expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(digest);
    }
    expect(await errorOf(await call('GET', `/v2/${name}/manifests/none`))).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' });
    const page = await call('GET', `/v2/${name}/tags/list?n=2`);
    expect(await page.json()).toEqual({ name, tags: ['a', 'b'] });
    expect(page.headers.get('link')).toBe(`</v2/${name}/tags/list?n=2&last=b>; rel="next"`);
    expect(await (await call('GET', `/v2/${name}/tags/list?n=2&last=b`)).json()).toEqual({ name, tags: ['c'] });
  });

  test('are looked for in vain in an unknown repository, and an upload to it is cut', async () => {
    expect(await errorOf(await call('GET', '/v2/nowhere/manifests/1'))).toMatchObject({ status: 404, code: 'NAME_UNKNOWN' });
    await expect(call('POST', '/v2/nowhere/blobs/uploads/')).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    expect(await readFile(join(dir, 'requests.ndjson'), 'utf8')).toMatch(/"operation":"InitiateLayerUpload".*"status":0,"code":"RepositoryNotFoundException"/);
  });

  test('of an unknown repository, without their layers, or malformed are refused', async () => {
    const name = await create('refused');
    const put = (repository: string, body: string) => call('PUT', `/v2/${repository}/manifests/1`, { body, headers: { 'content-type': MANIFEST } }).then(errorOf);
    expect(await put('nowhere', '{}')).toMatchObject({
      status: 404, code: 'NAME_UNKNOWN', message: "The repository with name 'nowhere' does not exist in the registry with id '000000000000'",
    });
    expect(await put(name, '{}')).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    const missing = { mediaType: 'x', digest: sha256('missing'), size: 7 };
    expect(await put(name, JSON.stringify({ schemaVersion: 2, config: missing, layers: [] }))).toMatchObject({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN' });
    expect((await call('DELETE', `/v2/${name}/manifests/1`)).status).toBe(405);
  });

  test('keep an immutable tag: the same image again is success, another one is refused', async () => {
    const name = await create('fixed', 'IMMUTABLE');
    const digest = await pushLayers(name, '1', [tar({ a: '1' })]);
    expect(await pushLayers(name, '1', [tar({ a: '1' })])).toBe(digest);
    const config = await upload(name, '{}');
    const other = JSON.stringify({ schemaVersion: 2, config: { mediaType: 'x', digest: config, size: 2 }, layers: [] });
    const answer = await call('PUT', `/v2/${name}/manifests/1`, { body: other, headers: { 'content-type': MANIFEST } });
    expect(await errorOf(answer)).toEqual({
      status: 400, code: 'TAG_INVALID', message: "The image tag '1' already exists in the 'fixed' repository and cannot be overwritten because the tag is immutable.",
    });
  });

  test('of several platforms point to images, and tasks get the one for this machine', async () => {
    const name = await create('index');
    const image = await pushLayers(name, 'one', [tar({ a: '1' })]);
    const type = 'application/vnd.oci.image.index.v1+json';
    const entry = (architecture: string) => ({ mediaType: MANIFEST, digest: image, size: 1, platform: { os: 'linux', architecture } });
    const index = JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry('s390x'), entry('amd64'), entry('arm64')] });
    expect((await call('PUT', `/v2/${name}/manifests/all`, { body: index, headers: { 'content-type': type } })).status).toBe(201);
    const { rootfs, digest } = await prepare(`127.0.0.1:4566/${name}:all`);
    expect(digest).toBe(sha256(index));
    expect(await readFile(join(rootfs, 'a'), 'utf8')).toBe('1');
  });
});

describe('images for tasks', () => {
  test('are unpacked once, layer over layer, with what upper layers delete', async () => {
    const name = await create('layers');
    const digest = await pushLayers(name, '1', [
      tar({ 'app/': '', 'app/kept': '1', 'app/gone': '1', 'app/replaced': '1', 'emptied/': '', 'emptied/old': '1', 'dropped/': '', 'dropped/x': '1' }),
      tar({ 'app/.wh.gone': '', 'app/replaced': '2', 'emptied/new': '2', 'emptied/.wh..wh..opq': '', '.wh.dropped': '', 'nowhere/.wh.x': '' }),
    ]);
    const [one, two] = await Promise.all([prepare(`127.0.0.1:1/${name}:1`), prepare(`registry.example.com/${name}@${digest}`)]);
    expect(one).toEqual(two);
    expect(one).toMatchObject({ digest, architecture: 'arm64', config: { Cmd: ['node'] } });
    expect((await readdir(one.rootfs)).toSorted()).toEqual(['app', 'emptied']);
    expect((await readdir(join(one.rootfs, 'app'))).toSorted()).toEqual(['kept', 'replaced']);
    expect(await readFile(join(one.rootfs, 'app/replaced'), 'utf8')).toBe('2');
    expect(await readdir(join(one.rootfs, 'emptied'))).toEqual(['new']);
    const { imageDetails } = await ecr.send(new DescribeImagesCommand({ repositoryName: name }));
    expect(imageDetails?.[0]?.lastRecordedPullTime).toBeInstanceOf(Date);
  });

  test.each(['nowhere:1', 'present:none', `present@sha256:${'0'.repeat(64)}`])('%s cannot be pulled, in the words of ECS', async (reference) => {
    await create('present').catch(() => undefined);
    const image = `127.0.0.1:${sandbox.port}/${reference}`;
    await expect(prepare(image)).rejects.toThrow(`pull image manifest has been retried 1 time(s): failed to resolve ref ${image}: ${image}: not found`);
  });

  test.each([
    ['no archive', Buffer.from('this is no tar archive '.repeat(100))],
    ['an archive that ends too early', tar({ a: 'x'.repeat(2_000) }).subarray(0, 1_200)],
  ])('are refused when a layer is %s', async (what, layer) => {
    const name = await create(`broken-${what.replaceAll(' ', '-')}`);
    await pushLayers(name, '1', [layer]);
    await expect(prepare(`127.0.0.1/${name}:1`)).rejects.toThrow('failed to extract layer sha256:');
  });

  test.each([
    ['a path upwards', [tar({ '../../escaped': 'x' })]],
    ['a link out, and a file through it', [tar({ 'out': '@../../..' }), tar({ 'out/escaped': 'x' })]],
    ['a deletion upwards', [tar({ 'a/': '' }), tar({ 'a/.wh...': '' })]],
    ['a deletion through a link out', [tar({ 'out': '@../..' }), tar({ 'out/.wh.registry': '' })]],
  ])('%s never leaves the image', async (what, layers) => {
    const name = await create(`escape-${what.replaceAll(/[^a-z]+/g, '-')}`);
    await pushLayers(name, '1', layers);
    await expect(prepare(`127.0.0.1/${name}:1`)).rejects.toThrow('failed to extract layer sha256:');
    await access(join(dir, 'registry'));
    expect((await readdir(dir)).concat(await readdir(join(dir, 'images')))).not.toContain('escaped');
    expect((await readdir(join(dir, 'images'))).filter((entry) => entry.startsWith('.unpacking'))).toEqual([]);
  });
});
