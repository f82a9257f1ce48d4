/** Who runs a command, and where: the release log shows it to whoever finds the pair taken. */
import { hostname, userInfo } from 'node:os';
import { thisProcess } from '../process.ts';
import type { Author } from '../release/log.ts';
import type { Variables } from '../settings/connection.ts';

/** @param command what was typed. */
export function author(variables: Variables, command: string): Author {
  return { by: person(variables), command, ...thisProcess() };
}

/** `name@host`, with the CI job where there is one. */
function person(variables: Variables): string {
  const job =
    variables['GITHUB_RUN_ID'] && variables['GITHUB_REPOSITORY']
      ? ` (${variables['GITHUB_SERVER_URL'] ?? ''}/${variables['GITHUB_REPOSITORY']}/actions/runs/${variables['GITHUB_RUN_ID']})`
      : variables['CI_JOB_URL']
        ? ` (${variables['CI_JOB_URL']})`
        : '';
  return `${userName()}@${hostname()}${job}`;
}

/** Containers run with user ids that have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
