/** What turns a folder into an image: an engine of this machine, or `pack`. */
import type { BuilderName } from '../settings/builders.ts';
import type { BuiltImage } from './image.ts';
import { isEngine } from './engines.ts';
import { buildWithEngine } from './engine-build.ts';
import { firstEngine, requireEngine } from './engine-choice.ts';
import type { Surroundings } from './engine-process.ts';
import { type PackOptions, packImage } from './pack.ts';

/** Of these, engines know all but the base and its registry. */
export interface BuildOptions extends PackOptions {
  /** `NAME=value`, or `NAME` for the value that the environment has. */
  readonly buildArgs?: readonly string[];
  /** The stage to build; undefined for the last one. */
  readonly target?: string;
  readonly cache?: CacheOptions;
}

/** Where an engine looks for layers that were built before, and where it leaves them, in its own words. */
export interface CacheOptions {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Builds everything anew. */
  readonly none: boolean;
}

export interface Builder {
  readonly name: BuilderName;
  /**
   * Builds the image of a folder.
   * @throws CanaryError, exit 2, when there is no Dockerfile, or one that the builder cannot build; exit 1 `build-failed` when an
   *   engine's build fails; the signal's reason when it aborts
   */
  build(dir: string, options: BuildOptions): Promise<BuiltImage>;
}

/**
 * The builder that was asked for; where none was, the first engine that answers, else `pack`.
 * @throws CanaryError, exit 2, for an engine that was asked for and does not answer; the signal's reason when it aborts
 */
export async function chooseBuilder(asked: BuilderName | undefined, surroundings: Surroundings): Promise<Builder> {
  const name = asked ?? (await firstEngine(surroundings)) ?? 'pack';
  if (!isEngine(name)) return { name, build: packImage };
  if (asked !== undefined) await requireEngine(name, surroundings);
  return { name, build: (dir, options) => buildWithEngine(name, dir, options, surroundings.env) };
}
