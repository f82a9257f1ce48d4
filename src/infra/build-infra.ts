/** `build-infra`: stacks, then the listener rules that the CLI makes itself. */
import { isOvertaken } from '../aws/cloudformation.ts';
import { isRoleTooNew, NEW_ROLE } from '../aws/ecs.ts';
import { CanaryError, ExitCode, UNCHANGED, usageError } from '../errors.ts';
import type { Wait } from '../time.ts';
import { discardChangeSet, discardReviewed, lookAt } from './change-set.ts';
import { askingOnce, type Consent, type StackUpdate } from './consent.ts';
import { endpointsOf, type Endpoints } from './describe-infra.ts';
import { tellLeftOver } from './left-over.ts';
import { unfinished } from './unfinished.ts';
import { type InfraState, observeInfra } from './observe-infra.ts';
import { importCertificate, tellEnding } from './own-certificate.ts';
import { certificateOf, exchangeOf, type OwnCertificate, sharingOf } from './internal-https.ts';
import { makeLinkedRoles } from './linked-roles.ts';
import { makeRule } from './make-rule.ts';
import { newOperation } from './operation-name.ts';
import { describeStep, explainStep, type InfraStep, isForeseeable, planInfra as plan } from './plan-infra.ts';
import { type InfraSession, UNTOUCHED } from './session.ts';
import { awaitStack, failureOf, type Operation } from './stack-operation.ts';
import { nextFor, usersAfter } from './stack-status.ts';
import { updateStack } from './update-stack.ts';

export interface Built extends Endpoints {
  /** What callers of the internal endpoint have to trust, as PEM, where it is no authority that everybody knows. */
  readonly authority: string | undefined;
  /** False when everything was as the settings say already. */
  readonly changed: boolean;
}

/** What `buildInfra` would do, a text for each step, with what makes it needed. Makes no write call. */
export async function planInfra(session: InfraSession): Promise<string[]> {
  const state = await observeInfra(session);
  tellLeftOver(state, session);
  const steps = plan(state, session.settings, session.selfSigned);
  tellSharing(state, session);
  tellEnding(state, session);
  return steps.map(explainStep);
}

/**
 * Makes or updates the base, each service's part and each service's listener rule; a run that was interrupted is carried on.
 * @param ask for consent to what an update replaces or removes, before anything is changed; without it none is made.
 * @throws CanaryError `stack-failed` with CloudFormation's first real cause; `timeout`; what `ask` throws; what
 *   `planInfra` refuses, before anything is changed.
 */
export async function buildInfra(session: InfraSession, ask: Consent = refuse): Promise<Built> {
  const done: InfraStep[] = [];
  try {
    const state = await takeSteps(session, ask, done);
    tellLeftOver(state, session);
    tellEnding(state, session);
    return { ...endpointsOf(state.base), authority: state.base?.outputs['CertificateAuthority'], changed: done.length > 0 };
  } catch (error) {
    throw afterSteps(unfinished(error, 'build-infra', UNTOUCHED), done);
  }
}

/**
 * Takes step after step until nothing is left to do.
 * @param done gets the steps that changed something.
 * @returns what there is then.
 */
async function takeSteps(session: InfraSession, ask: Consent, done: InfraStep[]): Promise<InfraState> {
  const wait = session.wait();
  const consent = askingOnce(ask);
  let isFirst = true;
  // What AWS does not read back to the letter, or at once, must not be done a second time.
  const taken = new Set<string>();
  let overtaken = 0;
  let roleDeadline: number | undefined;
  // A list may not have it for a while.
  let imported: OwnCertificate | undefined;
  for (;;) {
    const seen = await observeInfra(session);
    const state = { ...seen, certificate: seen.certificate ?? imported };
    const [step, ...later] = plan(state, session.settings, session.selfSigned).filter((next) => !taken.has(describeStep(next)));
    if (!step) return state;
    if (isFirst) tellSharing(state, session);
    if (isFirst && later.length > 0) await askAhead([step, ...later], session, wait, consent);
    isFirst = false;
    try {
      if (step.do === 'import-certificate') {
        tellStep(step, session);
        wait.signal.throwIfAborted();
        imported = await importCertificate(step.zone, session);
        done.push(step);
        continue;
      }
      const outcome = await apply(step, session, wait, consent);
      if (outcome === 'changed') done.push(step);
      if (outcome === 'overtaken') {
        overtaken += 1;
        if (overtaken === LONGEST_RACE) throw outrun(step);
        await wait.clock.sleep(wait.pollInterval, wait.signal);
      } else if (ONCE.has(step.do)) {
        taken.add(describeStep(step));
      }
    } catch (error) {
      if (!isRoleTooNew(error)) throw error;
      roleDeadline ??= wait.clock.now() + NEW_ROLE;
      if (wait.clock.now() > roleDeadline) throw error;
      session.progress({ type: 'waiting', text: 'ECS has just got its role in this account: the stack is made once more' });
    }
  }
}

/** What was done before an error came is part of what it has to tell. */
function afterSteps(error: unknown, done: readonly InfraStep[]): unknown {
  if (!(error instanceof CanaryError) || done.length === 0) return error;
  const before = `Done before: ${done.map(describeStep).join('; ')}.`;
  if (error.code === 'declined') return error.with({ message: `Nothing further was changed. ${before}` });
  // That exit code says that nothing was tried.
  if (error.exitCode === ExitCode.usage) return error.with({ message: `${error.message} ${before}`, exitCode: ExitCode.failed });
  if (error.usersAre !== UNCHANGED && error.usersAre !== UNTOUCHED) return error;
  return error.with({ usersAre: done.some((step) => step.do === 'create-rule') ? WITH_NEW_RULES : UNTOUCHED });
}

