/** Which builder is taken, and what an engine is called with. The engines are stubs; real ones: see engines.test.ts. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type BuildOptions, chooseBuilder } from '../../src/image/builder.ts';
import { PLATFORMS } from '../../src/image/image.ts';
import type { BuilderName } from '../../src/settings/builders.ts';
import { contentOf } from './content.ts';
import { type Stubs, good, makeArchive, stubEngines } from './stub-engines.ts';

const SILENT = 'echo "Cannot connect to the daemon." >&2; exit 1';
const ENGINES = ['docker', 'podman', 'buildah'] as const;

let dir: string;
let app: string;
let stubs: Stubs;
let archive: string;
const said: string[] = [];
let onLine: (count: number) => void;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'builder-'));
  app = join(dir, 'app');
  await mkdir(app);
  await writeFile(join(app, 'Dockerfile'), 'FROM scratch\nCOPY . .\n');
  stubs = await stubEngines(dir);
  archive = await makeArchive(dir);
  said.length = 0;
  onLine = () => undefined;
});
afterEach(async () => {
  // Of this process alone: other tests may be at work.
  const left = (await readdir(tmpdir())).filter((name) => name.startsWith('ecs-canary-image-') && name.includes(`-${process.pid}-`));
  expect(left).toEqual([]);
  await rm(dir, { recursive: true });
});

const choose = (asked?: BuilderName, signal = new AbortController().signal) =>
  chooseBuilder(asked, { env: stubs.env, signal });

/** Builds, looks at what came of it, and takes it away. */
async function build(asked: BuilderName, options: Partial<BuildOptions> = {}, signal?: AbortSignal) {
  const builder = await choose(asked, signal);
  const image = await builder.build(app, { platform: PLATFORMS.X86_64, output: (line) => onLine(said.push(line)), signal, ...options });
  await image.dispose();
  return image;
}

const buildOf = async () => (await stubs.calls()).find((call) => / build /.test(call) && !call.endsWith('buildx version')) ?? '';

test('the first engine that answers is taken, and pack where none does', async () => {
  expect((await choose()).name).toBe('pack');
  await stubs.add('buildah', good(archive));
  expect((await choose()).name).toBe('buildah');
  await stubs.add('podman', good(archive));
  await stubs.add('docker', SILENT);
  expect((await choose()).name).toBe('podman');
  await stubs.add('docker', good(archive));
  expect((await choose()).name).toBe('docker');
  expect((await choose('pack')).name).toBe('pack');
});

test.each(ENGINES)('%s that was asked for and is not there, or does not answer, is named with the others', async (name) => {
  await expect(choose(name)).rejects.toMatchObject({ exitCode: 2, message: `The builder ${name} cannot be used: it is not installed.`, next: expect.stringMatching(/--builder \(.*pack\)$/) });
  await stubs.add(name, SILENT);
  await expect(choose(name)).rejects.toMatchObject({ exitCode: 2, message: `The builder ${name} cannot be used: it does not answer (Cannot connect to the daemon).` });
});

test.each(ENGINES)('%s builds what it is told to, says so line by line, and hands the image over', async (name) => {
  await stubs.add(name, good(archive));
  const file = join(dir, 'Other');
  await writeFile(file, 'FROM scratch\n');
  const cache = { from: ['a=b,c=d'], to: ['elsewhere'], none: true };
  const image = await build(name, { file, buildArgs: ['ONE=1', 'TWO=two words'], target: 'hull', cache });
  expect(image).toMatchObject({ platform: PLATFORMS.X86_64, manifest: { digest: expect.stringMatching(/^sha256:/) } });
  expect(await buildOf()).toContain(
    `--platform linux/amd64 --file ${file} --build-arg ONE=1 --build-arg TWO=two words --target hull --cache-from a=b,c=d --cache-to elsewhere --no-cache `,
  );
  expect(said.toSorted()).toEqual(['a word on the other stream', 'caulking the seams']);
});

