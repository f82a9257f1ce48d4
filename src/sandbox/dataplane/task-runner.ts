/** The runner that a sandbox was started with, and what an earlier run left in the same or another one. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Region } from '../parts.ts';
import { endContainers, makeEngineRunner, removeImages } from './engine-runner.ts';
import { openEngine } from './engine.ts';
import { openLedger } from './process-ledger.ts';
import { makeProcessRunner } from './process-runner.ts';
import { RUNNERS, type RunnerName, type TaskRunner } from './runner.ts';

/** Of the region's configuration. */
export function makeTaskRunner(region: Region): TaskRunner {
  const { runner: name, dir } = region.config;
  const own = name === 'process' ? makeProcessRunner(region) : makeEngineRunner(region, name);
  const trace = traceIn(dir, region.name);
  return {
    ...own,
    async recover() {
      if (readName(trace) !== name) await endLeftovers(dir, region.name);
      openLedger(ledgerIn(dir, region.name));
      writeFileSync(trace, name);
      await own.recover();
    },
    async close() {
      await own.close();
      rmSync(trace, { force: true });
    },
  };
}

/** Ends what a sandbox of that folder left running when it was killed. An engine that is gone meanwhile holds up nobody. */
export async function endLeftovers(dir: string, regionName: string): Promise<void> {
  const name = readName(traceIn(dir, regionName));
  if (name === 'process') openLedger(ledgerIn(dir, regionName)).endLeftovers();
  if (name === undefined || name === 'process') return;
  const engine = openEngine(name);
  await endContainers(engine, dir, regionName).then(() => removeImages(engine, dir, regionName)).catch(() => undefined);
}

/** The file that names the runner as long as something may be left in it. */
function traceIn(dir: string, regionName: string): string {
  return join(ledgerIn(dir, regionName), 'runner');
}

function ledgerIn(dir: string, regionName: string): string {
  return join(dir, 'processes', regionName);
}

function readName(file: string): RunnerName | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return RUNNERS.find((name) => name === text);
  } catch {
    return undefined;
  }
}
