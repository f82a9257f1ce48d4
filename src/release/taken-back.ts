/** A run that was to go forward takes the users back: the canary is to blame, or somebody interrupted it and wants that. */
import { briefly } from '../aws/throttling.ts';
import { CanaryError, ExitCode, isInterruption, messageOf } from '../errors.ts';
import { explained, explainedTraffic } from './explain.ts';
import { isLocked } from './log.ts';
import type { Pair } from './model.ts';
import { observe, observeHard, observeTraffic } from './observe.ts';
import {
  type Prepared,
  type Release,
  type RouteGroupsOptions,
  type RouteResult,
  type Session,
  prepareRollback,
  prepareRouteGroups,
} from './operations.ts';
import { routeBack } from './refusals.ts';
import { rolesOf } from './roles.ts';
import { STICKY } from './stickiness.ts';
import { whereUsersAre, whereUsersOfPairAre } from './whereabouts.ts';

/** What a run does when it is interrupted: it stops where it is, or takes the users back first. */
export type OnInterrupt = 'stop' | 'rollback';

/** ms that a call is repeated for while AWS throttles it: the next one may do without its answer. Weights are tried for longer. */
const PATIENCE = 3_000;

interface WayBack {
  readonly prepare: () => Promise<Prepared<RouteResult>>;
  /** Where the users are once they are back. */
  readonly look: () => Promise<string>;
  /** Completes the message, once nobody depends on it. */
  readonly report: (message: string) => Promise<string>;
  /** The error of a run that left the users where it found them. */
  readonly explain: (error: unknown) => Promise<unknown>;
  /** Commands: to type when the way back failed, and to see more. */
  readonly again: string;
  readonly more: string | undefined;
}

/**
 * Takes the users of a service back to the version that had production.
 * @param error what ended the run.
 * @param report completes its message, once nobody depends on it.
 * @returns the error to throw: `error` with exit 3 once they are back; with 1, or 130 for an interruption, where the canary
 *   had no traffic; 4 for clients that a cookie holds; 5 when the way back failed.
 */
export async function takenBack(release: Release, error: CanaryError, report = asItIs): Promise<unknown> {
  const going = interrupted(error) ? hurried(release) : unstoppable(release);
  return briefly(PATIENCE, async () => {
    if (interrupted(error) && !(await isTrying(going))) return explained(error, going, { moves: false });
    return wentBack(going, error, {
      prepare: () => prepareRollback(going, { force: false, breakStickiness: false }),
      look: async () => whereUsersAre(await observe(going.aws, going.place)),
      report,
      explain: (thrown) => explained(thrown, going, { moves: true }),
      again: 'ecs-canary rollback --force',
      more: 'ecs-canary status',
    });
  });
}

/** Whether there is a canary: the version that an earlier promotion replaced is not what an interrupted run goes back to. */
async function isTrying({ aws, place }: Release): Promise<boolean> {
  return observeHard(aws, place).then((state) => rolesOf(state).phase === 'primary+canary', () => false);
}

/** The operation on a service, which takes the users back when it is interrupted. */
export function orTakenBack<Result>(prepared: Prepared<Result>, release: Release): Prepared<Result> {
  return onInterruption(prepared, (error) => takenBack(release, error));
}

/** The same for two target groups given by ARN. */
export function orTakenBackGroups<Result>(
  prepared: Prepared<Result>,
  session: Session,
  pair: Pair,
  options: RouteGroupsOptions,
): Prepared<Result> {
  const going = unstoppable(session);
  return onInterruption(prepared, (error) =>
    briefly(PATIENCE, () =>
      wentBack(going, error, {
        prepare: () => prepareRouteGroups(going, pair, { ...options, percent: 0, settle: 0 }),
        look: async () => whereUsersOfPairAre(await observeTraffic(going.aws, pair), pair),
        report: asItIs,
        explain: (thrown) => explainedTraffic(thrown, going, pair),
        again: `${routeBack(pair)} --force`,
        more: undefined,
      }),
    ),
  );
}

/** Also where what was half done had to be undone first. */
export function interrupted(error: unknown): error is CanaryError {
  return isInterruption(error) || (error instanceof CanaryError && isInterruption(error.cause));
}

function onInterruption<Result>(prepared: Prepared<Result>, back: (error: CanaryError) => Promise<unknown>): Prepared<Result> {
  return {
    plan: prepared.plan,
    async run() {
      try {
        return await prepared.run();
      } catch (error) {
        throw interrupted(error) ? await back(error) : error;
      }
    },
  };
}

async function wentBack(session: Session, error: CanaryError, { prepare, look, report, explain, again, more }: WayBack): Promise<unknown> {
  const [headline = ''] = error.message.split('\n', 1);
  session.progress({ type: 'warning', text: `${headline} Going back.` });
  try {
    const { modified } = await (await prepare()).run();
    if (modified.length === 0 && interrupted(error)) return await explain(error);
    const usersAre = await look().catch(() => 'back on the version that had production.');
    const message = await report(error.message).catch(() => error.message);
    return error.with({ message, exitCode: modified.length > 0 ? ExitCode.rolledBack : ExitCode.failed, usersAre, next: more });
  } catch (failure) {
    if (!(failure instanceof CanaryError)) return explain(failedToo(error, failure, again));
    // Whoever took the pair goes back as well, or knows better.
    if (isLocked(failure)) return explain(failure.with({ message: `${error.message}\n${failure.message}` }));
    if (failure.code === STICKY) return failure.with({ message: `${error.message}\n${failure.message}` });
    return explain(NOTHING_TO_TAKE_BACK.includes(failure.code) ? error : failedToo(error, failure, again));
  }
}

async function asItIs(message: string): Promise<string> {
  return message;
}

/** Codes of a rollback's refusals where no canary runs. */
const NOTHING_TO_TAKE_BACK = ['no-way-back', 'nothing-runs'];

function failedToo(error: CanaryError, failure: unknown, next: string): CanaryError {
  return new CanaryError({
    code: 'stuck',
    message: `${error.message}\nThe way back failed as well: ${messageOf(failure)}`,
    exitCode: ExitCode.stuck,
    next,
    cause: failure,
  });
}

/** Nothing but a second signal ends a way back: the first one may be what it began with. */
function unstoppable<Any extends Session>(session: Any): Any {
  return { ...session, wait: () => ({ ...session.wait(), signal: new AbortController().signal }) };
}

/** CI systems end a job some seconds after they asked it to end: there is no time to watch the weights settle. */
function hurried(release: Release): Release {
  return unstoppable({ ...release, settings: { ...release.settings, settle: 0 } });
}
