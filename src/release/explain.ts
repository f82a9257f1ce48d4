/** Completes an error with what only AWS knows right then: which version has how much of the traffic. */
import { unexpected } from '../aws/connect.ts';
import { CanaryError, ExitCode } from '../errors.ts';
import type { LogWriter } from './log.ts';
import { type Pair, weightOf } from './model.ts';
import { observeHard, observeTraffic } from './observe.ts';
import type { Release, Session } from './operations.ts';
import { DRIFT, orAccept, routeBack } from './refusals.ts';
import { rolesOf } from './roles.ts';
import { whereUsersAre, whereUsersOfPairAre } from './whereabouts.ts';

/** What is known of the users when an operation failed. */
interface Whereabouts {
  readonly usersAre: string;
  /** Percent that a canary has; undefined where that is not known. */
  readonly canary: number | undefined;
  /** The command that takes them back, where there is a way back. */
  readonly back: string | undefined;
  /** The command that shows more. */
  readonly more: string | undefined;
}

/**
 * The error of an operation on a service, with the state of users.
 * @param moves whether the operation was to move weights.
 */
export async function explained(thrown: unknown, release: Release, { moves }: { moves: boolean }): Promise<unknown> {
  const look = async () => {
    const state = await observeHard(release.aws, release.place);
    const roles = rolesOf(state);
    return {
      usersAre: whereUsersAre(state),
      canary: roles.phase === 'primary+canary' ? weightOf(state, roles.canary.targetGroup) : 0,
      back: roles.phase === 'nothing' || roles.phase === 'primary' ? undefined : 'ecs-canary rollback',
      more: 'ecs-canary status',
    };
  };
  return complete(thrown, release, moves, () => look().catch((error: unknown) => remembered(release.log) ?? Promise.reject(error)));
}

/** What a run knows of its own last change where AWS does not answer any more, such as for want of fresh credentials. */
function remembered(log: LogWriter | undefined): Whereabouts | undefined {
  const { other, percent, reached } = log?.own() ?? {};
  if (other?.role !== 'canary' || !reached || percent === undefined) return undefined;
  const version = other.version ?? 'the canary';
  return {
    usersAre: `on ${version} with ${percent}% of the traffic, and on the version before with the rest, when AWS last answered.`,
    canary: percent,
    back: 'ecs-canary rollback',
    more: 'ecs-canary status',
  };
}

/** The same for two target groups given by ARN. */
export async function explainedTraffic(thrown: unknown, session: Session, pair: Pair): Promise<unknown> {
  return complete(thrown, session, true, async () => {
    const traffic = await observeTraffic(session.aws, pair);
    return {
      usersAre: whereUsersOfPairAre(traffic, pair),
      canary: weightOf(traffic, pair.canary),
      back: routeBack(pair),
      more: undefined,
    };
  });
}

/** Errors that know better what state users are in than a look at the weights. */
const KNOW_BETTER: readonly ExitCode[] = [ExitCode.stuck, ExitCode.rolledBack, ExitCode.paused];

const UNKNOWN: Whereabouts = {
  usersAre: 'where AWS would have to say, and it could not be asked.',
  canary: undefined,
  back: undefined,
  more: undefined,
};

/** Credentials that are gone in the middle of an operation are no wrong usage: something was tried. */
function midway(error: unknown): unknown {
  return error instanceof CanaryError && error.code === 'no-credentials' ? error.with({ exitCode: ExitCode.failed }) : error;
}

/** One that would only say "failed" or "timed out" becomes "paused" (exit 4) while a canary has weight, or may have. */
async function complete(thrown: unknown, { author }: Session, moves: boolean, look: () => Promise<Whereabouts>): Promise<unknown> {
  const error = midway(unexpected(thrown));
  if (!(error instanceof CanaryError) || error.exitCode === ExitCode.usage) return error;
  const found = await look().catch(() => UNKNOWN);
  const usersAre = KNOW_BETTER.includes(error.exitCode) && error.usersAre ? error.usersAre : found.usersAre;
  const again = `ecs-canary ${author.command}`;
  if (error.exitCode === ExitCode.interrupted) {
    const back = found.back && found.back !== again ? `\n      ${found.back}   (goes back)` : '';
    return error.with({ usersAre, next: `${again}   (goes on)${back}` });
  }
  if (error.exitCode === ExitCode.stuck) {
    const back = found.back ?? 'ecs-canary rollback';
    return error.with({ usersAre, next: error.next ?? `${back}; if that fails too, change the rules listed in the AWS console` });
  }
  if (error.code === DRIFT) {
    const exitCode = found.canary === undefined || found.canary > 0 ? ExitCode.paused : error.exitCode;
    return error.with({ usersAre, exitCode, next: error.next ?? orAccept(found.back ?? 'ecs-canary rollback') });
  }
  const mayHaveWeight = found.canary === undefined ? moves : found.canary > 0;
  if (mayHaveWeight && (error.exitCode === ExitCode.failed || error.exitCode === ExitCode.timeout)) {
    return error.with({ usersAre, exitCode: ExitCode.paused, next: error.next ?? [...new Set([found.back ?? 'ecs-canary rollback', again])].join(', or ') });
  }
  return error.with({ usersAre, next: error.next ?? found.more });
}
