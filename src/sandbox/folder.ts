/** The folder of a sandbox: what it writes there, and what `sandbox reset` may remove. */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NAMES_FOLDER } from './dataplane/task-names.ts';
import { GLOBAL_FILE, storedRegions } from './persistence.ts';

/** Made at every start: a folder that has it is a sandbox's. */
const MARKER = 'requests.ndjson';
/** What may be there before it, from a start that failed. */
const EARLY = ['sandbox.json', 'sandbox.log'];
/** Where policies are enforced: what they were asked. */
const ACCESS_LOG = 'access.ndjson';
/** What the sandbox writes besides the regions' state. */
const OWN = [MARKER, ACCESS_LOG, ...EARLY, 'registry', 'images', 'processes', NAMES_FOLDER, GLOBAL_FILE, `${GLOBAL_FILE}.tmp`];

export const requestLogFile = (dir: string) => join(dir, MARKER);
export const accessLogFile = (dir: string) => join(dir, ACCESS_LOG);
export const logFile = (dir: string) => join(dir, 'sandbox.log');

/**
 * Makes the folder where it is missing.
 * @throws Error, worded for a user, for a folder that holds something else: `reset` could not tell later what is whose.
 */
export function prepareFolder(dir: string): void {
  mkdirSync(dir, { recursive: true });
  refuseForeign(dir);
}

/**
 * Removes what the sandbox wrote, and the folder if nothing else is in it. Nothing to remove is no error.
 * @throws Error, worded for a user, for a folder that is not a sandbox's.
 */
export function emptyFolder(dir: string): void {
  if (!existsSync(dir)) return;
  refuseForeign(dir);
  if (readdirSync(dir).length === 0) return;
  const states = storedRegions(dir).flatMap((region) => [`${region}.json`, `${region}.json.tmp`]);
  for (const name of [...OWN, ...states]) {
    rmSync(join(dir, name), { recursive: true, force: true });
  }
  if (readdirSync(dir).length === 0) rmdirSync(dir);
}

function refuseForeign(dir: string): void {
  const strange = readdirSync(dir).find((name) => !EARLY.includes(name));
  if (strange !== undefined && !existsSync(requestLogFile(dir))) {
    throw new Error(`${dir} is not a sandbox's folder: it holds ${strange}. Use an empty or a new one.`);
  }
}
