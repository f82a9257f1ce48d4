/** Pushing, against the sandbox's registry and against one that misbehaves. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CreateRepositoryCommand, DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { type BuiltImage, type ImageBlob, MEDIA_TYPES, PLATFORMS, descriptor, jsonDocument } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { type BlobPushed, pushImage } from '../../src/image/registry-client.ts';
import { type Fault, faultName } from '../../src/sandbox/faults/order.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { fakeClock } from '../fake-clock.ts';
import { withFolder } from '../folder.ts';
import { signIn } from '../sandbox/push.ts';
import { incompressible } from './content.ts';
import { type Meddling, cutOnce, withMeddlingProxy } from './meddling-proxy.ts';

let dir: string;
let sandbox: Sandbox;
let ecr: ECRClient;
let access: { endpoint: string; authorization: string };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'push-'));
  sandbox = await startSandbox({ port: 0, dir });
  ecr = new ECRClient({ endpoint: sandbox.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  access = await signIn(ecr);
});

afterAll(async () => {
  await sandbox.stop();
  await rm(dir, { recursive: true });
});

async function create(repositoryName: string, imageTagMutability: 'MUTABLE' | 'IMMUTABLE' = 'MUTABLE') {
  await ecr.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability }));
  return repositoryName;
}

const images: BuiltImage[] = [];

afterEach(async () => {
  sandbox.faults.clear();
  for (const image of images.splice(0)) await image.dispose();
});

async function build(content: string): Promise<BuiltImage> {
  const files = { Dockerfile: 'FROM node\nCOPY lib /lib\nCOPY a.js /\nCMD ["node", "/a.js"]\n', 'a.js': content, 'lib/x': 'always the same' };
  const image = await withFolder(files, (folder) => packImage(folder, { platform: PLATFORMS.X86_64 }));
  images.push(image);
  return image;
}

/** Pushes, and says for each blob whether it was sent. */
async function pushed(image: BuiltImage, repository: string, tag: string): Promise<boolean[]> {
  const events: BlobPushed[] = [];
  expect(await pushImage(image, { ...access, repository, tag }, { onBlob: (event) => events.push(event) })).toBe(image.manifest.digest);
  return events.map(({ sent }) => sent);
}

/** As `build`, with a layer of that many bytes that no compression makes smaller. */
const buildLarge = (bytes: number) => build(incompressible(bytes));

const withProxy = <T>(meddling: Meddling, action: (endpoint: string) => Promise<T>): Promise<T> => withMeddlingProxy(sandbox.url, meddling, action);

test('only what the registry does not have is sent, and nothing when the tag is there', async () => {
  const name = await create('push/once');
  expect(await pushed(await build('one'), name, '1')).toEqual([true, true, true]);
  expect(await pushed(await build('one'), name, '1')).toEqual([]);
  expect(await pushed(await build('one'), name, 'another-tag')).toEqual([false, false, false]);
  expect(await pushed(await build('two'), name, '2')).toEqual([false, true, true]);
  const { imageDetails } = await ecr.send(new DescribeImagesCommand({ repositoryName: name, imageIds: [{ imageTag: '2' }] }));
  expect(imageDetails?.[0]).toMatchObject({ imageDigest: (await build('two')).manifest.digest, imageTags: ['2'] });
});

test('a tag that cannot be changed names both images', async () => {
  const name = await create('push/fixed', 'IMMUTABLE');
  const [one, two] = [await build('one'), await build('two')];
  await pushed(one, name, '1');
  await pushed(one, name, '1');
  await expect(pushImage(two, { ...access, repository: name, tag: '1' })).rejects.toMatchObject({
    code: 'tag-taken',
    exitCode: 1,
    message: `${name}:1 is ${one.manifest.digest} already and cannot be changed; what was built is ${two.manifest.digest}.`,
    next: expect.stringMatching(/^ecs-canary rollout --tag 1 .*\n.*the same command with another --tag, such as 1-2 /),
  });
});

test('another run that pushed the same in the meantime is no error', async () => {
  const name = await create('push/raced', 'IMMUTABLE');
  const image = await build('one');
  let refused = false;
  const digest = await withProxy({ meddle: ({ method, url }, response) => {
    if (method !== 'PUT' || !url?.includes('/manifests/') || refused) return false;
    refused = true;
    void pushed(image, name, '1').then(() => {
      response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'TAG_INVALID', message: "The image tag '1' already exists … and cannot be overwritten because the tag is immutable." }] }));
    });
    return true;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }));
  expect([digest, refused]).toEqual([image.manifest.digest, true]);
});

