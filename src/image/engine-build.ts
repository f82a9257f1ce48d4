/** Has an engine build an image, and takes it out of the engine: what pushes it is ours, so that no engine gets a password. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CanaryError } from '../errors.ts';
import { readArchive } from './archive.ts';
import type { BuildOptions } from './builder.ts';
import { dockerfileOf } from './dockerfile-path.ts';
import { type Surroundings, runEngine } from './engine-process.ts';
import { ENGINES, type EngineName, type Output, outputIn } from './engines.ts';
import { type BuiltImage, platformName } from './image.ts';
import { makeWorkFolder } from './work-folder.ts';

/** ms for an engine to take a name away. */
const CLEAN_UP = 10_000;

/**
 * Builds `dir` with an engine that answers.
 * @throws CanaryError, exit 2, when there is no Dockerfile; exit 1 `build-failed` with the engine's last lines; the signal's
 *   reason when it aborts, once the engine has ended
 */
export async function buildWithEngine(name: EngineName, dir: string, options: BuildOptions, variables: Surroundings['env']): Promise<BuiltImage> {
  const file = await dockerfileOf(dir, options.file);
  const engine = ENGINES[name];
  const env = { ...variables, ...engine.env };
  const { output: tell, signal } = options;
  const work = await makeWorkFolder();
  return work.keptOnSuccess(async () => {
    const output = outputIn(work.dir, `ecs-canary/build:${randomUUID()}`);
    const extended = engine.extended !== undefined && (await runEngine(name, engine.extended, { env, signal })).failure === undefined;
    const args = engine.build(resolve(dir), { ...options, file }, output, extended);
    requireSuccess(`${name} could not build the image of ${dir}`, await runEngine(name, args, { env, signal, output: tell }));
    try {
      const id = await readFile(output.idFile, 'utf8').catch(() => '');
      requireSuccess(`${name} could not hand out the image of ${dir}`, await runEngine(name, engine.save(output, id.trim()), { env, signal }));
    } finally {
      // An engine that fails here, or hangs, leaves a name behind; that is no reason to fail, nor to wait.
      if (engine.remove) await runEngine(name, engine.remove(output), { env, signal: AbortSignal.timeout(CLEAN_UP) }).catch(() => undefined);
    }
    return await take(name, output, options, () => work.remove());
  });
}

function requireSuccess(what: string, { failure, lines }: { failure: string | undefined; lines: readonly string[] }): void {
  if (failure === undefined) return;
  throw new CanaryError({
    code: 'build-failed',
    message: [`${what}: ${failure}.`, ...lines.map((line) => `  ${line}`)].join('\n'),
    next: 'correct what it says, then run the same command again',
  });
}

async function take(name: EngineName, { archive }: Output, { platform }: BuildOptions, remove: () => Promise<void>): Promise<BuiltImage> {
  const image = await readArchive(archive);
  await rm(archive);
  const [built, wanted] = [image.platform, platform].map(platformName);
  const dispose = async () => {
    await image.dispose();
    await remove();
  };
  if (built === wanted) return { ...image, dispose };
  await image.dispose();
  throw new CanaryError({
    code: 'wrong-platform',
    message: `${name} was told to build an image for ${wanted}, and built one for ${built}.`,
    next: 'look for a platform in the FROM lines of the Dockerfile, or give the one that is meant with --platform',
  });
}
