/** Engines of this machine, with settings that need no privileges and leave nothing behind. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runTool } from './tools.ts';

/** @param dir an empty folder, which gets all that Podman and Buildah keep. */
export function engineVariables(dir: string): Record<string, string> {
  const runtime = ['/usr/sbin/runc', '/usr/bin/runc', '/usr/bin/crun'].find((path) => existsSync(path));
  const engine = ['cgroup_manager = "cgroupfs"', 'events_logger = "file"', ...(runtime ? [`runtime = "${runtime}"`] : [])];
  writeFileSync(join(dir, 'containers.conf'), ['[containers]', 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]', '[engine]', ...engine, ''].join('\n'));
  writeFileSync(join(dir, 'storage.conf'), ['[storage]', 'driver = "vfs"', `runroot = "${join(dir, 'run')}"`, `graphroot = "${join(dir, 'graph')}"`, ''].join('\n'));
  return {
    HOME: dir,
    CONTAINERS_CONF: join(dir, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(dir, 'storage.conf'),
    BUILDAH_ISOLATION: 'chroot',
    ...(process.env['DOCKER_HOST'] && { DOCKER_HOST: process.env['DOCKER_HOST'] }),
  };
}

/** Why an engine can build nothing here; undefined where it can. */
export function whyNotBuild(engine: string, dir: string): string | undefined {
  const app = join(dir, 'smallest');
  mkdirSync(app);
  writeFileSync(join(app, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
  const env = { PATH: process.env['PATH'], ...engineVariables(dir) };
  const { status, error, stderr } = spawnSync(engine, ['build', app], { env, encoding: 'utf8', timeout: 60_000 });
  if (error) return 'code' in error && error.code === 'ENOENT' ? `there is no ${engine}` : error.message;
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `${engine} ended with ${status}`);
}

/** Copies this machine's shell, and the libraries that it needs, to where an image has them: no image can be pulled here. */
export function copyShell(root: string): void {
  const libraries = runTool('ldd', ['/bin/sh']).match(/\/\S+/g) ?? [];
  for (const path of ['/bin/sh', ...libraries]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
}
