/** Pushing, against the sandbox's registry and against one that misbehaves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateRepositoryCommand, DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { type BuiltImage, PLATFORMS } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { type BlobPushed, type PushTarget, pushImage } from '../../src/image/registry-client.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { withFolder } from '../folder.ts';
import { signIn } from '../sandbox/push.ts';

const noPauses = { now: () => performance.now(), sleep: async () => {} };

let dir: string;
let sandbox: Sandbox;
let ecr: ECRClient;
let access: Pick<PushTarget, 'endpoint' | 'authorization'>;

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

/** A registry in front of the sandbox's that lets `meddle` answer instead, when it returns true. */
async function withProxy<T>(meddle: (request: IncomingMessage, response: ServerResponse) => boolean, action: (endpoint: string) => Promise<T>): Promise<T> {
  const proxy = createServer((incoming, outgoing) => {
    if (meddle(incoming, outgoing)) return;
    const onward = request(new URL(incoming.url ?? '/', sandbox.url), { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  try {
    return await action(`http://127.0.0.1:${address.port}`);
  } finally {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }
}

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
  const refused = pushImage(two, { ...access, repository: name, tag: '1' });
  await expect(refused).rejects.toMatchObject({ code: 'tag-taken', exitCode: 1, message: expect.stringContaining(one.manifest.digest) });
  await expect(refused).rejects.toThrow(two.manifest.digest);
});

test('a registry that is busy or breaks off is asked again', async () => {
  const name = await create('push/again');
  const failures = [503, 429, 0];
  const image = await build('one');
  const digest = await withProxy(({ method, socket }, response) => {
    const failure = method === 'PATCH' ? failures.shift() : undefined;
    if (failure === undefined) return false;
    if (failure === 0) socket.destroy();
    else response.writeHead(failure).end();
    return true;
  }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: noPauses }));
  expect(digest).toBe(image.manifest.digest);
  expect(failures).toEqual([]);
});

test.each<[what: string, status: number, message: RegExp]>([
  ['gives up on a registry that stays busy', 503, /^Gave up .* after 4 attempts: http:\/\/127.0.0.1:\d+ answered 503/],
  ['ends at once at one that says no', 403, /^http:\/\/127.0.0.1:\d+ answered 403 while starting an upload: DENIED not yours$/],
])('%s, and does not tell the password', async (_what, status, message) => {
  const name = await create(`push/refused-${status}`);
  const image = await build('one');
  const attempt = withProxy(({ method }, response) => {
    if (method !== 'POST') return false;
    response.writeHead(status).end(JSON.stringify({ errors: [{ code: 'DENIED', message: 'not yours' }] }));
    return true;
  }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { clock: noPauses }));
  await expect(attempt).rejects.toMatchObject({ code: 'push-failed', exitCode: 1, message: expect.stringMatching(message) });
  await expect(attempt).rejects.not.toThrow(access.authorization.split(' ')[1]);
});

test('a registry that confirms another digest is not believed', async () => {
  const name = await create('push/liar');
  const image = await build('one');
  const wrong = `sha256:${'0'.repeat(64)}`;
  await expect(withProxy(({ method, url }, response) => {
    if (method !== 'PUT' || !url?.includes('/manifests/')) return false;
    response.writeHead(201, { 'docker-content-digest': wrong }).end();
    return true;
  }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }))).rejects.toThrow(wrong);
});

test('an unknown repository is named in the words of the registry', async () => {
  await expect(pushImage(await build('one'), { ...access, repository: 'nowhere', tag: '1' })).rejects.toMatchObject({
    code: 'push-failed', message: expect.stringContaining("NAME_UNKNOWN The repository with name 'nowhere' does not exist"),
  });
});

test('the password goes to the registry only, and an abort ends the push', async () => {
  const name = await create('push/elsewhere');
  const image = await build('one');
  const aborted = new AbortController();
  const seen: (string | undefined)[] = [];
  const storage = withProxy(({ headers }, response) => {
    seen.push(headers.authorization);
    aborted.abort(new Error('Ctrl-C'));
    response.writeHead(503).end();
    return true;
  }, (elsewhere) => withProxy(({ method }, response) => {
    if (method !== 'POST') return false;
    response.writeHead(202, { location: `${elsewhere}/upload` }).end();
    return true;
  }, (endpoint) => pushImage(image, { ...access, endpoint, repository: name, tag: '1' }, { signal: aborted.signal })));
  await expect(storage).rejects.toThrow('Ctrl-C');
  expect(seen).toEqual([undefined]);
});