test('a registry that is busy or breaks off is asked again', async () => {
  const name = await create('push/again');
  const failures = [503, 429, 0];
  const image = await build('one');
  const digest = await withProxy({ meddle: ({ method, socket }, response) => {
    const failure = method === 'PATCH' ? failures.shift() : undefined;
    if (failure === undefined) return false;
    if (failure === 0) socket.destroy();
    else response.writeHead(failure).end();
    return true;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: fakeClock() }));
  expect(digest).toBe(image.manifest.digest);
  expect(failures).toEqual([]);
});

test('an upload that was cut goes on where the registry has got to', async () => {
  const name = await create('push/cut');
  const image = await buildLarge(4_000_000);
  const cut = cutOnce(1_000_000);
  const parts: string[] = [];
  const progress: number[] = [];
  const digest = await withProxy({ meddle: (incoming) => {
    if (incoming.method === 'PATCH') parts.push(incoming.headers['content-range'] ?? 'all');
    cut(incoming);
    return false;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: fakeClock(), onProgress: (sent) => progress.push(sent) }));
  expect(digest).toBe(image.manifest.digest);
  expect(parts).toEqual(['all', 'all', expect.stringMatching(/^[1-9]\d+-\d{7}$/), 'all']);
  expect(progress.at(-1)).toBe(image.blobs.reduce((sum, { size }) => sum + size, 0));
});

/** What registries do to a second part of an upload. ECR accepts it and loses it: aws/containers-roadmap#2831. */
test.each<[what: string, second: (request: IncomingMessage, response: ServerResponse) => void]>([
  ['loses it', (incoming, response) => {
    incoming.resume().on('end', () => response.writeHead(201, { location: incoming.url, range: '0-99' }).end());
  }],
  ['refuses it', (incoming, response) => {
    incoming.resume();
    response.writeHead(416, { connection: 'close' }).end();
  }],
  ['knows no such upload', (incoming, response) => {
    incoming.resume();
    response.writeHead(404, { connection: 'close' }).end();
  }],
])('a registry that takes one part of an upload only, and %s, gets the whole in a new one', async (what, second) => {
  const name = await create(`push/one-part/${what.replaceAll(' ', '-')}`);
  const image = await buildLarge(4_000_000);
  const cut = cutOnce(1_000_000);
  const seen = new Set<string>();
  const digest = await withProxy({
    meddle(incoming, response) {
      cut(incoming);
      const upload = incoming.url ?? '';
      if (incoming.method !== 'PATCH') return false;
      if (!seen.has(upload)) return !seen.add(upload);
      second(incoming, response);
      return true;
    },
    status: ({ method }, status) => (method === 'PATCH' && status === 202 ? 201 : status),
  }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: fakeClock() }));
  expect(digest).toBe(image.manifest.digest);
  expect(seen.size).toBe(image.blobs.length + 1);
});

test('a large layer is never held in memory', async () => {
  const size = 300_000_000;
  const memory: number[] = [];
  const large: ImageBlob = {
    mediaType: MEDIA_TYPES.layer, digest: `sha256:${'0'.repeat(64)}`, size,
    open: () => Readable.from((function* () {
      for (let sent = 0; sent < size; sent += 100_000) {
        memory.push(process.memoryUsage().arrayBuffers);
        yield Buffer.alloc(100_000);
      }
    })()),
  };
  const manifest = jsonDocument(MEDIA_TYPES.manifest, { layers: [descriptor(large)] });
  let received = 0;
  const digest = await withProxy({ meddle: (incoming, response) => {
    incoming.on('data', (piece: Buffer) => (received += piece.length)).on('end', () => {
      response.writeHead(incoming.method === 'HEAD' ? 404 : incoming.method === 'POST' ? 202 : 201, { location: '/upload', 'docker-content-digest': manifest.digest }).end();
    });
    return true;
  } }, (endpoint) => pushImage({ manifest, blobs: [large], platform: PLATFORMS.X86_64, dispose: async () => {} }, { endpoint, repository: 'large', tag: '1' }));
  expect(digest).toBe(manifest.digest);
  expect(received).toBe(size + manifest.size);
  expect(Math.max(...memory) - (memory[0] ?? 0)).toBeLessThan(size / 2);
});

