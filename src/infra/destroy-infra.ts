/** `destroy-infra`: removes what build-infra made and what the CLI put there since; nothing without the project's tag. */
import { CanaryError, messageOf, UNCHANGED } from '../errors.ts';
import { endTraffic, requireIdle } from '../release/end-traffic.ts';
import { logPath } from '../release/log.ts';
import { poll, type Wait } from '../time.ts';
import { resumable } from './interrupted.ts';
import { observeRemains } from './observe-remains.ts';
import { newOperation } from './operation-name.ts';
import { countOf, describeDestroyStep, type DestroyStep, notAgreed, planDestroy } from './plan-destroy.ts';
import type { InfraSession } from './session.ts';
import { awaitStack, followStack } from './stack-operation.ts';

export interface DestroyPlan {
  readonly steps: readonly DestroyStep[];
  /** One for each step. */
  readonly lines: readonly string[];
  /** Repositories whose images go for good, with how many, in words. */
  readonly images: readonly { readonly repository: string; readonly count: string }[];
}

/**
 * What `destroyInfra` would do. Makes no write call.
 * @throws CanaryError as `destroyInfra`.
 */
export async function planDestroyInfra(session: InfraSession): Promise<DestroyPlan> {
  const steps = planDestroy(await observeRemains(session));
  return {
    steps,
    lines: steps.map(describeDestroyStep),
    images: steps.flatMap((step) => (step.do === 'delete-images' ? [{ repository: step.repository, count: countOf(step.count) }] : [])),
  };
}

/**
 * Ends all traffic, then removes what served it; a run that was interrupted is carried on.
 * @param agreed what consent was given to; nothing else is taken away.
 * @throws CanaryError `not-ours`, `locked` (exit 6), `overtaken`: nothing was changed; `stack-failed`, `timeout`: some of it is left.
 */
export async function destroyInfra(session: InfraSession, agreed: DestroyPlan): Promise<void> {
  const wait = session.wait();
  for (;;) {
    const { services, ...remains } = await observeRemains(session);
    const steps = planDestroy({ services, ...remains });
    refuseUnseen(notAgreed(steps, agreed.steps));
    const waits = steps.filter((step) => step.do === 'wait-stack');
    for (const { pair, log } of services) if (pair && log.length > 0) await requireIdle(pair, { ...session, dryRun: false });
    try {
      for (const step of waits.length > 0 ? waits : steps) await apply(step, session, wait);
    } catch (error) {
      throw resumable(error, 'destroy-infra', 'served no more from where the weights are taken away, and as before elsewhere.');
    }
    // What somebody else was at work on may be something else by now.
    if (waits.length === 0) return;
  }
}

/** Only before the first step, and after a wait. */
function refuseUnseen(found: readonly string[]): void {
  if (found.length === 0) return;
  throw new CanaryError({
    code: 'overtaken',
    message: `There is more to destroy than was agreed to: ${found.join(', ')}.`,
    usersAre: UNCHANGED,
    next: 'ecs-canary destroy-infra   (shows all of it)',
  });
}

async function apply(step: DestroyStep, session: InfraSession, wait: Wait): Promise<void> {
  const { aws, progress } = session;
  // Whoever was interrupted begins nothing more.
  wait.signal.throwIfAborted();
  const text = describeDestroyStep(step);
  progress({ type: 'waiting', text: text.charAt(0).toUpperCase() + text.slice(1) });
  switch (step.do) {
    case 'wait-stack':
      await awaitStack(step.stack, session, wait);
      break;
    case 'end-traffic':
      await endTraffic(step.pair, step.rules, { ...session, dryRun: false }, wait);
      break;
    case 'drain-ecs-services':
      await drain(step.cluster, step.names, session, wait);
      break;
    case 'delete-ecs-services':
      await deleteEcsServices(step.cluster, step.names, session, wait);
      break;
    case 'delete-rules':
      for (const arn of step.arns) await aws.loadBalancing.deleteRule(arn);
      break;
    case 'delete-images':
      await aws.registry.deleteAllImages(step.repository);
      break;
    case 'delete-log': {
      const entries = await aws.parameters.list(logPath(step.pair));
      await aws.parameters.remove(entries.map(({ name }) => name));
      break;
    }
    case 'delete-stack':
      await deleteStack(step, session, wait);
      break;
  }
}

/** ECS stops a task only after its target has drained, so that requests in flight are answered. */
async function drain(cluster: string, names: readonly string[], { aws }: InfraSession, wait: Wait): Promise<void> {
  const { containers } = aws;
  await poll('the tasks to drain and stop', wait, async () => {
    const found = (await containers.describeServices(cluster, names)).filter(({ status }) => status === 'ACTIVE');
    // Somebody else, such as autoscaling, may want tasks again meanwhile.
    for (const { name } of found.filter(({ desired }) => desired > 0)) await containers.updateService(cluster, name, { desired: 0 });
    return found.every(({ desired, running, pending }) => desired + running + pending === 0) ? true : undefined;
  });
}

async function deleteEcsServices(cluster: string, names: readonly string[], { aws }: InfraSession, wait: Wait): Promise<void> {
  const { containers } = aws;
  const found = await containers.describeServices(cluster, names);
  for (const { name, status } of found) {
    if (status === 'ACTIVE') await containers.deleteService(cluster, name);
  }
  await poll('the ECS services to be gone', wait, async () => {
    const left = await containers.describeServices(cluster, names);
    return left.length === 0 ? true : undefined;
  });
}

type DeleteStack = Extract<DestroyStep, { do: 'delete-stack' }>;

/**
 * The network interfaces of tasks outlive them for a while, and hold on to their subnets and security groups; a rule that was just
 * deleted to its target groups, and a service to its cluster.
 */
async function deleteStack({ stack, id, isProtected }: DeleteStack, session: InfraSession, wait: Wait): Promise<void> {
  const { aws, progress } = session;
  if (isProtected) await aws.stacks.unprotect(id);
  const usersAre = 'not served any more: the listener rules are deleted.';
  for (;;) {
    const operation = newOperation();
    try {
      await aws.stacks.delete(id, operation);
      await followStack({ stack: id, operation, verb: 'deleted', usersAre, next: 'ecs-canary destroy-infra' }, session, wait);
      return;
    } catch (error) {
      if (!isStillHeld(error) || wait.clock.now() >= wait.deadline) throw error;
      progress({ type: 'waiting', text: `Something in stack ${stack} is still in use, such as a network interface of a stopped task: it is deleted once more` });
    }
    await wait.clock.sleep(PAUSES * wait.pollInterval, wait.signal);
  }
}

/** Poll intervals until a deletion is tried again. */
const PAUSES = 5;

/** What EC2, Elastic Load Balancing and ECS say of it. */
const STILL_HELD =
  /DependencyViolation|has a dependent object|has dependencies and cannot be deleted|is currently in use by a listener or a rule|cannot be deleted while (Services|Tasks) are active/i;

function isStillHeld(error: unknown): boolean {
  return error instanceof CanaryError && error.code === 'stack-failed' && STILL_HELD.test(messageOf(error));
}
