/** `destroy-infra`: removes what build-infra made and what the CLI put there since; nothing without the project's tag. */
import { CanaryError, ExitCode, messageOf, UNCHANGED } from '../errors.ts';
import { endTraffic, openPairs } from '../release/end-traffic.ts';
import { isLocked, logPath } from '../release/log.ts';
import { type Turn, writeInTurn } from '../release/write-in-turn.ts';
import { poll, type Wait } from '../time.ts';
import type { Pair } from '../release/model.ts';
import { zoneOf } from './internal-https.ts';
import { observeRemains, type Remains } from './observe-remains.ts';
import { newOperation } from './operation-name.ts';
import { countOf, describeDestroyStep, type DestroyStep, notAgreed, planDestroy } from './plan-destroy.ts';
import type { InfraSession } from './session.ts';
import { awaitStack, followStack } from './stack-operation.ts';
import { unfinished } from './unfinished.ts';

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
    images: steps.flatMap((step) => (step.do === 'delete-images' ? [{ repository: step.repository, count: countOf(step.digests) }] : [])),
  };
}

/**
 * Ends all traffic, then removes what served it; a run that was interrupted is carried on. The pairs are this run's until nothing
 * is left that could serve: whoever brings traffic back meanwhile stops it.
 * @param agreed what consent was given to; nothing else is taken away.
 * @throws CanaryError `not-ours`, `overtaken`: nothing was changed; `locked` (exit 6), `stack-failed`, `timeout`: some of it may be left.
 */
export async function destroyInfra(session: InfraSession, agreed: DestroyPlan): Promise<void> {
  const begun: DestroyStep[] = [];
  try {
    while (!(await destroyOrWait(session, agreed, begun)));
  } catch (error) {
    throw afterSteps(error, begun.at(-1));
  }
}

/**
 * @param begun gets the steps as they begin.
 * @returns false after a wait for somebody else: what was seen before may be otherwise by now.
 */
async function destroyOrWait(session: InfraSession, agreed: DestroyPlan, begun: DestroyStep[]): Promise<boolean> {
  const hold = await openPairs(pairsOf(await observeRemains(session)), { ...session, dryRun: false });
  try {
    // Read after the look for holders: what one of them did until then is part of it.
    const remains = await observeRemains(session);
    const steps = planDestroy(remains);
    refuseUnseen(notAgreed(steps, agreed.steps));
    const waits = steps.filter((step) => step.do === 'wait-stack');
    const isSettled = waits.length === 0 && hold.covers(pairsOf(remains));
    if (isSettled) await hold.take(remains.rules.ours);
    for (const step of isSettled ? steps : waits) {
      begun.push(step);
      // Each step has its own time.
      await apply(step, session, { log: hold, wait: session.wait() });
    }
    return isSettled;
  } finally {
    await hold.release();
  }
}

/** What users notice of the step at which it ended, and of those before it. */
function afterSteps(thrown: unknown, step: DestroyStep | undefined): unknown {
  if (!step || step.do === 'wait-stack') return unfinished(thrown, 'destroy-infra', UNCHANGED);
  const usersAre = step.do === 'end-traffic' ? 'served no more from where the weights are taken away, and as before elsewhere.' : 'not served from here any more.';
  const error = unfinished(thrown, 'destroy-infra', isLocked(thrown) ? 'served as the other run has it.' : usersAre);
  if (!(error instanceof CanaryError) || !NOTHING_DONE.includes(error.exitCode)) return error;
  return error.with({ exitCode: ExitCode.failed, usersAre });
}

/** Exit codes that say of the weights that they are as before. */
const NOTHING_DONE: readonly ExitCode[] = [ExitCode.usage, ExitCode.timeout];

