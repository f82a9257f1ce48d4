/** One look of the service scheduler at one service: judge its tasks, take the next rolling step, settle its deployments. */
import type { Region } from '../../parts.ts';
import type { ServiceRecord, StoredDeployment, TaskRecord } from '../ecs-state.ts';
import { completeDeployment, failDeployment, failureThreshold } from './deployments.ts';
import { announce, announceOnce, taskList } from './events.ts';
import { type TaskHealth, taskHealth, unhealthyTarget } from './health.ts';
import { launchTask } from './new-task.ts';
import { isOnFargate, isPending, isRunning, isWanted, tasksOf } from './queries.ts';
import { type RollingStep, type TaskView, planStep } from './rolling.ts';
import { stopTask } from './stop-task.ts';
import type { RestartThrottle } from './throttle.ts';

export interface SchedulerMemory {
  readonly throttle: RestartThrottle;
  /** How long a task has had its present status, in ms of AWS time. */
  readonly age: (record: TaskRecord) => number;
}

interface Judged {
  readonly record: TaskRecord;
  readonly health: TaskHealth;
}

/** Brings a service one step nearer to what is asked of it. */
export function reconcile(region: Region, record: ServiceRecord, memory: SchedulerMemory): void {
  const primary = record.service.deployments[0];
  if (record.service.status === 'INACTIVE' || !primary) {
    return;
  }
  countFailures(region, record, memory);
  if (record.service.status === 'DRAINING') {
    drain(region, record, primary);
    return;
  }
  const tasks = judge(region, record, memory);
  takeStep(region, record, primary, tasks, memory);
  dropReplaced(region, record);
  settle(region, record, primary, tasks);
}

function countFailures(region: Region, record: ServiceRecord, { throttle }: SchedulerMemory): void {
  for (const failed of tasksOf(region, record.service.serviceArn).filter(isUncountedFailure)) {
    failed.failureCounted = true;
    const { task } = failed;
    if (task.startedAt === undefined) {
      throttle.failedToStart(task.startedBy);
    }
    if (task.stopCode === 'TaskFailedToStart') {
      announce(region, record, `was unable to place a task. Reason: ${failureReason(failed)}.`);
    }
    const deployment = record.service.deployments.find(({ id }) => id === task.startedBy);
    if (deployment) {
      deployment.failedTasks += 1;
      deployment.updatedAt = region.clock.now();
    }
    region.changed();
  }
}

/** It was not told to stop by a user or a smaller count, and never got healthy. */
function isUncountedFailure(record: TaskRecord): boolean {
  const { task, wasHealthy, failureCounted } = record;
  const failed = task.stopCode === 'TaskFailedToStart' || task.stopCode === 'EssentialContainerExited'
    || task.stoppedReason?.startsWith(FAILED_HEALTH_CHECKS);
  return !isWanted(record) && Boolean(failed) && !wasHealthy && !failureCounted;
}

const FAILED_HEALTH_CHECKS = 'Task failed ELB health checks in ';

function failureReason({ task }: TaskRecord): string {
  return task.containers.find(({ reason }) => reason !== undefined)?.reason ?? task.stoppedReason ?? 'unknown';
}

function drain(region: Region, { service }: ServiceRecord, primary: StoredDeployment): void {
  primary.desiredCount = 0;
  const tasks = tasksOf(region, service.serviceArn);
  for (const task of tasks) {
    stopTask(region, task, 'ServiceSchedulerInitiated', `Scaling activity initiated by (deployment ${task.task.startedBy})`);
  }
  if (tasks.every(({ task }) => ['STOPPING', 'DEPROVISIONING', 'STOPPED'].includes(task.lastStatus))) {
    service.status = 'INACTIVE';
    service.deployments = [];
    region.changed();
  }
}

function judge(region: Region, record: ServiceRecord, { throttle, age }: SchedulerMemory): Judged[] {
  const judged = tasksOf(region, record.service.serviceArn).filter(isWanted)
    .map((task) => ({ record: task, health: taskHealth(region, record, task, age(task)) }));
  for (const { record: taskRecord, health } of judged) {
    if (isRunning(taskRecord)) {
      throttle.started(taskRecord.task.startedBy);
    }
    if (health === 'healthy' && !taskRecord.wasHealthy) {
      taskRecord.wasHealthy = true;
      forgetFailures(record, taskRecord.task.startedBy);
      region.changed();
    }
  }
  return judged;
}

function forgetFailures({ service }: ServiceRecord, deploymentId: string): void {
  const deployment = service.deployments.find(({ id }) => id === deploymentId);
  if (deployment && service.deploymentConfiguration?.deploymentCircuitBreaker?.resetOnHealthyTask !== false) {
    deployment.failedTasks = 0;
  }
}

