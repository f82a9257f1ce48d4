/** Starting and stopping a colour's tasks, and waiting for them. */
import { isDeepStrictEqual } from 'node:util';
import type { EcsService, EcsTask, Endpoint, TaskDefinition } from '../aws/ecs.ts';
import { isAws } from '../aws/connect.ts';
import { briefly } from '../aws/throttling.ts';
import { CanaryError, ExitCode, messageOf } from '../errors.ts';
import { poll } from '../time.ts';
import type { ServiceRun } from './apply.ts';
import { createService } from './create-service.ts';
import { failureReport } from './failure-report.ts';
import { isLocked } from './log.ts';
import { type Colour, type State, otherColour, serviceName } from './model.ts';
import { observe, VERSION_TAG } from './observe.ts';
import { whyNotOurs, whyNotShrink, whyNotStart } from './safety.ts';
import type { BringBack, Scale, Start, WaitStarted } from './step.ts';
import { CONTAINER_TAG, endpointOf, mainContainer } from './task-definition.ts';
import { writeInTurn } from './write-in-turn.ts';
import { STOPPED_TASKS, crashesOf } from './verdict.ts';

/** ms that each call of a report is repeated for while AWS throttles it. */
const REPORT = 3_000;

/**
 * Registers the version's task definition and has the colour's service run it; the service is created when it is missing.
 * @returns the id of the deployment that brings it.
 * @throws CanaryError when the colour is not empty (any more), another run has the pair, or AWS refuses.
 */
export async function startVersion({ colour, version, tasks }: Start, run: ServiceRun): Promise<string> {
  const { place, aws } = run;
  const state = await observe(aws, place);
  const reason = whyNotOurs(state) ?? whyNotStart(state, colour);
  if (reason) throw new CanaryError({ code: 'not-empty', message: `${version.tag} was not started: ${reason}.` });

  const name = serviceName(place, colour);
  const labels = { 'ecs-canary:project': place.project, 'ecs-canary:service': place.service };
  const definition = await run.definition(version);
  const tags = Object.entries({ ...labels, [VERSION_TAG]: version.tag }).map(([key, value]) => ({ key, value }));
  const kept = (definition.tags ?? []).filter(({ key }) => !tags.some((tag) => tag.key === key));
  const endpoint = endpointFor(definition, state, colour, run);
  const { subnets, securityGroups, assignPublicIp } = place;
  const network = { subnets, securityGroups, assignPublicIp };
  try {
    const taskDefinition = await aws.containers.registerTaskDefinition({ ...definition, tags: [...kept, ...tags] });
    if (state.colours[colour].service) {
      const moved = isDeepStrictEqual(endpoint, state.colours[colour].service.endpoint) ? undefined : { ...endpoint, targetGroupArn: place.targetGroups[colour] };
      const change = { taskDefinition, desired: tasks, network, gracePeriod: run.gracePeriod, moved };
      return deploymentOf(await writeInTurn(run, () => aws.containers.updateService(place.cluster, name, change)));
    }
    const service = await createService({
      cluster: place.cluster,
      name,
      taskDefinition,
      desired: tasks,
      targetGroupArn: place.targetGroups[colour],
      container: endpoint.container,
      containerPort: endpoint.port,
      ...network,
      gracePeriod: run.gracePeriod,
      tags: { ...labels, 'ecs-canary:colour': colour },
    }, run);
    return deploymentOf(service);
  } catch (error) {
    if (!isAws(error, 'ClientException', 'InvalidParameterException', 'PlatformUnknownException')) throw error;
    const said = messageOf(error);
    throw new CanaryError({ code: 'start-refused', message: `AWS refused to start ${version.tag}: ${said}`, cause: error });
  }
}

/**
 * What the version that has production is reached by, else what this colour's last version was, which may be long gone, else the
 * container of the version.
 */
