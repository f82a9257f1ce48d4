/** `build-infra --change-set`: what CloudFormation says it would do, stack by stack. Nothing of it is done, and nothing is left. */
import { isOvertaken } from '../aws/cloudformation.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import type { Wait } from '../time.ts';
import { discardChangeSet, discardReviewed, lookAt } from './change-set.ts';
import { exchangeOf } from './internal-https.ts';
import { observeInfra } from './observe-infra.ts';
import { isLook } from './operation-name.ts';
import { describeStep, type InfraStep, isForeseeable, planInfra } from './plan-infra.ts';
import type { InfraSession } from './session.ts';
import type { StackChange } from './stack-changes.ts';

export interface StackPreview {
  readonly stack: string;
  /** Undefined where it can't be told yet. */
  readonly changes: readonly StackChange[] | undefined;
  /** What the changes do not say. */
  readonly note: string | undefined;
}

export interface Preview {
  readonly stacks: readonly StackPreview[];
  /** What would be done beside, a line for each step. */
  readonly steps: readonly string[];
}

/**
 * Makes a change set of each stack that is to be made or changed, reads it and deletes it.
 * @throws CanaryError `change-set-failed`; what the plan refuses.
 */
export async function previewInfra(session: InfraSession): Promise<Preview> {
  const wait = session.wait();
  const stacks: StackPreview[] = [];
  const others: string[] = [];
  /** Stacks that are in the way of another one of their name. */
  const inTheWay = new Map<string, string>();
  for (const step of planInfra(await observeInfra(session), session.settings, session.selfSigned)) {
    if (step.do === 'create-stack' || step.do === 'update-stack') {
      stacks.push(await previewStack(step, inTheWay.get(step.request.name), session, wait));
    } else if (step.do === 'delete-change-set' && isLook(step)) {
      await discardChangeSet(step, session, wait);
    } else if (step.do === 'delete-failed-stack' && step.stack.status === 'REVIEW_IN_PROGRESS') {
      // Only looks make such stacks.
      await discardReviewed(step.stack.id, session, wait);
    } else {
      if (step.do === 'delete-failed-stack') inTheWay.set(step.stack.name, step.stack.status);
      others.push(describeStep(step));
    }
  }
  return { stacks, steps: others };
}

type StackStep = Extract<InfraStep, { do: 'create-stack' | 'update-stack' }>;

async function previewStack(step: StackStep, inTheWay: string | undefined, session: InfraSession, wait: Wait): Promise<StackPreview> {
  const { do: what, request } = step;
  const stack = request.name;
  const unknown = (note: string): StackPreview => ({ stack, changes: undefined, note });
  if (inTheWay !== undefined) return unknown(`made anew: it is ${inTheWay}, and deleted before`);
  if (!isForeseeable(request)) return unknown(`${what === 'create-stack' ? 'made' : 'changed'} once the base is there; what it is made of comes from it`);
  session.progress({ type: 'waiting', text: `Ask CloudFormation what would change in stack ${stack}` });
  try {
    const changes = await lookAt({ request, type: what === 'create-stack' ? 'CREATE' : 'UPDATE' }, session, wait);
    if (!changes) return { stack, changes: [], note: 'nothing to do' };
    const exchange = step.do === 'update-stack' ? exchangeOf(step.stack, request)?.replace(/\.$/, '') : undefined;
    return { stack, changes, note: changes.length === 0 ? 'no resource changes, only outputs or the like' : exchange };
  } catch (error) {
    if (!isOvertaken(error)) throw error;
    throw new CanaryError({
      code: 'overtaken',
      message: `Somebody else changed stack ${stack}, or looked at it, at the same time.`,
      usersAre: UNCHANGED,
      next: 'ecs-canary build-infra --change-set',
      cause: error,
    });
  }
}