const WITH_NEW_RULES = 'where they were before; listener rules were made, and none was changed.';

const ONCE: ReadonlySet<InfraStep['do']> = new Set(['make-linked-roles', 'update-stack', 'create-rule', 'protect-stack', 'unprotect-stack', 'delete-change-set']);

/** Times that others may come between before it is told. */
const LONGEST_RACE = 5;

function outrun(step: InfraStep): CanaryError {
  return new CanaryError({
    code: 'overtaken',
    message: `Each time this run was about to ${describeStep(step)}, somebody else changed it.`,
    usersAre: UNTOUCHED,
    next: 'ecs-canary build-infra',
  });
}

function refuse(updates: readonly StackUpdate[]): never {
  const stacks = updates.map(({ stack }) => stack).join(' and ');
  const exchanges = updates.flatMap(({ exchange }) => exchange ?? []);
  throw usageError([`The update of ${stacks} would replace${exchanges.length === 0 ? ' or' : ', exchange or'} remove something.`, ...exchanges].join(' '), 'ecs-canary build-infra --yes');
}

/** Who says no must find everything as it was: later updates are asked about before the first step, as far as they are known. */
async function askAhead(steps: readonly InfraStep[], session: InfraSession, wait: Wait, consent: Consent): Promise<void> {
  const known = steps.flatMap((step) => (step.do === 'update-stack' && isForeseeable(step.request) ? [step] : []));
  // What stands first anyway asks by itself.
  if (known.length === 0 || (known.length === 1 && steps[0]?.do === 'update-stack')) return;
  const updates: StackUpdate[] = [];
  for (const { request, stack } of known) {
    session.progress({ type: 'waiting', text: `Ask CloudFormation what would change in stack ${request.name}` });
    try {
      updates.push({ stack: request.name, changes: (await lookAt({ request, type: 'UPDATE' }, session, wait)) ?? [], exchange: exchangeOf(stack, request) });
    } catch (error) {
      // Somebody else is at work on that stack: it is asked about when its turn comes.
      if (!isOvertaken(error)) throw error;
    }
  }
  await consent(updates);
}

/** Before anything is made with it. */
function tellSharing({ base, certificate }: InfraState, { settings, selfSigned = false, progress }: InfraSession): void {
  const text = sharingOf(settings, base, certificateOf(settings, base, certificate, selfSigned));
  if (text !== undefined) progress({ type: 'warning', text });
}

function unlessOvertaken(error: unknown): undefined {
  if (!isOvertaken(error)) throw error;
}

function tellStep(step: InfraStep, { progress }: InfraSession): void {
  const text = describeStep(step);
  progress({ type: 'waiting', text: text.charAt(0).toUpperCase() + text.slice(1) });
}

type Outcome = 'changed' | 'unchanged' | 'overtaken';

async function apply(step: Exclude<InfraStep, { do: 'import-certificate' }>, session: InfraSession, wait: Wait, consent: Consent): Promise<Outcome> {
  const { stacks } = session.aws;
  // Whoever was interrupted begins nothing more.
  wait.signal.throwIfAborted();
  tellStep(step, session);
  const follow = async (operation: Operation) => {
    // Its time begins now: a question before it may have waited long for its answer.
    const failure = await failureOf(operation, session, session.wait());
    if (!failure) return;
    const { status, message } = failure;
    throw new CanaryError({ code: 'stack-failed', message, usersAre: usersAfter(status), next: nextFor(failure, session.settings, message) });
  };
  switch (step.do) {
    case 'make-linked-roles':
      return (await makeLinkedRoles(session, wait)) ? 'changed' : 'unchanged';
    case 'create-stack': {
      const operation = newOperation();
      const stack = await stacks.create(step.request, operation).catch(unlessOvertaken);
      if (stack === undefined) return 'overtaken';
      await follow({ stack, operation, verb: 'made' });
      return 'changed';
    }
    case 'update-stack': {
      const { request } = step;
      const outcome = await updateStack(request, session, wait, {
        exchange: exchangeOf(step.stack, request), consent, follow: (operation) => follow({ stack: request.name, operation, verb: 'updated' }),
      });
      return outcome === 'updated' ? 'changed' : outcome;
    }
    case 'delete-failed-stack': {
      const { id, status, isProtected } = step.stack;
      const operation = newOperation();
      // It may go without an event of it.
      if (status === 'REVIEW_IN_PROGRESS') {
        await discardReviewed(id, session, wait);
        return 'changed';
      }
      if (isProtected) await stacks.unprotect(id);
      await stacks.delete(id, operation);
      await follow({ stack: id, operation, verb: 'deleted' });
      return 'changed';
    }
    case 'delete-change-set':
      await discardChangeSet(step, session, wait);
      return 'unchanged';
    case 'protect-stack':
      await stacks.protect(step.id);
      return 'changed';
    case 'unprotect-stack':
      await stacks.unprotect(step.id);
      return 'changed';
    case 'wait-stack':
      await awaitStack(step.stack, session, wait);
      return 'unchanged';
    case 'create-rule':
      return makeRule(step.rule, session);
  }
}
