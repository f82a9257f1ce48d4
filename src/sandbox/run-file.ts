/** `<dir>/sandbox.json`: which process is the sandbox of that folder, so that there is only one, and others find it. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { STATUS_PATH } from './api/server.ts';
import type { Holdings } from './holdings.ts';

export interface SandboxInfo {
  /** New with every start. */
  readonly id: string;
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  readonly speed: number;
  readonly account: string;
  /** When it started, ISO 8601. */
  readonly since: string;
}

/** What the sandbox says of itself over its API. */
export interface SandboxStatus extends SandboxInfo {
  readonly holds: Holdings;
}

/** How long a live sandbox may take to tell its status, in ms. */
const STATUS_TIMEOUT_MS = 2_000;
/** Start times are known to the second only. */
const START_TIME_SLACK_MS = 1_500;

const fileOf = (dir: string) => join(dir, 'sandbox.json');

/**
 * Takes the folder for this process.
 * @throws Error, worded for a user, when another process has it.
 */
export async function claim(dir: string, info: SandboxInfo): Promise<void> {
  while (!createRunFile(dir, info)) {
    await refuseIfRunning(dir);
    release(dir);
  }
}

/** False when there is one already. */
function createRunFile(dir: string, info: SandboxInfo): boolean {
  try {
    writeFileSync(fileOf(dir), `${JSON.stringify(info, undefined, 2)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (existsSync(fileOf(dir))) return false;
    throw error;
  }
}

/** Gives the folder back. */
export function release(dir: string): void {
  rmSync(fileOf(dir), { force: true });
}

/** Throws an Error, worded for a user, when a sandbox runs in that folder. */
export async function refuseIfRunning(dir: string): Promise<void> {
  const other = await findRunning(dir);
  if (other) throw new Error(`A sandbox already runs in ${dir} (process ${other.pid}, ${other.url}).`);
}

/** The sandbox that runs in that folder; undefined when none does, even if one left its file behind. */
export async function findRunning(dir: string): Promise<SandboxInfo | undefined> {
  const info = readRunFile(dir);
  const running = info && ((await askStatus(info)) !== undefined || (await isSameProcess(info)));
  return running ? info : undefined;
}

/** Asks a sandbox for its status; undefined when no answer comes, or another sandbox answers. */
export async function askStatus(info: SandboxInfo): Promise<SandboxStatus | undefined> {
  try {
    const response = await fetch(new URL(STATUS_PATH, info.url), { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) });
    const status: SandboxStatus = JSON.parse(await response.text());
    return status.id === info.id ? status : undefined;
  } catch {
    return undefined;
  }
}

/** What the file says, whether that process still runs or not; undefined when there is none. */
export function readRunFile(dir: string): SandboxInfo | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(dir), 'utf8'));
  } catch {
    return undefined;
  }
}

/** A process that began after the file was written only happens to have the same number; a zombie has ended already. */
export async function isSameProcess({ pid, since }: SandboxInfo): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env: { ...process.env, LC_ALL: 'C' } });
    const [, state = '', started = ''] = /^(\S+)\s+(.+)$/.exec(stdout.trim()) ?? [];
    return !state.startsWith('Z') && Date.parse(started) <= Date.parse(since) + START_TIME_SLACK_MS;
  } catch {
    return false;
  }
}
