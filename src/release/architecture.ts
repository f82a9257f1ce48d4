/** Which processors a version was built for, and whether its tasks would get one of them. */
import type { TaskDefinition } from '../aws/ecs.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { CPU_ARCHITECTURES, type CpuArchitecture, PLATFORMS, platformName } from '../settings/platforms.ts';
import type { Version } from './model.ts';
import type { Release } from './operations.ts';
import { architectureOf } from './task-definition.ts';

/**
 * What the version's image was built for, as its registry has it, and of that what was asked for, where something was.
 * @param base what the version's task definition is made from, if anything
 * @param given whether the user gave it
 * @returns undefined for an image that is not there yet. Where its registry cannot tell, it is what this run builds the image for,
 *   else what was asked for, if anything: a warning says then that nothing was checked
 * @throws CanaryError `wrong-platform` when that is not what the settings or the task definition ask for, or nothing that ECS has
 */
export async function architecturesFor({ aws, place, settings, progress }: Release, version: Version, base: TaskDefinition | undefined, given: boolean): Promise<readonly CpuArchitecture[] | undefined> {
  const said = [
    ['the cpuArchitecture of the task definition', given ? base?.runtimePlatform?.cpuArchitecture : undefined],
    ['CPU_ARCHITECTURE', settings.service.cpuArchitecture],
  ] as const;
  const asked = said.map(([, architecture]) => architecture).find((architecture) => architecture !== undefined);
  const read = version.digest === undefined ? undefined : await aws.registry.platformsOf(place.repositoryName, version.digest);
  const platforms = read ?? (version.platform && [version.platform]);
  if (!platforms) {
    if (version.digest === undefined) return undefined;
    progress({ type: 'hazard', text: `What ${version.tag} was built for could not be read: whether its tasks get that processor is not checked.` });
    return asked && [asked];
  }
  const tasksOs = base?.runtimePlatform?.operatingSystemFamily?.startsWith('WINDOWS') ? 'windows' : 'linux';
  const built = platforms.filter(({ os }) => os === tasksOs).flatMap(({ architecture }) => CPU_ARCHITECTURES.filter((name) => PLATFORMS[name].architecture === architecture));
  const names = platforms.map(platformName).join(', ');
  if (built.length === 0) throw wrongPlatform(`${version.tag} is an image for ${names || 'no platform'}, and its tasks run ${tasksOs} on ${Object.values(PLATFORMS).map(({ architecture }) => architecture).join(' or ')}.`);
  for (const [where, wanted] of said) {
    if (wanted === undefined || built.some((architecture) => architecture === wanted)) continue;
    throw wrongPlatform(`${version.tag} is an image for ${names}, and ${where} is ${wanted}.`);
  }
  return built.filter((architecture) => asked === undefined || architecture === asked);
}

/** What somebody should know whose tasks change their processor: a push for the usual platform does that, too. */
export function anotherProcessor({ tag }: Version, running: TaskDefinition | undefined, next: TaskDefinition): string | undefined {
  if (!running || architectureOf(running) === architectureOf(next)) return undefined;
  return `The tasks of ${tag} run on ${architectureOf(next)}, those of the primary on ${architectureOf(running)}`;
}

function wrongPlatform(message: string): CanaryError {
  return new CanaryError({
    code: 'wrong-platform',
    message,
    usersAre: UNCHANGED,
    next: 'push an image for the other platform with --platform, or correct what asks for it; without either that of the image counts',
  });
}
