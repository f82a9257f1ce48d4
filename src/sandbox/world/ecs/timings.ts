/** How long ECS and Fargate take, in ms of AWS time. In all, a task runs about 20 s after its launch. */

/** How often the service scheduler looks at its services: new counts show after about this time. */
export const SCHEDULER_INTERVAL = 1_000;

/** From a launch until the network interface is attached. */
export const PROVISIONING = 8_000;
/** The least a pull takes; a real one may take longer. */
export const PULL = 9_000;
/** From the containers' start until the task counts as running. */
export const ACTIVATING = 2_000;

/** Between the decision to stop a task and its deregistration from its target groups. */
export const DEREGISTRATION_LAG = 10_000;
/** Until the network interface of a stopping task is gone. */
export const DEPROVISIONING = 10_000;
/** Between SIGTERM and SIGKILL where the container definition names no `stopTimeout`. */
export const STOP_TIMEOUT = 30_000;
/** How long a stopped task can be described. */
export const STOPPED_TASK_KEPT = 3_600_000;

/** A task without health checks counts as healthy after this time. */
export const HEALTHY_WITHOUT_CHECKS = 40_000;

/** Before the first restart of tasks that failed to start; doubled with every further round. */
export const FIRST_RESTART_DELAY = 10_000;
export const LONGEST_RESTART_DELAY = 27 * 60_000;
