/** The runner that a sandbox was started with, and what an earlier run left in the same or another one. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexId } from '../ids.ts';
import type { Region } from '../parts.ts';
import { endContainers, makeEngineRunner, removeImages } from './engine-runner.ts';
import { isNotInstalled, openEngine } from './engine.ts';
import { openLedger } from './process-ledger.ts';
import { makeProcessRunner } from './process-runner.ts';
import { RUNNERS, type RunnerName, type TaskRunner } from './runner.ts';

/** What is written down as long as something may be left. */
interface Trace {
  readonly runner: RunnerName;
  /** The mark of what it has in an engine. */
  readonly owner: string;
}

const OWNER_LENGTH = 16;

/** Of the region's configuration. */
export function makeTaskRunner(region: Region): TaskRunner {
  const { runner, dir } = region.config;
  // New with every start: other sandboxes of the same engine may have folders of the same path, on machines of their own, or a copy of this one.
  const owner = hexId(OWNER_LENGTH);
  const own = runner === 'process' ? makeProcessRunner(region) : makeEngineRunner(region, runner, owner);
  return {
    ...own,
    async recover() {
      await endLeftovers(dir, region.name);
      openLedger(ledgerIn(dir, region.name));
      writeFileSync(traceIn(dir, region.name), `${runner} ${owner}`);
    },
    async close() {
      const trace = traceIn(dir, region.name);
      // What an earlier run left and could not be ended is not forgotten; nothing was started then.
      if (readTrace(trace)?.owner !== owner) return;
      await own.close();
      rmSync(trace, { force: true });
    },
  };
}

/**
 * Ends what a sandbox of that folder left running when it was killed. An engine that is not installed any more holds up nobody.
 * @throws Error, worded for a user, when the engine does not do it: something may still be left then.
 */
export async function endLeftovers(dir: string, regionName: string): Promise<void> {
  const trace = traceIn(dir, regionName);
  const { runner, owner } = readTrace(trace) ?? {};
  if (runner === 'process') openLedger(ledgerIn(dir, regionName)).endLeftovers();
  if (runner === undefined || runner === 'process' || owner === undefined) return;
  const engine = openEngine(runner);
  try {
    await endContainers(engine, owner);
    await removeImages(engine, owner);
  } catch (error) {
    if (isNotInstalled(error)) return;
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(
      `What this sandbox left in ${runner} when it was killed can't be ended: ${said.replace(/\.?$/, '.')} `
      + `Make ${runner} work and run the same command again, or remove ${trace} to leave it there.`,
      { cause: error },
    );
  }
}

function traceIn(dir: string, regionName: string): string {
  return join(ledgerIn(dir, regionName), 'runner');
}

function ledgerIn(dir: string, regionName: string): string {
  return join(dir, 'processes', regionName);
}

function readTrace(file: string): Trace | undefined {
  try {
    const [name, owner = ''] = readFileSync(file, 'utf8').split(' ');
    const runner = RUNNERS.find((known) => known === name);
    return runner && { runner, owner };
  } catch {
    return undefined;
  }
}
