/** Which container engines work on this machine; tests for the others say that they are skipped, and why. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineName, whyNoEngine } from '../../src/sandbox/dataplane/engine.ts';
import { layOutNode } from './node-image.ts';

const folder = mkdtempSync(join(tmpdir(), 'engines-'));

const ENGINES: readonly EngineName[] = ['docker', 'podman'];
const IMAGE = 'localhost/ecs-canary-trial';
/** What every task asks for: an engine that can't give it is of no use. */
const TRIAL = ['run', '--rm', '--cpus=0.5', '--memory=256m', IMAGE, '/usr/local/bin/node', '-e', 'console.log("afloat")'];

export interface FoundEngine {
  readonly name: EngineName;
  /** Why it can't be used here; undefined where it can. */
  readonly missing: string | undefined;
}

/**
 * Looks for them by running something in each. What Podman has stays in a folder of the test file's own, with settings that need no
 * privileges; Docker has one store for all, and is left as it was found.
 */
export async function findEngines(): Promise<readonly FoundEngine[]> {
  configurePodman('');
  const found: FoundEngine[] = [];
  for (const name of ENGINES) found.push({ name, missing: (await whyNoEngine(name)) ?? tryOut(name) });
  afterAll(() => {
    for (const { name, missing } of found) if (missing === undefined) call(name, ['rmi', '--force', IMAGE]);
    rmSync(folder, { recursive: true, force: true });
  });
  return found;
}

/** Says of each engine that can't be used what is not tested for that, and why. */
export function sayWhatIsSkipped(found: readonly FoundEngine[], title: (name: EngineName) => string): void {
  for (const { name, missing } of found) if (missing !== undefined) test.skip(`${title(name)} (skipped: ${missing.replace(/\.$/, '')})`, () => undefined);
}

function tryOut(name: EngineName): string | undefined {
  try {
    const root = join(folder, 'root');
    mkdirSync(root, { recursive: true });
    layOutNode(root);
    const archive = spawnSync('tar', ['-C', root, '-cf', join(folder, 'root.tar'), '.'], { encoding: 'utf8' });
    if (archive.status !== 0) return `no archive can be made here: ${archive.stderr}`;
  } catch (error) {
    return String(error);
  }
  const imported = call(name, ['import', join(folder, 'root.tar'), IMAGE]);
  if (imported.status !== 0) return `${name} takes no image: ${lastLine(imported.stderr)}`;
  const first = call(name, TRIAL);
  if (first.stdout === 'afloat\n') return undefined;
  if (name === 'podman') {
    // Where it may make no network, it still can share this machine's.
    configurePodman(SHARED_NETWORK);
    if (call(name, TRIAL).stdout === 'afloat\n') return undefined;
  }
  return `${name} runs nothing here: ${lastLine(first.stderr)}`;
}

/** A line of containers.conf: containers get this machine's network. */
export const SHARED_NETWORK = 'netns = "host"';

/** @param network a line of containers.conf, or none. */
export function configurePodman(network: string): void {
  const runtime = ['runc', 'crun'].find((name) => spawnSync(name, ['--version']).status === 0);
  writeFileSync(join(folder, 'containers.conf'), [
    '[containers]', 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]', network,
    '[engine]', 'cgroup_manager = "cgroupfs"', 'events_logger = "file"', ...(runtime ? [`runtime = "${runtime}"`] : []),
  ].join('\n'));
  writeFileSync(join(folder, 'storage.conf'), [
    '[storage]', 'driver = "vfs"', `runroot = "${join(folder, 'run')}"`, `graphroot = "${join(folder, 'graph')}"`,
  ].join('\n'));
  process.env['CONTAINERS_CONF'] = join(folder, 'containers.conf');
  process.env['CONTAINERS_STORAGE_CONF'] = join(folder, 'storage.conf');
}

/** With the variables that are set here: Jest keeps them from child processes. */
function call(name: EngineName, args: readonly string[]) {
  return spawnSync(name, args, { encoding: 'utf8', env: process.env });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
