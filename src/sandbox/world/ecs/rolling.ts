/** Decides, purely, what a rolling service does next: how many tasks to launch, which ones to stop. */
import type { TaskHealth } from './health.ts';

/** At most so many tasks are launched in one step. */
const BATCH = 10;

export interface TaskView {
  readonly taskArn: string;
  readonly deploymentId: string;
  readonly health: TaskHealth;
}

export interface ServiceView {
  readonly desiredCount: number;
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  readonly primaryId: string;
  /** A failed deployment and one whose tasks keep failing to start must not launch. */
  readonly mayLaunch: boolean;
  /** What of the primary deployment is unhealthy goes without a replacement. */
  readonly hasFailed: boolean;
  /** The tasks that are to run, oldest first. */
  readonly tasks: readonly TaskView[];
}

export interface RollingStep {
  readonly launch: number;
  /** How many of the launched tasks replace unhealthy ones. */
  readonly replacing: number;
  readonly stopForScaling: readonly TaskView[];
  readonly stopAsUnhealthy: readonly TaskView[];
}

/**
 * The next step towards `desiredCount` healthy tasks of the primary deployment and none of others. New tasks are started
 * before old ones are stopped wherever `maximumPercent` allows it; at least `minimumHealthyPercent` stay healthy.
 */
export function planStep(view: ServiceView): RollingStep {
  const own = view.tasks.filter(({ deploymentId }) => deploymentId === view.primaryId);
  const surplus = surplusOf(view, own);
  const kept = own.filter((task) => !surplus.includes(task));
  const replaced = replacedOf(view, kept);

  const room = Math.floor((view.desiredCount * view.maximumPercent) / 100) - (view.tasks.length - surplus.length - replaced.length);
  const usable = kept.filter(({ health }) => health !== 'unhealthy');
  const missing = view.desiredCount - usable.length;
  const wanted = view.mayLaunch ? Math.max(0, missing) : 0;
  const launch = Math.max(0, Math.min(wanted, room, BATCH));
  const lacking = wanted > 0 ? Math.max(0, wanted - room) : 0;

  const waiting = kept.filter((task) => task.health === 'unhealthy' && !replaced.includes(task));
  const madeRoomFor = lacking > 0 && launch === 0 ? waiting.slice(0, 1) : [];
  return {
    launch,
    replacing: Math.min(launch, waiting.length),
    stopForScaling: [...surplus, ...outdatedOf(view, usable, lacking - madeRoomFor.length)],
    stopAsUnhealthy: [...replaced, ...madeRoomFor],
  };
}

/** More than desired: those that do not serve yet go first, then the newest. */
function surplusOf({ desiredCount }: ServiceView, own: readonly TaskView[]): TaskView[] {
  const usable = own.filter(({ health }) => health !== 'unhealthy');
  const order = [...usable.filter(({ health }) => health === 'healthy'), ...usable.filter(({ health }) => health === 'starting')];
  return order.slice(Math.max(0, desiredCount));
}

/**
 * Unhealthy tasks whose replacements are settled, one way or the other, oldest first: a replacement that is unhealthy too
 * takes the place of the task it replaced.
 */
function replacedOf({ desiredCount, hasFailed }: ServiceView, kept: readonly TaskView[]): TaskView[] {
  const unhealthy = kept.filter(({ health }) => health === 'unhealthy');
  const starting = kept.filter(({ health }) => health === 'starting').length;
  return unhealthy.slice(0, hasFailed ? unhealthy.length : Math.max(0, kept.length - starting - desiredCount));
}

/** Tasks of earlier deployments: useless ones at once, healthy ones as new ones take over, or as room must be made. */
function outdatedOf(view: ServiceView, usable: readonly TaskView[], lacking: number): TaskView[] {
  const old = view.tasks.filter(({ deploymentId }) => deploymentId !== view.primaryId);
  const useless = old.filter(({ health }) => health !== 'healthy');
  const serving = old.filter(({ health }) => health === 'healthy');
  const taken = usable.filter(({ health }) => health === 'healthy').length;
  const minimum = Math.ceil((view.desiredCount * view.minimumHealthyPercent) / 100);
  const dispensable = Math.max(0, serving.length + taken - minimum);
  const notNeeded = Math.max(serving.length + taken - view.desiredCount, lacking - useless.length, 0);
  return [...useless, ...serving.slice(0, Math.min(dispensable, notNeeded))];
}
