/** Pushing to a registry that nobody here wrote: Debian's docker-registry, with a password; skopeo reads what came of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readArchive } from '../../src/image/archive.ts';
import { type BuiltImage, PLATFORMS } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { fakeClock } from '../fake-clock.ts';
import { withFolder } from '../folder.ts';
import { incompressible } from './content.ts';
import { cutOnce, withMeddlingProxy } from './meddling-proxy.ts';
import { runTool, testWith } from './tools.ts';

const AUTHORIZATION = `Basic ${Buffer.from('AWS:quay').toString('base64')}`;
/** Of that password, by bcrypt. */
const HTPASSWD = 'AWS:$2b$04$GAgD2.TMj1oz3Pu67G0Duelo0tXme1YsBiBHO1kTO14qc4tz5ghdG\n';

const foreignTest = testWith('docker-registry', 'skopeo');
let dir: string;
let registry: ChildProcess | undefined;
const images: BuiltImage[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'foreign-'));
});

afterEach(async () => {
  for (const image of images.splice(0)) await image.dispose();
  if (registry?.exitCode === null) {
    registry.kill();
    await once(registry, 'exit');
  }
  await rm(dir, { recursive: true });
});

/** Starts a registry of its own, and resolves with its host and port. Its default configuration would listen on every interface. */
async function startRegistry(): Promise<string> {
  await writeFile(join(dir, 'htpasswd'), HTPASSWD);
  const config = {
    version: 0.1,
    log: { level: 'info', formatter: 'json' },
    storage: { filesystem: { rootdirectory: join(dir, 'storage') } },
    http: { addr: '127.0.0.1:0' },
    auth: { htpasswd: { realm: 'harbour', path: join(dir, 'htpasswd') } },
  };
  await writeFile(join(dir, 'config.yml'), JSON.stringify(config));
  const started = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] });
  registry = started;
  const lines: string[] = [];
  for await (const line of createInterface(started.stderr)) {
    lines.push(line);
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (host === undefined) continue;
    started.stderr.resume();
    await writeFile(join(dir, 'auth.json'), JSON.stringify({ auths: { [host]: { auth: AUTHORIZATION.split(' ')[1] } } }));
    return host;
  }
  throw new Error(`docker-registry ended: ${lines.join('\n')}`);
}

async function build(content: string): Promise<BuiltImage> {
  const files = { Dockerfile: 'FROM node\nCOPY lib /lib\nCOPY a.js /\nCMD ["node", "/a.js"]\n', 'a.js': content, 'lib/x': 'x' };
  return kept(await withFolder(files, (folder) => packImage(folder, { platform: PLATFORMS.X86_64 })));
}

function kept(image: BuiltImage): BuiltImage {
  images.push(image);
  return image;
}

/** Pushes, and says for each blob whether it was sent. */
async function push(image: BuiltImage, host: string, tag: string): Promise<boolean[]> {
  const sent: boolean[] = [];
  const target = { endpoint: `http://${host}`, authorization: AUTHORIZATION, repository: 'harbour/quay', tag };
  expect(await pushImage(image, target, { onBlob: (event) => sent.push(event.sent) })).toBe(image.manifest.digest);
  return sent;
}

const skopeo = (...args: string[]) => runTool('skopeo', args);

function inspect(host: string, tag: string): { Digest: string; Os: string; Architecture: string } {
  return JSON.parse(skopeo('inspect', '--tls-verify=false', '--authfile', join(dir, 'auth.json'), `docker://${host}/harbour/quay:${tag}`));
}

foreignTest('skopeo reads the digest that was pushed, and a second push sends no blob', async () => {
  const host = await startRegistry();
  const image = await build('one');
  expect(await push(image, host, '1')).toEqual([true, true, true]);
  expect(await push(await build('one'), host, '1')).toEqual([]);
  expect(await push(await build('one'), host, 'again')).toEqual([false, false, false]);
  expect(inspect(host, '1')).toMatchObject({ Digest: image.manifest.digest, Os: 'linux', Architecture: 'amd64' });
}, 60_000);

foreignTest('archives of others arrive as what they are', async () => {
  const host = await startRegistry();
  await push(await build('one'), host, '1');
  const from = `docker://${host}/harbour/quay:1`;
  for (const kind of ['oci-archive', 'docker-archive']) {
    const file = join(dir, `${kind}.tar`);
    skopeo('copy', '--src-tls-verify=false', '--authfile', join(dir, 'auth.json'), from, `${kind}:${file}`);
    const archive = kept(await readArchive(file));
    await push(archive, host, kind);
    expect(inspect(host, kind)).toMatchObject({ Digest: archive.manifest.digest, Architecture: 'amd64' });
  }
}, 60_000);

foreignTest('an upload that was cut is completed', async () => {
  const host = await startRegistry();
  const image = await build(incompressible(4_000_000));
  const cut = cutOnce(2_000_000);
  let parts = 0;
  await withMeddlingProxy(`http://${host}`, { meddle: (incoming) => {
    if (incoming.method === 'PATCH') parts += 1;
    cut(incoming);
    return false;
  } }, async (endpoint) => {
    const target = { endpoint, authorization: AUTHORIZATION, repository: 'harbour/quay', tag: '1' };
    expect(await pushImage(image, target, { clock: fakeClock() })).toBe(image.manifest.digest);
  });
  expect(parts).toBe(image.blobs.length + 1);
  expect(inspect(host, '1').Digest).toBe(image.manifest.digest);
}, 60_000);

foreignTest('an image can be built on one of its images, and a wrong password is said', async () => {
  const host = await startRegistry();
  const endpoint = `http://${host}`;
  const base = await build('one');
  await push(base, host, '1');
  const on = async (authorization: string) => withFolder({ Dockerfile: 'FROM base\nCOPY b.js /\n', 'b.js': 'two' }, (folder) =>
    packImage(folder, { platform: PLATFORMS.X86_64, base: `${host}/harbour/quay:1`, registry: { endpoint, authorization } }));
  const image = kept(await on(AUTHORIZATION));
  expect(await push(image, host, '2')).toEqual([false, false, true, true]);
  expect(inspect(host, '2').Digest).toBe(image.manifest.digest);

  const wrong = `Basic ${Buffer.from('AWS:lantern').toString('base64')}`;
  await expect(on(wrong)).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('answered 401') });
  await expect(pushImage(image, { endpoint, authorization: wrong, repository: 'harbour/quay', tag: '3' })).rejects.toMatchObject({
    exitCode: 1, message: expect.stringContaining('answered 401'), next: expect.stringContaining('sign-in'),
  });
}, 60_000);
