/** What the `sandbox` commands do. Nothing here prints; errors are worded for a user. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endLeftovers } from './dataplane/task-runner.ts';
import { emptyFolder, logFile, prepareFolder } from './folder.ts';
import { type SandboxOptions, startSandbox } from './index.ts';
import { storedRegions } from './persistence.ts';
import { askStatus, findRunning, isSameProcess, readRunFile, refuseIfRunning, type SandboxInfo, type SandboxStatus } from './run-file.ts';

export { clearFaults, listFaults, NotRunning, orderFault } from './faults/client.ts';
export { whyNoEngine } from './dataplane/engine.ts';
export { RUNNERS } from './dataplane/runner.ts';
export { InvalidOrder } from './faults/invalid-order.ts';
export { isQuotaName, quotaNames } from './quotas.ts';

export interface ForegroundSandbox {
  readonly info: SandboxInfo;
  /** Resolves when the sandbox has ended, after the signal. */
  readonly stopped: Promise<void>;
}

export interface DetachedOptions {
  readonly dir: string;
  /** Program and arguments that run a sandbox of this folder in the foreground. */
  readonly command: readonly [string, ...string[]];
}

/** Real ms that a sandbox may take to answer, and to end. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
/** Lines of the log that a failed start shows. */
const SHOWN_LINES = 10;

/** Starts a sandbox in this process and stops it when `signal` aborts. Throws what `startSandbox` throws. */
export async function startForeground(options: SandboxOptions, signal: AbortSignal): Promise<ForegroundSandbox> {
  const sandbox = await startSandbox(options);
  const aborted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  return { info: sandbox.info, stopped: aborted.then(() => sandbox.stop()) };
}

/**
 * Starts a sandbox in a process of its own, whose output goes to `<dir>/sandbox.log`, and resolves when its API answers.
 * @throws Error when one runs there already, and when the new one ends or does not answer in time: with the last lines of its log.
 */
export async function startDetached(options: DetachedOptions): Promise<SandboxInfo> {
  const dir = resolve(options.dir);
  prepareFolder(dir);
  await refuseIfRunning(dir);
  const log = openSync(logFile(dir), 'a');
  const logged = statSync(logFile(dir)).size;
  const [program, ...args] = options.command;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const failed = whenOver(child);
  const giveUp = new AbortController();
  try {
    const info = await Promise.race([whenAnswering(dir, giveUp.signal), failed]);
    if (typeof info === 'string') {
      throw new Error([`The sandbox could not be started: ${info}`, ...newLines(dir, logged)].join('\n'));
    }
    child.unref();
    return info;
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    giveUp.abort();
  }
}

/**
 * Stops the sandbox of that folder and waits until its process is gone.
 * @returns false when none runs there.
 * @throws Error when it does not end in time.
 */
export async function stop(dir: string): Promise<boolean> {
  const info = await findRunning(resolve(dir));
  if (!info) return false;
  process.kill(info.pid, 'SIGTERM');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (await isSameProcess(info)) {
    if (performance.now() > deadline) {
      throw new Error(`The sandbox (process ${info.pid}) did not stop within ${STOP_TIMEOUT_MS / 1_000} s.`);
    }
    await sleep(POLL_MS);
  }
  return true;
}

/**
 * What the sandbox of that folder says of itself; undefined when none runs there.
 * @throws Error when its process is there but does not answer.
 */
export async function status(dir: string): Promise<SandboxStatus | undefined> {
  const info = await findRunning(resolve(dir));
  const answer = info && (await askStatus(info));
  if (info && !answer) throw new Error(`The sandbox's process ${info.pid} is there, but ${info.url} does not answer.`);
  return answer;
}

/**
 * Removes everything a sandbox wrote into that folder, and ends what it left running when it was killed.
 * @throws Error when one runs there, for a folder that is not a sandbox's, and when a container engine does not end what is left in
 *   it: the folder stays then.
 */
export async function reset(dir: string): Promise<void> {
  const folder = resolve(dir);
  await refuseIfRunning(folder);
  const regions = existsSync(folder) ? storedRegions(folder) : [];
  for (const region of regions) await endLeftovers(folder, region);
  emptyFolder(folder);
}

async function whenAnswering(dir: string, signal: AbortSignal): Promise<SandboxInfo | string> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!signal.aborted && performance.now() < deadline) {
    const info = readRunFile(dir);
    if (info && (await askStatus(info))) return info;
    await sleep(POLL_MS);
  }
  return `it does not answer after ${START_TIMEOUT_MS / 1_000} s`;
}

/** How the process ended. */
function whenOver(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`));
  });
}

function newLines(dir: string, from: number): string[] {
  const text = readFileSync(logFile(dir)).subarray(from).toString().trimEnd();
  return text === '' ? [] : text.split('\n').slice(-SHOWN_LINES);
}
