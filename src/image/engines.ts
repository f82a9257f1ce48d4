/** The container engines that can build: what each is called with. */
import { join } from 'node:path';
import type { BuilderName } from '../settings/builders.ts';
import type { BuildOptions } from './builder.ts';
import { platformName } from './image.ts';

export type EngineName = Exclude<BuilderName, 'pack'>;

/** Where a build leaves what comes of it. */
export interface Output {
  /** The archive of the image. */
  readonly archive: string;
  /** The image's id, from engines that write one. */
  readonly idFile: string;
  /** What the image is called, by engines that need a name. */
  readonly name: string;
}

export interface Engine {
  /** Ends with 0 where it could build: for a client, where its engine answers. */
  readonly probe: readonly string[];
  /** Ends with 0 where `build` is to be called as `extended`. */
  readonly extended?: readonly string[];
  build(dir: string, options: Dockerfile, output: Output, extended: boolean): readonly string[];
  /** Writes the archive. @param id of the image, from an engine that wrote one. */
  save(output: Output, id: string): readonly string[];
  /** Takes the name away again. */
  remove?(output: Output): readonly string[];
  /** Variables beside those of the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a folder is built, with the path of its Dockerfile. */
export interface Dockerfile extends BuildOptions {
  readonly file: string;
}

/** In the order in which they are looked for. */
export const ENGINES: Readonly<Record<EngineName, Engine>> = {
  docker: {
    probe: ['version', '--format', '{{.Server.Version}}'],
    extended: ['buildx', 'version'],
    // By its own choice a builder in a container keeps the image to itself. What the id file holds is not always what the engine
    // knows the image by (github.com/docker/buildx/pull/3952), so the image gets a name for as long as it takes.
    build: (dir, options, { name }, extended) => [
      ...(extended ? ['buildx', 'build', '--load'] : ['build']),
      ...argumentsOf(options), '--tag', name, dir,
    ],
    save: ({ archive, name }) => ['save', '--output', archive, name],
    remove: ({ name }) => ['image', 'rm', '--no-prune', name],
    // An attestation would make the image an index of two, which ECS has no use for.
    env: { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
  },
  podman: {
    probe: ['info'],
    build: (dir, options, { idFile }) => ['build', ...argumentsOf(options), '--iidfile', idFile, dir],
    save: ({ archive }, id) => ['save', '--format', 'oci-archive', '--output', archive, id],
  },
  buildah: {
    probe: ['info'],
    // One layer for each step, as the others make them: what did not change is not built again, nor sent.
    build: (dir, options, { idFile }) => ['build', '--layers', ...argumentsOf(options), '--iidfile', idFile, dir],
    save: ({ archive }, id) => ['push', id, `oci-archive:${archive}`],
  },
};

export const ENGINE_NAMES = Object.keys(ENGINES).filter(isEngine);

export function isEngine(name: string): name is EngineName {
  return Object.hasOwn(ENGINES, name);
}

/** @param dir of the one build. @param name of its image, which no other image has. */
export function outputIn(dir: string, name: string): Output {
  return { archive: join(dir, 'image.tar'), idFile: join(dir, 'image-id'), name };
}

/** The options that all three know by the same names. */
function argumentsOf({ platform, file, buildArgs = [], target, cache }: Dockerfile): string[] {
  return [
    ...given('--platform', [platformName(platform)]),
    ...given('--file', [file]),
    ...given('--build-arg', buildArgs),
    ...given('--target', target === undefined ? [] : [target]),
    ...given('--cache-from', cache?.from ?? []),
    ...given('--cache-to', cache?.to ?? []),
    ...(cache?.none ? ['--no-cache'] : []),
  ];
}

function given(flag: string, values: readonly string[]): string[] {
  return values.flatMap((value) => [flag, value]);
}