test('a part of which only the answer was lost is not sent again', async () => {
  const name = await create('push/deaf');
  const image = await build('one');
  await sandbox.faults.order({ operation: 'UploadLayerPart', fault: 'cut-after' });
  let parts = 0;
  await withProxy({ meddle: ({ method }) => {
    if (method === 'PATCH') parts += 1;
    return false;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: fakeClock() }));
  expect(parts).toBe(image.blobs.length);
});

test.each<[operation: string, fault: Fault]>([
  ['InitiateLayerUpload', 'cut-before'],
  ['UploadLayerPart', 'cut-before'],
  ['UploadLayerPart', 'cut-after'],
  ['UploadLayerPart', { error: 'ServiceUnavailable' }],
  ['CompleteLayerUpload', 'cut-after'],
  ['PutImage', 'cut-after'],
  ['*', 'throttle'],
])('%s %j, twice in a row: the push completes, and the next one sends no blob', async (operation, fault) => {
  const name = await create(`push/${operation === '*' ? 'any' : operation.toLowerCase()}-${faultName(fault)}`);
  const image = await build('one');
  await sandbox.faults.order({ operation, fault, times: 2 });
  const digest = await pushImage(image, { ...access, repository: name, tag: '1' }, { clock: fakeClock() });
  expect(digest).toBe(image.manifest.digest);
  expect(sandbox.faults.list().map(({ hits }) => hits)).toEqual([2]);
  sandbox.faults.clear();
  expect(await pushed(image, name, '2')).toEqual([false, false, false]);
});

test('an upload that is always cut fails cleanly, and the next push completes', async () => {
  const name = await create('push/always-cut');
  const image = await build('one');
  await sandbox.faults.order({ operation: 'UploadLayerPart', fault: 'cut-before', times: 'always' });
  await expect(pushImage(image, { ...access, repository: name, tag: '1' }, { clock: fakeClock() })).rejects.toMatchObject({
    code: 'registry-failed', exitCode: 1, message: expect.stringMatching(/^Gave up sending sha256:\w+ after 6 attempts: .* does not answer/), next: expect.any(String),
  });
  sandbox.faults.clear();
  expect(await pushed(image, name, '1')).toEqual([true, true, true]);
});

test('a registry that asks for patience is left alone for so long', async () => {
  const name = await create('push/patience');
  const waits = ['30', '3600'];
  const clock = fakeClock();
  const image = await build('one');
  await withProxy({ meddle: ({ method }, response) => {
    const wait = method === 'POST' ? waits.shift() : undefined;
    if (wait !== undefined) response.writeHead(429, { 'retry-after': wait }).end();
    return wait !== undefined;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock }));
  expect(clock.now()).toBe(90_000);
});

test.each<[status: number, headers: Record<string, string>]>([[429, {}], [503, { 'retry-after': '300' }]])('a registry that answers %d %j has until the timeout', async (status, headers) => {
  const name = await create(`push/busy-${status}`);
  const clock = fakeClock();
  let busy = 20;
  const push = async (tag: string) => {
    const image = await build(tag);
    return withProxy({ meddle: ({ method }, response) => {
      if (method !== 'POST' || (busy -= 1) < 0) return false;
      response.writeHead(status, headers).end();
      return true;
    } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag }, { clock, timeout: 3_600_000 }));
  };
  await push('1');
  const needed = clock.now();
  expect(needed).toBeGreaterThan(600_000);
  busy = Number.POSITIVE_INFINITY;
  await expect(push('2')).rejects.toMatchObject({ exitCode: 124, message: expect.stringContaining('within 3600 s (--timeout): http') });
  expect(clock.now() - needed).toBeGreaterThan(3_500_000);
});

test('a token that has expired is replaced, once for each request', async () => {
  const name = await create('push/expired');
  const image = await build('one');
  const digest = await pushImage(image, { endpoint: access.endpoint, authorization: 'Basic QVdTOm9sZA==', signInAgain: async () => access.authorization, repository: name, tag: '1' });
  expect(digest).toBe(image.manifest.digest);

  let signIns = 0;
  const inVain = pushImage(image, { endpoint: access.endpoint, authorization: 'Basic QVdTOm9sZA==', signInAgain: async () => `Basic QVdTOm9sZA${(signIns += 1)}=`, repository: name, tag: '2' });
  await expect(inVain).rejects.toMatchObject({ code: 'registry-failed', message: expect.stringMatching(/answered 403 while looking for the tag$/), next: expect.stringContaining('sign-in') });
  expect(signIns).toBe(1);
});

