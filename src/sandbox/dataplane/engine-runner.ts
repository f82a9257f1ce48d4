/** Runs containers in Docker or Podman: images loaded from the sandbox's registry, ports published on 127.0.0.1. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Region, StoredImage } from '../parts.ts';
import { startError } from './container-launch.ts';
import { type Wiring, createArguments } from './engine-arguments.ts';
import { type Engine, type EngineName, MOMENT, openEngine } from './engine.ts';
import { canExecute, refuseToExecute } from './foreign-processor.ts';
import { freePort } from './free-port.ts';
import { type ContainerOrder, OUT_OF_MEMORY, type OwnRunner, type PulledImage, type RunningContainer } from './runner.ts';
import { namesFor } from './task-names.ts';

/** Real ms between two questions whether a container has started. */
const LOOK = 50;
/** How engines write the start of a container that never started. */
const NEVER = '0001-';
/** What counts as the end of a container that somebody else removed: as if it was killed. */
const REMOVED = '137 false';

/** What an owner's containers and images carry, and are found again by. */
function marksOf(owner: string): { readonly repository: string; readonly label: string } {
  return { repository: `localhost/ecs-canary-sandbox-${owner}`, label: `ecs-canary.sandbox=${owner}` };
}

/**
 * Loads images into the engine, and makes containers of them.
 * @param owner marks them: nobody else who uses the engine has it.
 */
export function makeEngineRunner(region: Region, name: EngineName, owner: string): OwnRunner {
  const engine = openEngine(name);
  const { repository, label } = marksOf(owner);
  const loading = new Map<string, Promise<void>>();
  let published = true;

  /** Tasks that start together ask for the same image at the same time: one of them loads it. */
  function loadOnce(image: StoredImage, location: string): Promise<void> {
    const running = loading.get(location) ?? load(image, location).finally(() => loading.delete(location));
    loading.set(location, running);
    return running;
  }

  async function load(image: StoredImage, location: string): Promise<void> {
    const isThere = await engine.run(['image', 'inspect', '--format', '{{.Id}}', location]).then(() => true, () => false);
    if (!isThere) await engine.run(['load'], { input: await region.images.archive(image, location), limit: Infinity });
  }

  /** Only a container that was made tells which network the engine's configuration has given it. */
  async function create(order: ContainerOrder, image: PulledImage): Promise<{ id: string; wiring: Wiring }> {
    const wiring = await wire(order, published, namesFor(order, region.global.state.route53));
    const { args, env } = createArguments(name, order, image, label, wiring);
    const id = (await engine.run(args, { env, limit: Infinity }).catch(rethrowAsStartError)).trim();
    if (!published) return { id, wiring };
    const network = await engine.run(['inspect', '--format', '{{.HostConfig.NetworkMode}}', id]);
    if (network.trim() !== 'host') return { id, wiring };
    published = false;
    await engine.run(['rm', id]);
    return create(order, image);
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
      const { id, wiring } = await create(order, image);
      return startContainer(engine, id, order, wiring.ports);
    },
    close: () => removeImages(engine, owner),
  };
}

/** Ends and removes all containers of that owner. */
export async function endContainers(engine: Engine, owner: string): Promise<void> {
  const left = words(await engine.run(['ps', '--all', '--quiet', '--filter', `label=${marksOf(owner).label}`]));
  if (left.length === 0) return;
  // Some of them may have ended: then this complains, and the others are killed all the same.
  await engine.run(['kill', ...left]).catch(() => undefined);
  await engine.run(['rm', '--force', ...left]);
}

/** Removes all its images; no container may be left. */
export async function removeImages(engine: Engine, owner: string): Promise<void> {
  const { repository } = marksOf(owner);
  const images = words(await engine.run(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=${repository}`]));
  // Podman also lists the other names of these images, by which other sandboxes know them.
  const own = images.filter((image) => image.startsWith(`${repository}:`));
  if (own.length > 0) await engine.run(['rmi', ...own]);
}

/** In this machine's network two containers can't have the same port: each is told one of its own, as a process is. */
async function wire({ definition }: ContainerOrder, published: boolean, names: readonly string[]): Promise<Wiring> {
  const containerPorts = (definition.portMappings ?? []).flatMap(({ containerPort }) => containerPort ?? []);
  const ports: Record<number, number> = {};
  for (const containerPort of published ? containerPorts : containerPorts.slice(0, 1)) ports[containerPort] = await freePort();
  const env: Record<string, string> = published ? {} : { HOST: '127.0.0.1', PORT: String(Object.values(ports)[0] ?? (await freePort())) };
  return { ports, published, names, env };
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
    const end = await engine.run(['wait', id], { limit: Infinity })
      .then(() => engine.run(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', id]))
      .catch(() => REMOVED);
    await engine.run(['rm', '--force', id]).catch(() => undefined);
    const [exitCode, outOfMemory] = words(end);
    order.exited(Number(exitCode), outOfMemory === 'true' ? OUT_OF_MEMORY : undefined);
  });
  return {
    ports,
    async stop(graceMs) {
      // A container that has ended already is gone, and can't be stopped.
      await engine.run(['stop', '-t', String(Math.ceil(graceMs / 1_000)), id], { limit: graceMs + MOMENT }).catch(() => undefined);
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