test('docker builds with buildx where there is one, under a name that it loses again', async () => {
  await stubs.add('docker', good(archive).replace('"buildx version") exit 1 ;;', '"buildx version") ;; buildx*) ;;'));
  await build('docker');
  const [, , built, saved, removed] = await stubs.calls();
  expect(built).toMatch(/^docker buildx build --load .*--tag (ecs-canary\/build:[\w-]+) /);
  const [, name] = /--tag (\S+)/.exec(built ?? '') ?? [];
  expect(saved).toMatch(new RegExp(`^docker save .* ${name}$`));
  expect(removed).toBe(`docker image rm --no-prune ${name}`);
});

test.each(ENGINES)('a build of %s that fails says how it ended, and its last lines', async (name) => {
  await stubs.add(name, `case "$*" in "buildx version") exit 1 ;; build*) seq 20; echo 'no oakum left' >&2; exit 17 ;; esac`);
  await expect(build(name)).rejects.toMatchObject({ exitCode: 1, code: 'build-failed', message: expect.stringMatching(new RegExp(`^${name} could not build the image of .*: exit code 17\\.\n(  .*\n){9}  .*$`)) });
  expect(said).toContain('no oakum left');
});

test('pack builds the Dockerfile that it is told to', async () => {
  const file = join(dir, 'Other');
  await writeFile(file, 'FROM scratch\nCOPY . .\nCMD ["node", "other.js"]\n');
  const { blobs } = await build('pack', { file });
  expect(JSON.parse(String(await contentOf(blobs.at(-1))))).toMatchObject({ config: { Cmd: ['node', 'other.js'] } });
});

test('an image for another platform than was asked for is refused', async () => {
  await stubs.add('podman', good(archive));
  await expect(build('podman', { platform: PLATFORMS.ARM64 })).rejects.toMatchObject({ code: 'wrong-platform', message: expect.stringContaining('linux/arm64, and built one for linux/amd64') });
});

test.each([...ENGINES, 'pack'] as const)('%s without a Dockerfile: what to do', async (name) => {
  if (name !== 'pack') await stubs.add(name, good(archive));
  await expect(build(name, { file: join(dir, 'none') })).rejects.toMatchObject({ exitCode: 2, message: `There is no Dockerfile ${join(dir, 'none')}.` });
  await rm(join(app, 'Dockerfile'));
  await expect(build(name)).rejects.toMatchObject({ exitCode: 2, next: expect.stringContaining('--file') });
  expect(await buildOf()).toBe('');
});

/** What nobody should come to wait for. */
const late = () => new Promise<never>((_resolve, reject) => setTimeout(() => reject(new Error('the engine goes on')), 30_000).unref());

test('an interruption ends the engine, and is no failed build', async () => {
  await stubs.add('buildah', `case "$*" in build*) echo "$$"; exec tail -f /dev/null ;; esac`);
  const controller = new AbortController();
  const ended = build('buildah', {}, controller.signal);
  // A build that ends before it says anything is an error here, too.
  const begun = new Promise<void>((resolve) => (onLine = () => resolve()));
  await Promise.race([begun, ended]);
  const pid = Number(said[0]);
  try {
    controller.abort(new Error('enough'));
    await expect(Promise.race([ended, late()])).rejects.toThrow('enough');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  } catch (error) {
    process.kill(pid, 'SIGKILL');
    throw error;
  }
}, 60_000);

test('an engine that hangs while it cleans up holds up no interruption, and hides no reason', async () => {
  await stubs.add('docker', `case "$*" in save*|"image rm"*) exec sleep 45 ;; esac\n${good(archive)}`);
  const controller = new AbortController();
  const enough = new Error('enough');
  const ended = build('docker', {}, controller.signal);
  const saving = async () => {
    while (!(await stubs.calls()).some((call) => call.startsWith('docker save'))) await delay(20);
  };
  await Promise.race([saving(), ended]);
  controller.abort(enough);
  await expect(Promise.race([ended, late()])).rejects.toBe(enough);
}, 60_000);
