/** The runner that a sandbox was started with, which also ends what was left in another one. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Region } from '../parts.ts';
import { makeEngineRunner } from './engine-runner.ts';
import { makeProcessRunner } from './process-runner.ts';
import { RUNNERS, type RunnerName, type TaskRunner } from './runner.ts';

/** Of the region's configuration. */
export function makeTaskRunner(region: Region): TaskRunner {
  const { runner: name, dir } = region.config;
  const own = ofKind(region, name);
  const folder = join(dir, 'processes', region.name);
  /** Names the runner as long as something may be left in it. */
  const trace = join(folder, 'runner');
  return {
    ...own,
    async recover() {
      const before = readName(trace);
      // An engine that is gone meanwhile holds up nobody.
      if (before && before !== name) await ofKind(region, before).recover().catch(() => undefined);
      mkdirSync(folder, { recursive: true });
      writeFileSync(trace, name);
      await own.recover();
    },
    async close() {
      await own.close();
      rmSync(trace, { force: true });
    },
  };
}

function ofKind(region: Region, name: RunnerName): TaskRunner {
  return name === 'process' ? makeProcessRunner(region) : makeEngineRunner(region, name);
}

function readName(file: string): RunnerName | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return RUNNERS.find((name) => name === text);
  } catch {
    return undefined;
  }
}
