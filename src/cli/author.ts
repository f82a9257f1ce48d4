/** Who runs a command, and where: the release log shows it to whoever finds the pair taken. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Author } from '../release/log.ts';
import type { Variables } from '../settings/connection.ts';

/** @param command what was typed. */
export function author(variables: Variables, command: string): Author {
  return { by: person(variables), command, host: host(), pid: process.pid };
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

/** Runners of one image share a name, and containers a kernel: a process number means something only where all three agree. */
function host(): string {
  const kernel = [() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), () => readlinkSync('/proc/self/ns/pid')].map(attempt);
  return `${hostname()}/${createHash('sha256').update(kernel.join()).digest('hex').slice(0, 8)}`;
}

/** Only Linux has these. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