test.each<[what: string, status: number, timeout: number, exitCode: number, message: RegExp]>([
  ['gives up on a registry that stays busy', 503, 600_000, 1, /^Gave up sending .* after 6 attempts: http:\/\/127.0.0.1:\d+ answered 503/],
  ['and when the time is over', 503, 2_000, 124, /^Gave up sending .* within 2 s \(--timeout\): http:\/\/127.0.0.1:\d+ answered 503/],
  ['ends at once at one that says no', 403, 600_000, 1, /^http:\/\/127.0.0.1:\d+ answered 403 while starting an upload: DENIED not yours, … … …$/],
])('%s, and does not tell the password', async (_what, status, timeout, exitCode, message) => {
  const name = await create(`push/refused-${status}-${timeout}`);
  const image = await build('one');
  const token = access.authorization.split(' ')[1] ?? '';
  const login = Buffer.from(token, 'base64').toString();
  const attempt = withProxy({ meddle: ({ method }, response) => {
    if (method !== 'POST') return false;
    response.writeHead(status).end(JSON.stringify({ errors: [{ code: 'DENIED', message: `not yours, ${token} ${login} ${login.slice('AWS:'.length)}` }] }));
    return true;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: fakeClock(), timeout }));
  await expect(attempt).rejects.toMatchObject({ code: 'registry-failed', exitCode, message: expect.stringMatching(message), next: expect.stringContaining('run the same command again') });
});

test('a registry that takes everything and says nothing is given up', async () => {
  const name = await create('push/silent');
  const image = await build('one');
  const silent = withProxy({ meddle: (incoming) => {
    if (incoming.method === 'PATCH') incoming.resume();
    return incoming.method === 'PATCH';
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { timeout: 300 }));
  await expect(silent).rejects.toMatchObject({ exitCode: 124, message: expect.stringContaining('nothing went on for 0.3 s') });
});

test('a registry that confirms another digest is not believed', async () => {
  const name = await create('push/liar');
  const image = await build('one');
  const wrong = `sha256:${'0'.repeat(64)}`;
  await expect(withProxy({ meddle: ({ method, url }, response) => {
    if (method !== 'PUT' || !url?.includes('/manifests/')) return false;
    response.writeHead(201, { 'docker-content-digest': wrong }).end();
    return true;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }))).rejects.toThrow(wrong);
});

test('a registry that sends an upload to no address is named', async () => {
  const name = await create('push/no-address');
  const image = await build('one');
  await expect(withProxy({ meddle: ({ method }, response) => {
    if (method === 'POST') response.writeHead(202, { location: 'http://' }).end();
    return method === 'POST';
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }))).rejects.toMatchObject({
    code: 'registry-failed', message: expect.stringMatching(/^http:\/\/127.0.0.1:\d+ has an upload go on at "http:\/\/", which is no address\.$/), next: expect.any(String),
  });
});

test.each<[what: string, meddling: Meddling]>([
  ['cuts the connection', {}],
  ['says so', { meddle: ({ method }, response) => {
    if (method === 'POST') response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name \'nowhere\' does not exist"}]}');
    return method === 'POST';
  } }],
])('an unknown repository is named, and what makes it, where the registry %s', async (_what, meddling) => {
  const image = await build('one');
  const clock = fakeClock();
  await expect(withProxy(meddling, (endpoint) => pushImage(image, { ...access, endpoint, repository: 'nowhere', tag: '1' }, { clock }))).rejects.toMatchObject({
    code: 'no-repository', message: expect.stringContaining("NAME_UNKNOWN The repository with name 'nowhere' does not exist"), next: 'ecs-canary build-infra',
  });
  expect(clock.now()).toBe(0);
});

test('the password goes to the registry only, and an abort ends the push', async () => {
  const name = await create('push/elsewhere');
  const image = await build('one');
  const aborted = new AbortController();
  const seen: (string | undefined)[] = [];
  const storage = withProxy({ meddle: ({ headers }, response) => {
    seen.push(headers.authorization);
    aborted.abort(new Error('Ctrl-C'));
    response.writeHead(503).end();
    return true;
  } }, (elsewhere) => withProxy({ meddle: ({ method }, response) => {
    if (method !== 'POST') return false;
    response.writeHead(202, { location: `${elsewhere}/upload` }).end();
    return true;
  } }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { signal: aborted.signal })));
  await expect(storage).rejects.toThrow('Ctrl-C');
  expect(seen).toEqual([undefined]);
});
