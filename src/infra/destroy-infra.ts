/** `destroy-infra`: removes what build-infra made and what the CLI put there since; nothing without the project's tag. */
import { randomUUID } from 'node:crypto';
import { poll, type Wait } from '../time.ts';
import { observeRemains } from './observe-remains.ts';
import { describeDestroyStep, type DestroyStep, planDestroy } from './plan-destroy.ts';
import type { InfraSession } from './session.ts';
import { awaitStack, followStack } from './stack-operation.ts';

/**
 * What `destroyInfra` would do, one line for each step; empty when there is nothing. Makes no write call.
 * @throws CanaryError as `destroyInfra`.
 */
export async function planDestroyInfra(session: InfraSession): Promise<string[]> {
  return planDestroy(await observeRemains(session)).map(describeDestroyStep);
}

/**
 * Ends all traffic, then removes what served it; a run that was interrupted is carried on.
 * @returns whether there was anything.
 * @throws CanaryError `not-ours`: nothing was changed; `stack-failed`, `timeout`: some of it is left.
 */
export async function destroyInfra(session: InfraSession): Promise<boolean> {
  const wait = session.wait();
  let destroyed = false;
  for (;;) {
    const steps = planDestroy(await observeRemains(session));
    for (const step of steps) await apply(step, session, wait);
    if (steps.length > 0) destroyed = true;
    // After a wait for somebody else there may be more to do.
    if (!steps.some((step) => step.do === 'wait-stack')) return destroyed;
  }
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
    case 'delete-rules':
      for (const arn of step.arns) await aws.loadBalancing.deleteRule(arn);
      break;
    case 'delete-ecs-services':
      await deleteEcsServices(step.cluster, step.names, session, wait);
      break;
    case 'delete-images':
      await aws.registry.deleteAllImages(step.repository);
      break;
    case 'delete-log':
      await aws.parameters.remove(step.names);
      break;
    case 'delete-stack':
      await deleteStack(step.id, session, wait);
      break;
  }
}

/** ECS stops a task only after its target has drained, so that requests in flight are answered. */
async function deleteEcsServices(cluster: string, names: readonly string[], { aws }: InfraSession, wait: Wait): Promise<void> {
  const { containers } = aws;
  const found = await containers.describeServices(cluster, names);
  for (const { name, status } of found) {
    // Not first down to 0 tasks: ECS refuses to update a service whose target group no rule names any more.
    if (status === 'ACTIVE') await containers.deleteService(cluster, name);
  }
  await poll('the ECS services to be gone', wait, async () => {
    const left = await containers.describeServices(cluster, names);
    return left.length === 0 ? true : undefined;
  });
}

async function deleteStack(id: string, session: InfraSession, wait: Wait): Promise<void> {
  const operation = `ecs-canary-${randomUUID()}`;
  await session.aws.stacks.unprotect(id);
  await session.aws.stacks.delete(id, operation);
  const usersAre = 'not served any more: the listener rules are deleted.';
  await followStack({ stack: id, operation, verb: 'deleted', usersAre, next: 'ecs-canary destroy-infra' }, session, wait);
}
