/** Runs containers in Docker or Podman: images loaded from the sandbox's registry, ports published on 127.0.0.1. */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Region, StoredImage } from '../parts.ts';
import { startError } from './container-launch.ts';
import { createArguments } from './engine-arguments.ts';
import { type Engine, type EngineName, openEngine } from './engine.ts';
import { canExecute, refuseToExecute } from './foreign-processor.ts';
import { freePort } from './free-port.ts';
import type { ContainerOrder, RunningContainer, TaskRunner } from './runner.ts';

/** Real ms between two questions whether a container has started. */
const LOOK = 50;
/** How engines write the start of a container that never started. */
const NEVER = '0001-';
/** What counts as the exit code of a container that somebody else removed: as if it was killed. */
const KILLED = 137;

/** Containers and images carry a mark of the sandbox's folder and the region, by which they are found again. */
export function makeEngineRunner(region: Region, name: EngineName): TaskRunner {
  const engine = openEngine(name);
  const owner = createHash('sha256').update(join(region.config.dir, region.name)).digest('hex').slice(0, 16);
  const repository = `localhost/ecs-canary-sandbox-${owner}`;
  const label = `ecs-canary.sandbox=${owner}`;
  const loading = new Map<string, Promise<void>>();

  /** Tasks that start together ask for the same image at the same time: one of them loads it. */
  function loadOnce(image: StoredImage, location: string): Promise<void> {
    const running = loading.get(location) ?? load(image, location).finally(() => loading.delete(location));
    loading.set(location, running);
    return running;
  }

  async function load(image: StoredImage, location: string): Promise<void> {
    const isThere = await engine.run(['image', 'inspect', '--format', '{{.Id}}', location]).then(() => true, () => false);
    if (!isThere) await engine.run(['load'], { input: await region.images.archive(image, location) });
  }

  return {
    async pull(reference) {
      const image = await region.images.find(reference);
      const location = `${repository}:${image.manifest.digest.slice('sha256:'.length)}`;
      await loadOnce(image, location);
      return { ...image, location };
    },
    async start(order, image) {
      if (!canExecute(order, image)) return refuseToExecute(order, image);
      const ports = await publishedPorts(order);
      const { args, env } = createArguments(name, order, image, label, ports);
      const id = (await engine.run(args, { env }).catch(rethrowAsStartError)).trim();
      return startContainer(engine, id, order, ports);
    },
    async recover() {
      const left = words(await engine.run(['ps', '--all', '--quiet', '--filter', `label=${label}`]));
      if (left.length === 0) return;
      // Some of them may have ended: then this complains, and the others are killed all the same.
      await engine.run(['kill', ...left]).catch(() => undefined);
      await engine.run(['rm', '--force', ...left]);
    },
    async close() {
      const images = words(await engine.run(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=${repository}`]));
      if (images.length > 0) await engine.run(['rmi', ...images]);
    },
  };
}

async function publishedPorts({ definition }: ContainerOrder): Promise<Record<number, number>> {
  const ports: Record<number, number> = {};
  for (const { containerPort } of definition.portMappings ?? []) {
    if (containerPort !== undefined) ports[containerPort] = await freePort();
  }
  return ports;
}

/** Resolves once the container has started; its output is passed on, and then its end. */
async function startContainer(engine: Engine, id: string, order: ContainerOrder, ports: Readonly<Record<number, number>>): Promise<RunningContainer> {
  const attached = engine.start(['start', '--attach', '--sig-proxy=false', id]);
  // What comes before the start is known may be the engine's complaint, and not the container's output.
  const early: string[] = [];
  let deliver: (line: string) => void = (line) => early.push(line);
  for (const stream of [attached.stdout, attached.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => deliver(line));
  }
  const closed = new Promise<void>((resolve) => attached.once('close', () => resolve()));
  if (!(await hasStarted(engine, id, attached))) {
    await closed;
    await engine.run(['rm', '--force', id]).catch(() => undefined);
    return rethrowAsStartError(new Error(early.join('\n').replace(/^Error: /, '')));
  }
  early.forEach(order.output);
  deliver = order.output;
  const ended = closed.then(async () => {
    const exitCode = await engine.run(['wait', id]).then(Number, () => KILLED);
    await engine.run(['rm', '--force', id]).catch(() => undefined);
    order.exited(exitCode);
  });
  return {
    ports,
    async stop(graceMs) {
      // A container that has ended already is gone, and can't be stopped.
      await engine.run(['stop', '-t', String(Math.ceil(graceMs / 1_000)), id]).catch(() => undefined);
      await ended;
    },
    kill: () => void engine.run(['kill', id]).catch(() => undefined),
  };
}

async function hasStarted(engine: Engine, id: string, attached: ChildProcess): Promise<boolean> {
  for (;;) {
    const isOver = attached.exitCode !== null || attached.signalCode !== null;
    const startedAt = await engine.run(['inspect', '--format', '{{.State.StartedAt}}', id]);
    if (!startedAt.startsWith(NEVER)) return true;
    if (isOver) return false;
    await sleep(LOOK);
  }
}

/** What the engine's runtime says of a program that it can't execute, as Fargate words it; anything else as it is. */
function rethrowAsStartError(error: Error): never {
  const [, program, reason] = /exec: "([^"]*)": (.*?)(?:: unknown|: OCI .*)?$/m.exec(error.message) ?? [];
  throw program === undefined || reason === undefined ? error : startError(program, reason);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
