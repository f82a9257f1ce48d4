import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFolder } from '../../src/image/git-version.ts';
import { withFolder } from '../folder.ts';

const git = (dir: string, ...args: string[]) => execFileSync('git', ['-C', dir, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { stdio: 'pipe' });

test("a commit's tag names the version, as far as an image can be called so, and what is not committed makes it dirty", () =>
  withFolder({ 'app/server.js': 'one' }, async (dir) => {
    await expect(describeFolder(dir)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(/--tag is missing.*not a git repository.*\.$/) });
    git(dir, 'init', '-q');
    git(dir, 'add', '.');
    git(dir, 'commit', '-qm', 'one');
    git(dir, 'tag', '-am', 'one', 'release/1.0');
    const app = join(dir, 'app');
    expect(await describeFolder(app)).toEqual({ name: 'release-1.0', dirty: false });
    // Beside the folder, and no part of its image.
    await writeFile(join(dir, '.env'), '');
    expect(await describeFolder(app)).toEqual({ name: 'release-1.0', dirty: false });
    await writeFile(join(app, 'new.js'), '');
    expect(await describeFolder(app)).toEqual({ name: 'release-1.0', dirty: true });
  }));

test('a tree in which everything is new is dirty, however much that is', () =>
  withFolder({ 'server.js': 'one' }, async (dir) => {
    git(dir, 'init', '-q');
    git(dir, 'add', '.');
    git(dir, 'commit', '-qm', 'one');
    // More than a megabyte of names, which need no files to be staged.
    execFileSync('git', ['-C', dir, 'update-index', '--index-info'], { input: manyFiles(dir), stdio: 'pipe' });
    expect(await describeFolder(dir)).toMatchObject({ dirty: true });
  }));

function manyFiles(dir: string): string {
  const blob = execFileSync('git', ['-C', dir, 'hash-object', 'server.js'], { encoding: 'utf8' }).trim();
  return Array.from({ length: 6_000 }, (_, index) => `100644 ${blob}\t${'a'.repeat(200)}-${index}\n`).join('');
}