function takeStep(
  region: Region, record: ServiceRecord, primary: StoredDeployment, tasks: readonly Judged[], { throttle }: SchedulerMemory,
): void {
  const { service } = record;
  const hasFailed = primary.rolloutState === 'FAILED';
  primary.desiredCount = service.desiredCount;
  const step = planStep({
    desiredCount: service.desiredCount,
    minimumHealthyPercent: service.deploymentConfiguration?.minimumHealthyPercent ?? 100,
    maximumPercent: service.deploymentConfiguration?.maximumPercent ?? 200,
    primaryId: primary.id,
    mayLaunch: !hasFailed && !throttle.isWaiting(primary.id),
    hasFailed,
    tasks: tasks.map(({ record: { task }, health }) => ({ taskArn: task.taskArn, deploymentId: task.startedBy, health })),
  });
  if (step.launch > 0 || step.stopForScaling.length > 0 || step.stopAsUnhealthy.length > 0) {
    record.steady = false;
    stopAll(region, record, step);
    launchAll(region, record, primary, step, throttle);
  }
}

function stopAll(region: Region, record: ServiceRecord, { stopForScaling, stopAsUnhealthy }: RollingStep): void {
  const find = ({ taskArn }: TaskView) => region.state.ecs.tasks[taskArn];
  const scaled = stopForScaling.map(find).filter((task) => task !== undefined);
  const unhealthy = stopAsUnhealthy.map(find).filter((task) => task !== undefined);
  for (const task of unhealthy) {
    const { target, reason } = unhealthyTarget(region, task) ?? { target: task.targets[0], reason: 'Health checks failed' };
    const targetGroup = `(target-group ${target?.targetGroupArn})`;
    announce(region, record, `${taskList([task])} (port ${target?.port}) is unhealthy in ${targetGroup} due to (reason ${reason}).`);
    stopTask(region, task, 'ServiceSchedulerInitiated', `${FAILED_HEALTH_CHECKS}${targetGroup}`);
  }
  const pending = scaled.filter(isPending);
  const running = [...scaled.filter((task) => !isPending(task)), ...unhealthy];
  for (const task of scaled) {
    stopTask(region, task, 'ServiceSchedulerInitiated', `Scaling activity initiated by (deployment ${task.task.startedBy})`);
  }
  if (pending.length > 0) {
    announce(region, record, `stopped ${pending.length} pending tasks.`);
  }
  if (running.length > 0) {
    announce(region, record, `has stopped ${running.length} running tasks: ${taskList(running)}.`);
  }
}

function launchAll(
  region: Region, record: ServiceRecord, primary: StoredDeployment, { launch, replacing }: RollingStep, throttle: RestartThrottle,
): void {
  if (launch === 0) {
    return;
  }
  if (!isOnFargate(primary)) {
    announceOnce(region, record, NO_INSTANCES);
    return;
  }
  const launched = Array.from({ length: launch }, () => launchTask(region, record, primary));
  const replaced = replacing > 0 ? ` Amazon ECS replaced ${replacing} tasks due to an unhealthy status.` : '';
  announce(region, record, `has started ${launch} tasks: ${taskList(launched)}.${replaced}`);
  if (throttle.isThrottled(primary.id)) {
    announce(region, record, 'is unable to consistently start tasks successfully.');
  }
}

/** A cluster of the sandbox has no container instances. */
const NO_INSTANCES = 'was unable to place a task because no container instance met all of its requirements. '
  + 'Reason: No Container Instances were found in your cluster.';

/** An earlier deployment is gone with its last task. */
function dropReplaced(region: Region, { service }: ServiceRecord): void {
  const tasks = tasksOf(region, service.serviceArn).filter(({ task }) => task.lastStatus !== 'STOPPED');
  for (const deployment of service.deployments.slice(1)) {
    const own = tasks.filter(({ task }) => task.startedBy === deployment.id);
    deployment.desiredCount = own.filter(isWanted).length;
    if (own.length === 0) {
      service.deployments.splice(service.deployments.indexOf(deployment), 1);
      region.changed();
    }
  }
}

function settle(region: Region, record: ServiceRecord, primary: StoredDeployment, tasks: readonly Judged[]): void {
  const { service } = record;
  const threshold = failureThreshold(record);
  if (primary.rolloutState === 'IN_PROGRESS' && threshold !== undefined && primary.failedTasks >= threshold) {
    failDeployment(region, record, primary);
    return;
  }
  const isAlone = service.deployments.length === 1;
  const isServing = tasks.length === service.desiredCount && tasks.every(({ health }) => health === 'healthy');
  const isStopping = tasksOf(region, service.serviceArn).some((task) => !isWanted(task) && isRunning(task));
  if (record.steady || !isAlone || !isServing || isStopping) {
    return;
  }
  if (primary.rolloutState === 'IN_PROGRESS') {
    completeDeployment(region, record, primary);
  }
  record.steady = true;
  announce(region, record, 'has reached a steady state.');
}
