/** Carries out the steps of a plan, one after the other; the safety rules are asked again on what AWS says right then. */
import type { Aws } from '../aws/aws.ts';
import type { TaskDefinition } from '../aws/ecs.ts';
import { CanaryError, messageOf } from '../errors.ts';
import type { Progress } from '../progress/events.ts';
import type { Wait } from '../time.ts';
import { type LogWriter, isLocked } from './log.ts';
import { COLOURS, type Place, type Version, desiredTasks, healthyTargets, otherColour, serviceName } from './model.ts';
import { observe } from './observe.ts';
import { whyNotReceive, whyNotStop } from './safety.ts';
import type { Modified } from './rule-writes.ts';
import { settle } from './settle.ts';
import { setStickiness, waitCookies } from './stickiness.ts';
import type { RecordEntry, SetWeights, Step, Stop, WaitStarted } from './step.ts';
import { bringBack, scaleVersion, startVersion, stopVersion, waitStarted } from './tasks.ts';
import type { Look } from './watch.ts';
import { setWeights } from './weights.ts';

/** ms that a version which did not start gets to go away. */
const CLEAN_UP = 5 * 60_000;

/** ms for a last look at ECS on the way back, which goes on with what it knew a moment ago. */
const GLANCE = 3_000;

/** What every step may use. */
export interface Run {
  readonly aws: Aws;
  readonly progress: Progress;
  readonly wait: Wait;
  /** The pair's release log, as known when the plan was made. */
  readonly log: LogWriter;
  /** Looks at the canary at every look of a wait; undefined where nobody watches it. */
  readonly watch?: Look;
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
 * @throws CanaryError
 */
export async function applyTraffic(steps: readonly Step[], run: Run): Promise<Modified> {
  const modified: string[] = [];
  for (const step of steps) {
    run.wait.signal.throwIfAborted();
    modified.push(...(await applyToTraffic(step, run)));
  }
  return modified;
}

/** Applies any steps. See `applyTraffic`. */
export async function apply(steps: readonly Step[], run: ServiceRun): Promise<Modified> {
  const modified: string[] = [];
  let started = '';
  // Asked before anything is recorded, too: the log must not name a primary that cannot be one.
  const move = steps.find((step) => step.do === 'set-weights');
  if (move && !steps.some((step) => step.do === 'start' || step.do === 'bring-back')) await requireReceiver(move, run);
  for (const step of steps) {
    run.wait.signal.throwIfAborted();
    switch (step.do) {
      case 'start':
        started = await startVersion(step, run);
        break;
      case 'scale':
        await scaleVersion(step, run);
        break;
      case 'bring-back':
        started = await bringBack(step, run);
        break;
      case 'wait-started':
        await waitOrCleanUp(step, step.deployment ?? started, run);
        break;
      case 'stop':
        await stop(step, run);
        break;
      case 'set-weights':
        await requireReceiver(step, run);
        modified.push(...(await setWeights(step, run)));
        break;
      case 'record':
      case 'set-stickiness':
      case 'settle':
      case 'wait-cookies':
      case 'announce':
        await applyToTraffic(step, run);
        break;
    }
  }
  return modified;
}

async function applyToTraffic(step: Step, run: Run): Promise<Modified> {
  switch (step.do) {
    case 'record':
      await record(step, run);
      return [];
    case 'set-weights':
      return setWeights(step, run);
    case 'set-stickiness':
      await setStickiness(step, run);
      return [];
    case 'settle':
      await settle(step, run);
      return [];
    case 'wait-cookies':
      await waitCookies(step, run);
      return [];
    case 'announce':
      run.progress({ type: 'old-replaced', service: step.service, version: step.version });
      return [];
    case 'start':
    case 'scale':
    case 'bring-back':
    case 'wait-started':
    case 'stop':
      throw new Error('a step about tasks needs a service of the project');
  }
}

async function record({ entry, emergency }: RecordEntry, run: Run): Promise<void> {
  if (!emergency) return run.log.append(entry);
  const { warning, takenFrom } = await run.log.takeOver(entry);
  if (warning) run.progress({ type: 'warning', text: `${warning}${onlyHere(entry)}` });
  if (takenFrom) {
    const { by, command, at } = takenFrom;
    run.progress({ type: 'warning', text: `Taken over from ${by}, at work with "${command}" since ${at}.` });
  }
}

/** What nobody can look up later, where the log could not be written. */
function onlyHere({ stickiness = {} }: RecordEntry['entry']): string {
  const rules = Object.entries(stickiness).map(([arn, seconds]) => `${arn} (${seconds} seconds)`);
  return rules.length === 0 ? '' : ` Stickiness that is off, to be put back by hand: ${rules.join(', ')}.`;
}

/** Between the plan and now somebody may have told the service that is to get the traffic to stop. */
async function requireReceiver({ pair, percent, force }: SetWeights, { aws, place }: ServiceRun): Promise<void> {
  if (force) return;
  const emergency = percent === 0;
  const receiver = COLOURS.filter((colour) => place.targetGroups[colour] === (emergency ? pair.primary : pair.canary));
  const names = receiver.map((colour) => serviceName(place, colour));
  const reason = await aws.containers.describeServices(place.cluster, names, emergency ? GLANCE : undefined).then(
    ([service]) => whyNotReceive(service),
    (error: unknown) => {
      // The emergency exit goes on with what it knew a moment ago.
      if (emergency) return undefined;
      throw error;
    },
  );
  if (reason) throw new CanaryError({ code: 'not-safe', message: `The weights were not changed: ${reason}.` });
}

async function waitOrCleanUp(step: WaitStarted, deployment: string, run: ServiceRun): Promise<void> {
  try {
    await waitStarted(step, deployment, run);
  } catch (error) {
    // An interrupted rollout stays as it is: the same command carries on there.
    // A run that lost the pair leaves everything to whoever has it now.
    if (step.onFailure === 'empty' && !run.wait.signal.aborted && !isLocked(error)) await cleanUp(step, deployment, run);
    throw error;
  }
}

/** Empties the colour of a version that did not start, as long as it is still that version, and serves nobody. */
async function cleanUp({ colour, version, deployment: earlier }: WaitStarted, deployment: string, run: ServiceRun): Promise<void> {
  try {
    const fresh = await observe(run.aws, run.place);
    const { targetGroup, service } = fresh.colours[colour];
    // A first version has weight before it ever answered; with nothing else running, nobody loses anything by its stop. One that an
    // earlier run started may have served somebody.
    const first = earlier === undefined && desiredTasks(fresh.colours[otherColour(colour)]) === 0 && healthyTargets(fresh, targetGroup) === 0;
    if (service?.deployment?.id !== deployment || (whyNotStop(fresh, targetGroup) && !first)) return;
    await stopVersion(colour, version, { ...run, wait: { ...run.wait, deadline: run.wait.clock.now() + CLEAN_UP } });
  } catch (error) {
    const why = messageOf(error);
    run.progress({ type: 'warning', text: `The tasks of ${version} in ${colour} could not be stopped: ${why}` });
  }
}

async function stop({ colour, version, taskDefinition }: Stop, run: ServiceRun): Promise<void> {
  const fresh = await observe(run.aws, run.place);
  const { service, targetGroup } = fresh.colours[colour];
  const changed = service?.taskDefinition === taskDefinition ? undefined : `${colour} runs something else by now`;
  const reason = changed ?? whyNotStop(fresh, targetGroup);
  if (reason) throw new CanaryError({ code: 'not-stopped', message: `${version} was not stopped: ${reason}.` });
  await stopVersion(colour, version, run, service?.desired);
}
