/** Where images lie while they are pushed: what is left behind there, and who takes it away. */
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { makeWorkFolder } from '../../src/image/work-folder.ts';
import { cli } from '../cli/spawn.ts';
import { withProject } from '../infra/project.ts';
import { good, makeArchive, stubEngines } from './stub-engines.ts';

let dir: string;
let temporary: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'work-'));
  temporary = join(dir, 'tmp');
  await mkdir(temporary);
});
afterEach(() => rm(dir, { recursive: true }));

test('what a push left behind that was killed, the next one takes away', () => withProject(async (project) => {
  const stubs = await stubEngines(dir);
  const env = { ...project.variables(), AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', TMPDIR: temporary, ...stubs.env };
  expect(await cli(['build-infra'], { env })).toMatchObject({ code: 0 });
  const app = join(dir, 'app');
  const archive = await makeArchive(dir);
  await mkdir(app);
  await writeFile(join(app, 'Dockerfile'), 'FROM scratch\n');
  const push = ['push', app, '--tag', '1', '--builder', 'podman'];

  await stubs.add('podman', 'case "$*" in build*) kill -KILL $PPID ;; esac');
  expect(await cli(push, { env })).toMatchObject({ code: null });
  expect(await readdir(temporary)).toHaveLength(1);
  await stubs.add('podman', good(archive));
  expect(await cli(push, { env })).toMatchObject({ code: 0 });
  expect(await readdir(temporary)).toEqual([]);
}), 60_000);

test('what is in use, may be, or is somebody else\'s stays', async () => {
  const own = basename((await makeWorkFolder(temporary)).dir);
  const elsewhere = own.replace(/image-\w{8}/, 'image-00000000');
  const old = new Date(Date.now() - 2 * 24 * 60 * 60_000);
  for (const name of [elsewhere, 'ecs-canary-images', own]) {
    await mkdir(join(temporary, name), { recursive: true });
    if (name !== elsewhere) await utimes(join(temporary, name), old, old);
  }
  const next = basename((await makeWorkFolder(temporary)).dir);
  expect((await readdir(temporary)).toSorted()).toEqual([own, elsewhere, 'ecs-canary-images', next].toSorted());

  await utimes(join(temporary, elsewhere), old, old);
  await makeWorkFolder(temporary);
  expect(await readdir(temporary)).not.toContain(elsewhere);
  expect(await readdir(temporary)).toContain(own);
});
