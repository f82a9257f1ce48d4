/** Programs that behave like engines as far as somebody who calls them can tell. */
import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import { PLATFORMS, type Platform } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { withFolder } from '../folder.ts';
import { contentOf } from './content.ts';

/** What is needed besides the engines themselves. */
const PLAIN = '/usr/local/bin:/usr/bin:/bin';

export interface Stubs {
  /** With nothing but these engines in it. */
  readonly env: Record<string, string>;
  /** @param script of /bin/sh; `$1` and so on are its arguments. */
  add(name: string, script: string): Promise<void>;
  /** What the engines were called with, one call a line. */
  calls(): Promise<string[]>;
}

/** @param dir an empty folder. */
export async function stubEngines(dir: string): Promise<Stubs> {
  const [bin, log] = [join(dir, 'bin'), join(dir, 'calls')];
  await mkdir(bin);
  await writeFile(log, '');
  return {
    env: { PATH: bin },
    async add(name, script) {
      await writeFile(join(bin, name), `#!/bin/sh\nPATH=${PLAIN}\necho "${name} $*" >>'${log}'\n${script}\n`);
      await chmod(join(bin, name), 0o755);
    },
    calls: async () => (await readFile(log, 'utf8')).trim().split('\n').filter((line) => line !== ''),
  };
}

/** Answers, builds nothing, and hands out the same archive each time. */
export const good = (archive: string) => `
case "$*" in
  "buildx version") exit 1 ;;
  save*--output*|push*) for last do case "$last" in oci-archive:*) cp '${archive}' "\${last#oci-archive:}" ;; */image.tar) cp '${archive}' "$last" ;; esac; done ;;
  build*) echo 'caulking the seams'; echo 'a word on the other stream' >&2
    while [ $# -gt 0 ]; do [ "$1" != --iidfile ] || printf sha256:feed >"$2"; shift; done ;;
esac`;

/** The archive of an image, in a folder that is there. */
export async function makeArchive(dir: string, platform: Platform = PLATFORMS.X86_64): Promise<string> {
  const layout = await mkdtemp(join(dir, 'layout-'));
  const files = { Dockerfile: 'FROM scratch\nCOPY server.js /\nCMD ["node", "/server.js"]\n', 'server.js': '' };
  const image = await withFolder(files, (folder) => packImage(folder, { platform }));
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
  for (const blob of [...image.blobs, image.manifest]) {
    await writeFile(join(layout, 'blobs', blob.digest.replace(':', '/')), await contentOf(blob));
  }
  await image.dispose();
  const { mediaType, digest, size } = image.manifest;
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size }] }));
  await create({ cwd: layout, file: `${layout}.tar` }, ['.']);
  return `${layout}.tar`;
}
