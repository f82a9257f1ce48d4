/** The runner that a sandbox was started with. */
import type { Region } from '../parts.ts';
import { makeEngineRunner } from './engine-runner.ts';
import { makeProcessRunner } from './process-runner.ts';
import type { TaskRunner } from './runner.ts';

/** Of the region's configuration. */
export function makeTaskRunner(region: Region): TaskRunner {
  const { runner } = region.config;
  return runner === 'process' ? makeProcessRunner(region) : makeEngineRunner(region, runner);
}
