import { chmod, cp, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Parser } from 'tar';
import { type BuiltImage, PLATFORMS, type Platform } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { withFolder } from '../folder.ts';
import { contentOf } from './content.ts';

const images: BuiltImage[] = [];

async function pack(dir: string, platform: Platform = PLATFORMS.X86_64): Promise<BuiltImage> {
  const image = await packImage(dir, { platform });
  images.push(image);
  return image;
}

afterEach(async () => {
  for (const image of images.splice(0)) await image.dispose();
});

/** What the image's layers hold: `path mode` of each entry, symlinks with their target. */
async function contents({ blobs }: BuiltImage): Promise<string[]> {
  const seen: string[] = [];
  for (const layer of blobs.filter(({ mediaType }) => mediaType.includes('layer'))) {
    const parser = new Parser({
      onReadEntry(entry) {
        const { type, mode = 0, uid, gid, mtime, linkpath } = entry;
        const path = entry.path.replace(/\/?$/, type === 'Directory' ? '/' : '');
        expect([uid, gid, mtime]).toEqual([0, 0, new Date(0)]);
        seen.push(`${path} ${mode.toString(8)}${linkpath ? ` ${linkpath}` : ''}`);
        entry.resume();
      },
    });
    await pipeline(layer.open(), parser);
  }
  return seen;
}

const config = async ({ blobs }: BuiltImage): Promise<unknown> => JSON.parse(String(await contentOf(blobs.at(-1))));

test('the same files give the same digest, whatever their age, place and rights; another file gives another', async () => {
  await withFolder({ Dockerfile: 'FROM node\nCOPY . /app/\n', 'b.js': 'b', 'a/a.js': 'a' }, async (dir) => {
    const first = await pack(dir);
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
    try {
      await cp(dir, elsewhere, { recursive: true });
      await utimes(join(elsewhere, 'b.js'), 1, 1);
      await chmod(join(elsewhere, 'a'), 0o700);
      await chmod(join(elsewhere, 'b.js'), 0o600);
      expect((await pack(elsewhere)).manifest.digest).toBe(first.manifest.digest);

      await chmod(join(elsewhere, 'b.js'), 0o700);
      const executable = await pack(elsewhere);
      expect(executable.manifest.digest).not.toBe(first.manifest.digest);
      await writeFile(join(elsewhere, 'b.js'), 'B');
      expect((await pack(elsewhere)).manifest.digest).not.toBe(executable.manifest.digest);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });
});

test('COPY puts files where Docker does', async () => {
  const dockerfile = `FROM node
WORKDIR /app
COPY package.json .
COPY lib lib
COPY *.js tools/[ab] bin/
COPY lib/x.js /etc/renamed
COPY tools /usr/local/
CMD ["node", "bin/a.js"]
`;
  await withFolder({ Dockerfile: dockerfile, 'package.json': '{}', 'a.js': '', 'b.js': '', 'lib/x.js': '', 'lib/deep/y.js': '', 'tools/a': '#!', 'tools/c': '' }, async (dir) => {
    await chmod(join(dir, 'tools/a'), 0o755);
    await symlink('x.js', join(dir, 'lib/link.js'));
    const image = await pack(dir);
    expect(await contents(image)).toEqual([
      'app/ 755',
      'app/package.json 644',
      'app/lib/ 755', 'app/lib/deep/ 755', 'app/lib/deep/y.js 644', 'app/lib/link.js 777 x.js', 'app/lib/x.js 644',
      'app/bin/ 755', 'app/bin/a 755', 'app/bin/a.js 644', 'app/bin/b.js 644',
      'etc/ 755', 'etc/renamed 644',
      'usr/ 755', 'usr/local/ 755', 'usr/local/a 755', 'usr/local/c 644',
    ]);
    expect(await config(image)).toMatchObject({
      architecture: 'amd64', os: 'linux', created: '1970-01-01T00:00:00Z', config: { WorkingDir: '/app', Cmd: ['node', 'bin/a.js'] },
    });
  });
});

test('what .dockerignore leaves out is not in the image, and a long name is', async () => {
  const long = `${'long-folder-name/'.repeat(20)}file.js`;
  const files = { Dockerfile: 'FROM node\nCOPY . .\n', '.dockerignore': 'Dockerfile\n.*\n**/*.log\n!keep/*.log\n', 'a.log': '', 'x/b.log': '', 'keep/c.log': '', [long]: '' };
  await withFolder(files, async (dir) => {
    const paths = (await contents(await pack(dir))).map((entry) => entry.split(' ')[0]);
    expect(paths.filter((path) => !path?.endsWith('/'))).toEqual(['keep/c.log', long]);
  });
});

test('an image for ARM64 says so', async () => {
  await withFolder({ Dockerfile: 'FROM node\nCOPY . .\n' }, async (dir) => {
    expect(await config(await pack(dir, PLATFORMS.ARM64))).toMatchObject({ architecture: 'arm64' });
  });
});

test.each([
  ['COPY nothing.js .', 'line 2: COPY nothing.js finds no such file'],
  ['COPY secret.txt .', 'line 2: COPY secret.txt finds no such file'],
  ['COPY ../outside .', 'line 2: COPY ../outside reaches outside'],
  ['COPY link .', 'line 2: COPY link names the symbolic link link'],
  ['CMD ["node"]', 'copies nothing'],
])('%s is refused before anything is built', async (line, message) => {
  await withFolder({ Dockerfile: `FROM node\n${line}\n`, '.dockerignore': 'secret.txt', 'secret.txt': '' }, async (dir) => {
    await symlink('/etc/passwd', join(dir, 'link'));
    await expect(pack(dir)).rejects.toMatchObject({ message: expect.stringContaining(message), exitCode: 2 });
  });
});

test('a folder without a Dockerfile is refused by its name', async () => {
  await withFolder({}, async (dir) => {
    await expect(pack(dir)).rejects.toMatchObject({ message: expect.stringContaining(join(dir, 'Dockerfile')), exitCode: 2 });
  });
});
