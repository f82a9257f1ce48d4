/** `build-infra`: stacks, then the listener rules that the CLI makes itself. */
import { randomUUID } from 'node:crypto';
import { isRoleTooNew, NEW_ROLE } from '../aws/ecs.ts';
import type { Wait } from '../time.ts';
import { endpointsOf, type Endpoints } from './describe-infra.ts';
import { tellLeftOver } from './left-over.ts';
import { observeInfra } from './observe-infra.ts';
import { makeRule } from './make-rule.ts';
import { describeStep, type InfraStep, planInfra as plan } from './plan-infra.ts';
import type { InfraSession } from './session.ts';
import { awaitStack, type Followed, followStack } from './stack-operation.ts';

export interface Built extends Endpoints {
  /** False when everything was as the settings say already. */
  readonly changed: boolean;
}

/** What `buildInfra` would do, one line for each step. Makes no write call. */
export async function planInfra(session: InfraSession): Promise<string[]> {
  const state = await observeInfra(session);
  tellLeftOver(state, session);
  return plan(state, session.settings).map(describeStep);
}

/**
 * Makes or updates the base, each service's part and each service's listener rule; a run that was interrupted is carried on.
 * @throws CanaryError `stack-failed` with CloudFormation's first real cause; `timeout`; what `planInfra` refuses, before
 *   anything is changed.
 */
export async function buildInfra(session: InfraSession): Promise<Built> {
  const wait = session.wait();
  // What AWS does not read back to the letter, or at once, must not be done a second time.
  const taken = new Set<string>();
  let changed = false;
  let roleDeadline: number | undefined;
  for (;;) {
    const state = await observeInfra(session);
    const step = plan(state, session.settings).find((next) => !taken.has(describeStep(next)));
    if (!step) {
      tellLeftOver(state, session);
      return { ...endpointsOf(state.base), changed };
    }
    if (step.do === 'update-stack' || step.do === 'create-rule') taken.add(describeStep(step));
    try {
      if (await apply(step, session, wait)) changed = true;
    } catch (error) {
      if (!isRoleTooNew(error)) throw error;
      roleDeadline ??= wait.clock.now() + NEW_ROLE;
      if (wait.clock.now() > roleDeadline) throw error;
      session.progress({ type: 'warning', text: 'ECS can not use its role in this account yet, which was just made: the stack is made once more.' });
    }
  }
}

const UNTOUCHED = 'where they were before; no listener rule was changed.';

/** Returns whether something was changed. */
async function apply(step: InfraStep, session: InfraSession, wait: Wait): Promise<boolean> {
  const { stacks } = session.aws;
  // Whoever was interrupted begins nothing more.
  wait.signal.throwIfAborted();
  const text = describeStep(step);
  session.progress({ type: 'waiting', text: text.charAt(0).toUpperCase() + text.slice(1) });
  const operation = `ecs-canary-${randomUUID()}`;
  const follow = (stack: string, verb: Followed['verb']) =>
    followStack({ stack, operation, verb, usersAre: UNTOUCHED, next: 'ecs-canary build-infra' }, session, wait);
  switch (step.do) {
    case 'create-stack':
      await follow(await stacks.create(step.request, operation), 'made');
      return true;
    case 'update-stack':
      if ((await stacks.update(step.request, operation)) === 'unchanged') return false;
      await follow(step.request.name, 'updated');
      return true;
    case 'delete-failed-stack':
      await stacks.delete(step.id, operation);
      await follow(step.id, 'deleted');
      return true;
    case 'wait-stack':
      await awaitStack(step.stack, session, wait);
      return false;
    case 'create-rule':
      await makeRule(step.rule, session);
      return true;
  }
}