function endpointFor(definition: TaskDefinition, { colours, place }: State, colour: Colour, { containerPort }: ServiceRun): Endpoint {
  const known = [colours[otherColour(colour)].service?.endpoint, colours[colour].service?.endpoint];
  const tagged = definition.tags?.find(({ key }) => key === CONTAINER_TAG)?.value;
  return endpointOf(definition, mainContainer(definition, place.service, tagged), known, containerPort) ?? { container: place.service, port: containerPort };
}

/**
 * Has the colour's service want another number of tasks of what it runs.
 * @throws CanaryError `not-scaled` when it runs something else by now; `locked` when another run has the pair.
 */
export async function scaleVersion(step: Scale, run: ServiceRun): Promise<void> {
  const { aws, place, progress } = run;
  const { colour, version, tasks, full, taskDefinition } = step;
  const name = serviceName(place, colour);
  const [service] = await aws.containers.describeServices(place.cluster, [name]);
  if (!service || service.desired === 0 || service.taskDefinition !== taskDefinition) {
    throw new CanaryError({ code: 'not-scaled', message: `${name} does not run ${version} any more; its tasks were left as they are.` });
  }
  if (service.desired === tasks) return;
  const reason = tasks < service.desired ? whyNotShrink(await observe(aws, place), place.targetGroups[colour], tasks, full) : undefined;
  if (reason) return progress({ type: 'warning', text: `The tasks of ${version} were left as they are: ${reason}.` });
  progress({ type: 'tasks-scaling', version, from: service.desired, to: tasks });
  await writeInTurn(run, () => aws.containers.updateService(place.cluster, name, { desired: tasks }));
}

/**
 * Has the service of a version that had production want tasks again. One that wants some already is left as it is.
 * @returns the id of the deployment that brings them.
 * @throws CanaryError `not-scaled` when its service is gone or would run something else by now; `locked` when another run has
 *   the pair.
 */
export async function bringBack({ colour, version, tasks, taskDefinition }: BringBack, run: ServiceRun): Promise<string> {
  const { aws, place, progress } = run;
  const name = serviceName(place, colour);
  const [service] = await aws.containers.describeServices(place.cluster, [name]);
  if (service?.status !== 'ACTIVE' || service.taskDefinition !== taskDefinition) {
    throw new CanaryError({ code: 'not-scaled', message: `${name} cannot bring ${version} back: it is gone, or has another version by now.` });
  }
  if (service.desired > 0) return deploymentOf(service);
  progress({ type: 'tasks-scaling', version, from: 0, to: tasks });
  return deploymentOf(await writeInTurn(run, () => aws.containers.updateService(place.cluster, name, { desired: tasks })));
}

/**
 * Waits until the deployment's own tasks run and their targets are healthy.
 * @throws CanaryError `not-started` when the deployment failed or its tasks keep stopping, with the reasons; `locked` when
 *   another deployment took its place; `timeout`.
 */
export async function waitStarted({ colour, tasks, onFailure }: WaitStarted, deployment: string, run: ServiceRun): Promise<void> {
  const { place, aws } = run;
  const name = serviceName(place, colour);
  let seen = false;
  let shown = -1;
  run.progress({ type: 'tasks-waiting' });
  // A version that runs already may have stopped tasks before, and that says nothing about those awaited now.
  const earlier = onFailure === 'keep' ? await stoppedTasks(run, name) : [];
  await poll(`${name} to have ${tasks} healthy tasks`, run.wait, async () => {
    await run.log.ensureNewest();
    await run.watch?.look();
    const [service] = await aws.containers.describeServices(place.cluster, [name]);
    if (service?.deployment?.id !== deployment || service.desired === 0) {
      if (seen) throw replaced(name);
      // AWS may not answer yet with what it was just told.
      return undefined;
    }
    seen = true;
    const own = ofDeployment(await aws.containers.tasks(place.cluster, name, 'RUNNING'), service);
    const running = own.filter(({ lastStatus }) => lastStatus === 'RUNNING');
    const count = Math.min(running.length, tasks);
    if (count !== shown && count < tasks) run.progress({ type: 'tasks-starting', running: count, desired: tasks });
    shown = count;
    if (count === tasks && (await healthyOf(running, run, colour)) >= tasks) return true;
    await failIfHopeless(service, run, colour, earlier);
    return undefined;
  });
  run.progress({ type: 'tasks-started' });
}

