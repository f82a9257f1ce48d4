/** The runner that a sandbox was started with, and what an earlier run left in the same or another one. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexId } from '../ids.ts';
import type { Region } from '../parts.ts';
import { endContainers, makeEngineRunner, removeImages } from './engine-runner.ts';
import { openEngine } from './engine.ts';
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
      await own.close();
      rmSync(traceIn(dir, region.name), { force: true });
    },
  };
}

/** Ends what a sandbox of that folder left running when it was killed. An engine that is gone meanwhile holds up nobody. */
export async function endLeftovers(dir: string, regionName: string): Promise<void> {
  const { runner, owner } = readTrace(traceIn(dir, regionName)) ?? {};
  if (runner === 'process') openLedger(ledgerIn(dir, regionName)).endLeftovers();
  if (runner === undefined || runner === 'process' || owner === undefined) return;
  const engine = openEngine(runner);
  await endContainers(engine, owner).then(() => removeImages(engine, owner)).catch(() => undefined);
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
