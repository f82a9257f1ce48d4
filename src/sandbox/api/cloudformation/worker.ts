/** Carries out what a stack's status says is to be done, over AWS time, until the stack is in progress no more. */
import type { StackStatus } from '@aws-sdk/client-cloudformation';
import type { Lifecycle, Region, Stacks } from '../../parts.ts';
import type { StoredChangeSet, StoredStack } from '../../world/cloudformation-state.ts';
import { type Blueprint, drawBlueprint } from './blueprint.ts';
import { changeSetsOf } from './change-set-lookup.ts';
import { converge } from './converge.ts';
import { reviewChanges } from './review.ts';
import { makeSite, messageOf, type Site } from './site.ts';
import { tearDown } from './teardown.ts';

export function makeStacks(region: Region): Stacks & Lifecycle {
  /** Who works on which stack: whoever comes later (a deletion, while the stack is being created) takes over. */
  const workers = new Map<string, symbol>();
  let isRunning = true;

  const work = (stack: StoredStack) => {
    const me = Symbol(stack.name);
    workers.set(stack.id, me);
    const pass = (awsMs: number) =>
      new Promise<void>((resolve) => {
        region.clock.after(awsMs, () => {
          if (workers.get(stack.id) === me) resolve();
        });
      });
    const site = makeSite(region, stack, pass);
    void carryOn(site);
  };

  const review = (stack: StoredStack, changeSet: StoredChangeSet) => {
    const pass = (awsMs: number) =>
      new Promise<void>((resolve) => {
        region.clock.after(awsMs, () => {
          if (isRunning) resolve();
        });
      });
    void reviewChanges(region, stack, changeSet, pass);
  };

  return {
    work,
    review,
    start() {
      for (const stack of Object.values(region.state.cloudformation.stacks)) {
        work(stack);
        for (const changeSet of changeSetsOf(stack)) review(stack, changeSet);
      }
      return Promise.resolve();
    },
    stop() {
      isRunning = false;
      workers.clear();
      return Promise.resolve();
    },
  };
}

async function carryOn(site: Site): Promise<void> {
  for (let phase = phases[site.stack.status]; phase; phase = phases[site.stack.status]) {
    await phase(site);
  }
  endExecution(site);
}

/** The change set that is executed, if any, is through with it once its stack is. */
function endExecution({ region, stack }: Site): void {
  const executed = changeSetsOf(stack).find(({ executionStatus }) => executionStatus === 'EXECUTE_IN_PROGRESS');
  if (!executed) return;
  executed.executionStatus = SUCCEEDED.has(stack.status) ? 'EXECUTE_COMPLETE' : 'EXECUTE_FAILED';
  region.changed();
}

const SUCCEEDED: ReadonlySet<string> = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE']);

/** What each status asks for. A phase ends with another status. */
const phases: Partial<Record<StackStatus, (site: Site) => Promise<void>>> = {
  async CREATE_IN_PROGRESS(site) {
    const { stack } = site;
    const problem = await build(site, blueprintOf(site));
    const reason = `${problem} `;
    if (problem === undefined) site.stackBecomes('CREATE_COMPLETE');
    else if (stack.onFailure === 'DO_NOTHING') site.stackBecomes('CREATE_FAILED', reason);
    else if (stack.onFailure === 'DELETE') site.stackBecomes('DELETE_IN_PROGRESS', `${reason}Delete requested by user.`);
    else site.stackBecomes('ROLLBACK_IN_PROGRESS', `${reason}Rollback requested by user.`);
  },

  async ROLLBACK_IN_PROGRESS(site) {
    const failed = await tearDown(site, Object.values(site.stack.resources));
    if (failed.length === 0) site.stackBecomes('ROLLBACK_COMPLETE');
    else site.stackBecomes('ROLLBACK_FAILED', notDeleted(failed));
  },

  async UPDATE_IN_PROGRESS(site) {
    const problem = await build(site, blueprintOf(site));
    if (problem === undefined) site.stackBecomes('UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
    else site.stackBecomes('UPDATE_ROLLBACK_IN_PROGRESS', problem);
  },

  async UPDATE_COMPLETE_CLEANUP_IN_PROGRESS(site) {
    await cleanUp(site, blueprintOf(site));
    delete site.stack.previous;
    site.stackBecomes('UPDATE_COMPLETE');
  },

  async UPDATE_ROLLBACK_IN_PROGRESS(site) {
    goBack(site.stack);
    const problem = await build(site, blueprintOf(site));
    if (problem === undefined) site.stackBecomes('UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS');
    else site.stackBecomes('UPDATE_ROLLBACK_FAILED', problem);
  },

  async UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS(site) {
    await cleanUp(site, blueprintOf(site));
    site.stackBecomes('UPDATE_ROLLBACK_COMPLETE');
  },

  async DELETE_IN_PROGRESS(site) {
    const { stack } = site;
    const failed = await tearDown(site, [...stack.replaced, ...Object.values(stack.resources)]);
    if (failed.length === 0) site.stackBecomes('DELETE_COMPLETE');
    else site.stackBecomes('DELETE_FAILED', notDeleted(failed));
  },
};

/** Resources, then the outputs, which need them all. Returns what went wrong, as a stack gives it for its reason. */
async function build(site: Site, blueprint: Blueprint): Promise<string | undefined> {
  const { stack } = site;
  const verb = stack.status === 'CREATE_IN_PROGRESS' ? 'create' : 'update';
  const failed = await converge(site, blueprint);
  if (failed.length > 0) return `The following resource(s) failed to ${verb}: [${failed.join(', ')}].`;
  try {
    stack.outputs = blueprint.outputs(stack.resources);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Deletes what the stack has no use for after an update. What can't be deleted is left behind, as AWS does. */
async function cleanUp(site: Site, blueprint: Blueprint): Promise<void> {
  const { stack } = site;
  const dropped = Object.values(stack.resources).filter(({ logicalId }) => !blueprint.resources.has(logicalId));
  await tearDown(site, [...stack.replaced, ...dropped]);
  stack.replaced = [];
  for (const { logicalId } of dropped) delete stack.resources[logicalId];
}

/** The definition before the update counts again. What was replaced is in use again; what replaced it is to be cleaned up. */
function goBack(stack: StoredStack): void {
  // After an interruption it may be done already.
  if (!stack.previous) return;
  stack.definition = stack.previous;
  delete stack.previous;
  stack.replaced = stack.replaced.flatMap((old) => {
    const current = stack.resources[old.logicalId];
    stack.resources[old.logicalId] = old;
    return current ?? [];
  });
}

function blueprintOf({ stack, region }: Site): Blueprint {
  return drawBlueprint(stack.definition, stack, region);
}

function notDeleted(failed: readonly string[]): string {
  return `The following resource(s) failed to delete: [${failed.join(', ')}]. `;
}
