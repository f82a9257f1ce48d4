/** Where the image of a push comes from: a build of a folder, or an archive that was made elsewhere. */
import type { Option } from 'commander';
import { usageError } from '../errors.ts';
import type { BuildOptions } from '../image/builder.ts';
import type { BuiltImage } from '../image/image.ts';
import type { RegistryAccess } from '../image/registry-session.ts';
import { BUILDERS, BUILDERS_LOOK, type BuilderName } from '../settings/builders.ts';
import { type CpuArchitecture, PLATFORMS, type Platform, platformName } from '../settings/platforms.ts';
import { type Values, option, repeatableOption, repeatsOf, textOf } from './command.ts';
import type { Context } from './context.ts';

/** The options of a command that pushes. */
export const imageOptions = (): Option[] => [
  option('--builder <name>', 'docker, podman, buildah or pack (default: BUILDER, else the first engine that answers, else pack)'),
  option('--file <path>', 'the Dockerfile (default: the one in the folder)'),
  option('--platform <os/arch>', 'linux/amd64 or linux/arm64 (default: that of CPU_ARCHITECTURE, else linux/amd64)'),
  repeatableOption('--build-arg <name=value>', 'a variable of the build, for engines; repeatable'),
  option('--target <stage>', 'the stage to build, for engines'),
  repeatableOption('--cache-from <source>', 'where to look for layers, for engines; repeatable'),
  repeatableOption('--cache-to <destination>', 'where to leave layers, for engines; repeatable'),
  option('--no-cache', 'build every layer anew, for engines'),
  option('--image-archive <file>', 'push an OCI layout or a docker save archive instead of building'),
];

export interface ImageSource {
  /** For `--dry-run`, such as `build the image of . with docker`. */
  readonly step: string;
  /** What it will be for; undefined for an archive, which was not read yet. */
  readonly platform?: Platform;
  /**
   * Builds or reads it.
   * @param registry the one that it goes to, which may have its base.
   */
  open(registry: RegistryAccess): Promise<BuiltImage>;
}

/**
 * What the options and settings say; nothing is built yet, and AWS is not asked.
 * @throws CanaryError `usage` for options that contradict, a builder that does not answer, or one that does not know an option.
 */
export async function imageSource(context: Context, values: Values, dir: string): Promise<ImageSource> {
  const asked = builderOf(values);
  const { readSettings } = await import('../settings/settings.ts');
  const { service } = readSettings(context.variables());
  const archive = values['imageArchive'];
  if (typeof archive === 'string') return archiveSource(archive, values, service.cpuArchitecture);

  const platform = platformOf(textOf(values, 'platform'), service.cpuArchitecture);
  const { chooseBuilder } = await import('../image/builder.ts');
  const builder = await chooseBuilder(asked ?? service.builder, { env: context.variables(), signal: context.signal });
  if (builder.name === 'pack') refuse(values, ENGINES_ONLY, 'the builder pack does not know it', 'leave it out, or choose an engine with --builder');
  return {
    step: `build the image of ${dir} with ${builder.name}`,
    platform,
    async open(registry) {
      context.progress({ type: 'waiting', text: `Building the image of ${dir} with ${builder.name}` });
      const { signal, timeout } = context;
      const output = (line: string) => context.progress({ type: 'output', line });
      return builder.build(dir, { ...wanted(values, platform), base: service.baseImage, registry, output, signal, timeout });
    },
  };
}

function archiveSource(archive: string, values: Values, cpuArchitecture: CpuArchitecture | undefined): ImageSource {
  if (archive === '') throw usageError('--image-archive is empty: it should be a file.');
  refuse(values, BUILDS_ONLY, 'nothing is built where an image comes from an archive', 'leave it out');
  return {
    step: `read the image of ${archive}`,
    async open() {
      const { readArchive } = await import('../image/archive.ts');
      const image = await readArchive(archive);
      try {
        requirePlatform(`The image of ${archive}`, image.platform, cpuArchitecture);
        return image;
      } catch (error) {
        await image.dispose();
        throw error;
      }
    },
  };
}

/** Options by the names that commander has for them. */
const ENGINES_ONLY = { buildArg: '--build-arg', target: '--target', cacheFrom: '--cache-from', cacheTo: '--cache-to', cache: '--no-cache' };
const BUILDS_ONLY = { builder: '--builder', file: '--file', platform: '--platform', ...ENGINES_ONLY };

function refuse(values: Values, options: Readonly<Record<string, string>>, reason: string, next: string): void {
  const [, flag] = Object.entries(options).find(([name]) => values[name] !== undefined && values[name] !== true) ?? [];
  if (flag !== undefined) throw usageError(`${flag} has no use here: ${reason}.`, next);
}

function builderOf(values: Values): BuilderName | undefined {
  const name = values['builder'];
  if (name === undefined) return undefined;
  const known = BUILDERS.find((builder) => builder === name);
  if (known === undefined) throw usageError(`--builder is "${String(name)}": it should be ${BUILDERS_LOOK}.`);
  return known;
}

function wanted(values: Values, platform: Platform): BuildOptions {
  return {
    platform,
    file: textOf(values, 'file'),
    buildArgs: repeatsOf(values, 'buildArg'),
    target: textOf(values, 'target'),
    cache: { from: repeatsOf(values, 'cacheFrom'), to: repeatsOf(values, 'cacheTo'), none: values['cache'] === false },
  };
}

/** @throws CanaryError `usage`. */
function platformOf(text: string | undefined, cpuArchitecture: CpuArchitecture | undefined): Platform {
  if (text === undefined) return PLATFORMS[cpuArchitecture ?? 'X86_64'];
  const platform = Object.values(PLATFORMS).find((known) => platformName(known) === text);
  if (!platform) throw usageError(`--platform is "${text}": it should be ${Object.values(PLATFORMS).map(platformName).join(' or ')}.`);
  requirePlatform('--platform', platform, cpuArchitecture);
  return platform;
}

/** @throws CanaryError `usage` for a platform that ECS has none of, or another one than the settings say. */
function requirePlatform(what: string, platform: Platform, cpuArchitecture: CpuArchitecture | undefined): void {
  const supported = Object.values(PLATFORMS).map(platformName);
  if (!supported.includes(platformName(platform))) throw usageError(`${what} is ${platformName(platform)}: tasks run on ${supported.join(' or ')}.`);
  if (cpuArchitecture === undefined || platformName(platform) === platformName(PLATFORMS[cpuArchitecture])) return;
  throw usageError(
    `${what} is ${platformName(platform)}, and CPU_ARCHITECTURE is ${cpuArchitecture}, which is ${platformName(PLATFORMS[cpuArchitecture])}.`,
    'correct one of them; without CPU_ARCHITECTURE that of the image counts',
  );
}
