/** Turns a container definition and its unpacked image into a process of this machine. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import type { ContainerOrder, PulledImage } from './runner.ts';

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The process that stands for the container; `node` is the Node that runs the sandbox.
 * @param port the loopback port its server is to listen on, as `PORT`.
 * Throws an Error with Docker's wording when there is nothing to execute.
 */
export function containerLaunch(order: ContainerOrder, image: PulledImage, port: number): Launch {
  const [program, ...args] = commandLine(order, image);
  if (program === undefined) {
    throw new Error('Error response from daemon: no command specified');
  }
  const imageEnv = parseEnv(image.config.Env ?? []);
  const cwd = join(image.location, posix.normalize(`/${order.definition.workingDirectory ?? image.config.WorkingDir ?? ''}`));
  mkdirSync(cwd, { recursive: true });
  return {
    file: findProgram(program, cwd, image.location, imageEnv['PATH'] ?? DEFAULT_PATH),
    args: args.map((argument) => intoRootfs(argument, image.location)),
    cwd,
    env: environment(order, image.location, imageEnv, port),
  };
}

/** What the container would execute, as it would see it. */
export function commandLine({ definition }: ContainerOrder, { config }: PulledImage): readonly string[] {
  const entryPoint = nonEmpty(definition.entryPoint);
  // As in Docker, another entry point also puts the image's command out of force.
  const command = nonEmpty(definition.command) ?? (entryPoint ? [] : config.Cmd);
  return [...(entryPoint ?? config.Entrypoint ?? []), ...(command ?? [])];
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}

function parseEnv(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => {
    const [name = '', ...value] = line.split('=');
    return [name, value.join('=')];
  }));
}

function findProgram(program: string, cwd: string, rootfs: string, path: string): string {
  const candidates = program.startsWith('/') ? [join(rootfs, program)]
    : program.includes('/') ? [join(cwd, program)]
    : path.split(':').map((folder) => join(rootfs, folder, program));
  const found = candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
  if (basename(program) === 'node' && (found === undefined || !program.includes('/'))) {
    return process.execPath;
  }
  if (found === undefined) {
    throw startError(program, program.includes('/') ? `stat ${program}: no such file or directory` : 'executable file not found in $PATH');
  }
  try {
    accessSync(found, constants.X_OK);
  } catch {
    throw startError(program, 'permission denied');
  }
  return found;
}

/** A failed start in the words of Docker's runtime, as Fargate passes them on. */
export function startError(program: string, reason: string): Error {
  return new Error(
    'ResourceInitializationError: failed to create new container runtime task: failed to create shim task: '
    + 'OCI runtime create failed: runc create failed: unable to start container process: '
    + `exec: "${program}": ${reason}: unknown`,
  );
}

/** Absolute paths that exist in the image are meant there. */
function intoRootfs(argument: string, rootfs: string): string {
  const inside = join(rootfs, posix.normalize(argument));
  return argument.startsWith('/') && existsSync(inside) ? inside : argument;
}

/** The image's variables, the task definition's above them, the runner's above all; nothing of the sandbox's own. */
function environment(
  order: ContainerOrder, rootfs: string, imageEnv: Record<string, string>, port: number,
): Record<string, string> {
  const defined = Object.fromEntries((order.definition.environment ?? []).map(({ name = '', value = '' }) => [name, value]));
  return {
    HOME: rootfs,
    HOSTNAME: `ip-${order.address.replaceAll('.', '-')}.${order.region}.compute.internal`,
    AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
    AWS_REGION: order.region,
    AWS_DEFAULT_REGION: order.region,
    ...imageEnv,
    PATH: `${imageEnv['PATH'] ?? DEFAULT_PATH}:${dirname(process.execPath)}`,
    ...defined,
    ...order.secrets,
    PORT: String(port),
    HOST: '127.0.0.1',
  };
}
