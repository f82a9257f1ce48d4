/** Follows an operation on a stack to its end, tells of each resource, and says what went wrong. */
import type { StackEvent } from '../aws/cloudformation.ts';
import { isRoleTooNew } from '../aws/ecs.ts';
import { CanaryError } from '../errors.ts';
import { poll, type Wait } from '../time.ts';
import type { InfraSession } from './session.ts';

export interface Operation {
  /** Name or, for a stack that is being deleted, id. */
  readonly stack: string;
  /** The name that we gave the operation. */
  readonly operation: string;
  /** Completes "Stack echo could not be …". */
  readonly verb: 'made' | 'updated' | 'deleted';
}

/** A stack as an operation has left it. */
export interface Failure {
  readonly name: string;
  readonly status: string;
  /** The first real cause, in a sentence. */
  readonly message: string;
}

/**
 * What went wrong with our own operation, once it has ended; undefined where it did what it was to do.
 * @throws CanaryError `timeout` (exit 124), after which AWS goes on by itself.
 */
export async function failureOf({ stack, operation, verb }: Operation, session: FollowSession, wait: Wait): Promise<Failure | undefined> {
  const { status, events } = await untilSettled({ stack, operation, mayBeGone: verb === 'deleted' }, session, wait);
  if (SUCCESS.has(status)) return undefined;
  const name = nameOf(stack);
  return { name, status, message: `Stack ${name} could not be ${verb}${causeOf(events)} It is ${status} now.` };
}

export interface Followed extends Operation {
  /** What state users are in when it failed. */
  readonly usersAre: string;
  /** The command to type when it failed. */
  readonly next: string;
}

/**
 * Resolves when our own operation did what it was to do.
 * @throws CanaryError `stack-failed` with the first real cause; `timeout` as `failureOf`.
 */
export async function followStack({ usersAre, next, ...operation }: Followed, session: FollowSession, wait: Wait): Promise<void> {
  const failure = await failureOf(operation, session, wait);
  if (failure) throw new CanaryError({ code: 'stack-failed', message: failure.message, usersAre, next });
}

/**
 * Resolves when somebody else's operation has ended, whichever way.
 * @throws CanaryError `timeout` (exit 124).
 */
export async function awaitStack(stack: string, session: FollowSession, wait: Wait): Promise<void> {
  await untilSettled({ stack, operation: undefined, mayBeGone: true }, session, wait);
}

type FollowSession = Pick<InfraSession, 'aws' | 'progress'>;

interface Settled {
  readonly status: string;
  /** Of the operation, oldest first. */
  readonly events: readonly StackEvent[];
}

interface Awaited {
  readonly stack: string;
  /** Not given: any operation. */
  readonly operation: string | undefined;
  /** Whether it has settled once it is not found; else it is not read back yet. */
  readonly mayBeGone: boolean;
}

function untilSettled({ stack, operation, mayBeGone }: Awaited, { aws, progress }: FollowSession, wait: Wait): Promise<Settled> {
  const told = new Set<string>();
  return poll(`stack ${nameOf(stack)}`, wait, async () => {
    const found = await aws.stacks.describe(stack);
    if (!found) return mayBeGone ? { status: 'DELETE_COMPLETE', events: [] } : undefined;
    const events = await aws.stacks.lastEvents(found.id);
    // Gone is gone, whoever did it.
    if (mayBeGone && found.status === 'DELETE_COMPLETE') return { status: found.status, events };
    // What was just asked for may not be read back yet.
    if (operation !== undefined && events[0]?.operation !== operation) return undefined;
    // The stack is made once more then, and nobody has to know that it took two.
    const isInVain = events.some(({ reason }) => isRoleTooNew(reason));
    for (const event of events.filter(({ id }) => !told.has(id))) {
      told.add(event.id);
      if (isInVain) continue;
      const { resource, kind, status, reason } = event;
      progress({ type: 'resource', stack: found.name, resource, kind, status, reason });
    }
    const status = (operation === undefined ? undefined : lastOwnStatus(events, found.name)) ?? found.status;
    return status.endsWith('_IN_PROGRESS') ? undefined : { status, events };
  });
}

/** The stack's status by the operation's own events: another read may be older than they are. */
function lastOwnStatus(events: readonly StackEvent[], name: string): string | undefined {
  return events.findLast(({ resource, kind }) => resource === name && kind === STACK)?.status;
}

const SUCCESS: ReadonlySet<string> = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'DELETE_COMPLETE']);

/**
 * What failed by itself, in the order of the events: what failed since the stack goes back is a consequence, and so is what was
 * given up because of another one. Where no resource failed the stack's own reason is all there is.
 */
export function causeOf(events: readonly StackEvent[]): string {
  const goingBack = events.findIndex(({ kind, status }) => kind === STACK && GOING_BACK.has(status));
  const before = goingBack < 0 ? events : events.slice(0, goingBack);
  const failures = (before.some(isRealFailure) ? before : events).filter(isRealFailure);
  const [cause, ...others] = failures.filter(({ kind }) => kind !== STACK);
  if (cause) {
    const also = [...new Set(others.map(({ resource }) => resource))].filter((resource) => resource !== cause.resource);
    return `: ${cause.resource} (${cause.kind}): ${plain(cause.reason ?? 'no reason given')}${also.length > 0 ? ` Failed as well: ${also.join(', ')}.` : ''}`;
  }
  const own = failures[0] ?? events[goingBack];
  return own?.reason ? `: ${plain(own.reason)}` : '.';
}

const STACK = 'AWS::CloudFormation::Stack';
const GOING_BACK: ReadonlySet<string> = new Set(['ROLLBACK_IN_PROGRESS', 'UPDATE_ROLLBACK_IN_PROGRESS']);

function isRealFailure({ status, reason = '' }: StackEvent): boolean {
  return status.endsWith('_FAILED') && !/^(Resource|Stack) \w+ cancelled/i.test(reason);
}

/** What the service said, without the envelope that CloudFormation puts around it. */
function plain(reason: string): string {
  const said = /^Resource handler returned message: "(.+?)(?: \(Service: .*)?" \(RequestToken: /s.exec(reason)?.[1];
  return (said ?? reason).trim().replace(/\.?$/, '.');
}

function nameOf(stack: string): string {
  return stack.startsWith('arn:') ? (stack.split('/')[1] ?? stack) : stack;
}
