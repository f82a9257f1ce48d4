/** Carries out the steps of a plan, one after the other; the safety rules are asked again on what AWS says right then. */
import type { Aws } from '../aws/aws.ts';
import type { TaskDefinition } from '../aws/ecs.ts';
import { CanaryError } from '../errors.ts';
import type { Progress } from '../progress/events.ts';
import type { Wait } from '../time.ts';
import type { LogWriter } from './log.ts';
import type { Place, Version } from './model.ts';
import { observe } from './observe.ts';
import { whyNotStop } from './safety.ts';
import { startVersion, stopVersion, waitStarted } from './tasks.ts';
import type { Step, Stop } from './step.ts';
import { type Modified, keepWeights, setWeights } from './weights.ts';

/** What every step may use. */
export interface Run {
  readonly aws: Aws;
  readonly progress: Progress;
  readonly wait: Wait;
  /** The pair's release log, as known when the plan was made. */
  readonly log: LogWriter;
}

/** What steps that start and stop tasks need besides. */
export interface ServiceRun extends Run {
  readonly place: Place;
  /** Seconds that a new task may fail its health checks. */
  readonly gracePeriod: number;
  /** The port of a container whose task definition names none. */
  readonly containerPort: number;
  /** The task definition that a version is to run with. */
  definition(version: Version): Promise<TaskDefinition>;
}

/**
 * Applies steps that only move traffic.
 * @returns the rules that were really changed.
 * @throws CanaryError with the state that users are in.
 */
export async function applyTraffic(steps: readonly Step[], run: Run): Promise<Modified> {
  return applyAll(steps, run, undefined);
}

/** Applies any steps. See `applyTraffic`. */
export async function apply(steps: readonly Step[], run: ServiceRun): Promise<Modified> {
  return applyAll(steps, run, run);
}

async function applyAll(steps: readonly Step[], run: Run, service: ServiceRun | undefined): Promise<Modified> {
  const modified: string[] = [];
  for (const step of steps) {
    run.wait.signal.throwIfAborted();
    modified.push(...(await applyOne(step, run, service)));
  }
  return modified;
}

async function applyOne(step: Step, run: Run, service: ServiceRun | undefined): Promise<Modified> {
  switch (step.do) {
    case 'record':
      await record(step, run);
      return [];
    case 'set-weights':
      return setWeights(step, run);
    case 'settle':
      await keepWeights(step, run);
      return [];
    case 'announce':
      run.progress({ type: 'old-replaced', service: step.service, version: step.version });
      return [];
    case 'start':
      await startVersion(step, needed(service));
      return [];
    case 'wait-started':
      await waitStarted(step, needed(service));
      return [];
    case 'stop':
      await stop(step, needed(service));
      return [];
  }
}

async function record({ entry, emergency }: Extract<Step, { do: 'record' }>, run: Run): Promise<void> {
  if (!emergency) return run.log.append(entry);
  const warning = await run.log.takeOver(entry);
  if (warning) run.progress({ type: 'warning', text: warning });
}

async function stop(step: Stop, run: ServiceRun): Promise<void> {
  const fresh = await observe(run.aws, run.place);
  const reason = step.neverServed ? undefined : whyNotStop(fresh, fresh.colours[step.colour].targetGroup);
  if (reason) {
    throw new CanaryError({ code: 'has-weight', message: `${step.version} was not stopped: ${reason}.`, next: 'ecs-canary status' });
  }
  await stopVersion(step, run);
}

function needed(service: ServiceRun | undefined): ServiceRun {
  if (!service) throw new Error('a step about tasks needs a service of the project');
  return service;
}