/**
 * Has the colour's service want no tasks and waits until nothing of it is left. The service itself stays.
 * @param tasks what it wanted before. It wants that again when another run takes the pair meanwhile, because a call that
 *   arrives late may stop what that run has just sent the traffic to; undefined for a version that is of no use to anybody.
 * @throws CanaryError `locked` then; `timeout`.
 */
export async function stopVersion(colour: Colour, version: string, run: ServiceRun, tasks?: number): Promise<void> {
  const { place, aws } = run;
  const name = serviceName(place, colour);
  await writeInTurn(run, () => aws.containers.updateService(place.cluster, name, { desired: 0 }));
  run.progress({ type: 'waiting', text: `Destroying ${version}: draining and stopping its tasks` });
  await poll(`the tasks of ${name} to stop`, run.wait, async () => {
    await (tasks === undefined ? run.log.ensureNewest() : giveBackIfTaken(name, tasks, run));
    const [[service], targets] = await Promise.all([
      aws.containers.describeServices(place.cluster, [name]),
      aws.loadBalancing.targetHealth(place.targetGroups[colour]),
    ]);
    const left = (service?.running ?? 0) + (service?.pending ?? 0) + targets.length;
    return left === 0 ? true : undefined;
  });
}

async function giveBackIfTaken(name: string, tasks: number, { aws, place, log }: ServiceRun): Promise<void> {
  try {
    await log.ensureNewest();
  } catch (error) {
    if (!isLocked(error)) return;
    await aws.containers.updateService(place.cluster, name, { desired: tasks });
    throw error;
  }
}

function deploymentOf(service: EcsService): string {
  return service.deployment?.id ?? '';
}

function replaced(name: string): CanaryError {
  return new CanaryError({
    code: 'locked',
    message: `Another run has given ${name} something else to do.`,
    exitCode: ExitCode.locked,
  });
}

/** Healthy targets that are these tasks, and not what is left of others in the same group. */
async function healthyOf(tasks: readonly EcsTask[], run: ServiceRun, colour: Colour): Promise<number> {
  const addresses = new Set(tasks.flatMap((task) => task.addresses));
  const targets = await run.aws.loadBalancing.targetHealth(run.place.targetGroups[colour]);
  return targets.filter(({ id, state }) => state === 'healthy' && addresses.has(id)).length;
}

async function failIfHopeless(service: EcsService, run: ServiceRun, colour: Colour, earlier: readonly EcsTask[]): Promise<void> {
  const crashed = crashesOf(await stoppedTasks(run, service.name), service.deployment?.id);
  const stopped = crashed.filter(({ id }) => !earlier.some((task) => task.id === id));
  if (service.deployment?.rolloutState !== 'FAILED' && stopped.length < STOPPED_TASKS) return;
  const headline = `The tasks of ${service.name} do not start: ${stopped.length} of them stopped.`;
  // What there is to be told is no reason to tell nothing, or to keep anybody waiting.
  const message = await briefly(REPORT, () => failureReport(headline, { stopped }, service, colour, run)).catch(() => headline);
  throw new CanaryError({ code: 'not-started', message });
}

function stoppedTasks({ aws, place }: ServiceRun, name: string): Promise<EcsTask[]> {
  return aws.containers.tasks(place.cluster, name, 'STOPPED');
}

function ofDeployment(tasks: readonly EcsTask[], service: EcsService): EcsTask[] {
  return tasks.filter(({ deploymentId }) => deploymentId === service.deployment?.id);
}