function pairsOf({ services }: Remains): Pair[] {
  return services.flatMap(({ pair }) => pair ?? []);
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

async function apply(step: DestroyStep, session: InfraSession, turn: Turn): Promise<void> {
  const { aws, progress } = session;
  // Whoever was interrupted begins nothing more.
  turn.wait.signal.throwIfAborted();
  await turn.log.ensureNewest();
  const text = describeDestroyStep(step);
  progress({ type: 'waiting', text: text.charAt(0).toUpperCase() + text.slice(1) });
  switch (step.do) {
    case 'wait-stack':
      await awaitStack(step.stack, session, turn.wait);
      break;
    case 'end-traffic':
      await endTraffic(step.pair, step.rules, session, turn);
      break;
    case 'drain-ecs-services':
      await drain(step.cluster, step.names, session, turn);
      break;
    case 'delete-ecs-services':
      await deleteEcsServices(step.cluster, step.names, session, turn);
      break;
    case 'delete-rules':
      for (const arn of step.arns) await writeInTurn(turn, () => aws.loadBalancing.deleteRule(arn));
      break;
    case 'delete-images':
      await aws.registry.deleteImages(step.repository, step.digests);
      break;
    case 'delete-log': {
      const entries = await aws.parameters.list(logPath(step.pair));
      await aws.parameters.remove(entries.map(({ name }) => name));
      break;
    }
    case 'delete-stack':
      await deleteStack(step, session, turn.wait);
      break;
    case 'delete-certificate':
      // ACM hears late of a listener that is gone.
      await poll('the certificate to be no longer in use', turn.wait, async () => (await aws.certificates.remove(step.arn)) || undefined);
      break;
  }
}

/** ECS stops a task only after its target has drained, so that requests in flight are answered. */
async function drain(cluster: string, names: readonly string[], { aws }: InfraSession, turn: Turn): Promise<void> {
  const { containers } = aws;
  const before = new Map<string, number>();
  try {
    await poll('the tasks to drain and stop', turn.wait, async () => {
      await turn.log.ensureNewest();
      const found = (await containers.describeServices(cluster, names)).filter(({ status }) => status === 'ACTIVE');
      // Somebody else, such as autoscaling, may want tasks again meanwhile.
      for (const { name, desired } of found.filter((service) => service.desired > 0)) {
        before.set(name, desired);
        await writeInTurn(turn, () => containers.updateService(cluster, name, { desired: 0 }));
      }
      return found.every(({ desired, running, pending }) => desired + running + pending === 0) ? true : undefined;
    });
  } catch (error) {
    // Whoever has taken the pair may have read these tasks as running right before, and bring users back to them.
    if (isLocked(error)) for (const [name, desired] of before) await containers.updateService(cluster, name, { desired }).catch(() => undefined);
    throw error;
  }
}

async function deleteEcsServices(cluster: string, names: readonly string[], { aws }: InfraSession, turn: Turn): Promise<void> {
  const { containers } = aws;
  const found = await containers.describeServices(cluster, names);
  for (const { name, status } of found) {
    if (status === 'ACTIVE') await writeInTurn(turn, () => containers.deleteService(cluster, name));
  }
  await poll('the ECS services to be gone', turn.wait, async () => {
    await turn.log.ensureNewest();
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
      if (error instanceof CanaryError && FOREIGN_RECORDS.test(error.message)) {
        throw error.with({ next: `remove the records of others in zone ${zoneOf(session.settings)}, then: ecs-canary destroy-infra` });
      }
      if (!isStillHeld(error) || wait.clock.now() >= wait.deadline) throw error;
      progress({ type: 'waiting', text: `Something in stack ${stack} is still in use, such as a network interface of a stopped task: it is deleted once more` });
    }
    await wait.clock.sleep(PAUSES * wait.pollInterval, wait.signal);
  }
}

/** What Route 53 says of records in the zone that no stack of the project has put there: nothing here deletes what is not its own. */
const FOREIGN_RECORDS = /InternalZone .*(HostedZoneNotEmpty|non-required resource record sets)/s;

/** Poll intervals until a deletion is tried again. */
const PAUSES = 5;

/** What EC2, Elastic Load Balancing and ECS say of it. */
const STILL_HELD =
  /DependencyViolation|has a dependent object|has dependencies and cannot be deleted|is currently in use by a listener or a rule|cannot be deleted while (Services|Tasks) are active/i;

function isStillHeld(error: unknown): boolean {
  return error instanceof CanaryError && error.code === 'stack-failed' && STILL_HELD.test(messageOf(error));
}
