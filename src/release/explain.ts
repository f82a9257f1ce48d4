/** Completes an error with what only AWS knows right then: which version has how much of the traffic. */
import { CanaryError, ExitCode } from '../errors.ts';
import { unexpected } from '../aws/connect.ts';
import { type State, weightOf } from './model.ts';
import { observe } from './observe.ts';
import type { Release } from './operations.ts';
import { rolesOf } from './roles.ts';

/** Errors that know better what state users are in than a look at the weights. */
const KNOW_BETTER: readonly ExitCode[] = [ExitCode.stuck, ExitCode.rolledBack];

/**
 * The error, with the state of users. One that would only say "failed" or "timed out" becomes "paused" (exit 4) while a
 * canary has weight.
 */
export async function explained(thrown: unknown, release: Release): Promise<unknown> {
  const error = unexpected(thrown);
  if (!(error instanceof CanaryError) || error.exitCode === ExitCode.usage) return error;
  const state = await observe(release.aws, release.place).catch(() => undefined);
  if (!state) return error;
  const usersAre = KNOW_BETTER.includes(error.exitCode) && error.usersAre ? error.usersAre : whereUsersAre(state);
  const again = `ecs-canary ${release.author.command}`;
  if (error.exitCode === ExitCode.interrupted) {
    return error.with({ usersAre, next: `${again}   (goes on)\n      ecs-canary rollback   (goes back)` });
  }
  if (canaryHasWeight(state) && (error.exitCode === ExitCode.failed || error.exitCode === ExitCode.timeout)) {
    return error.with({ usersAre, exitCode: ExitCode.paused, next: error.next ?? `ecs-canary rollback, or ${again}` });
  }
  return error.with({ usersAre });
}

/** One sentence: which version has how much of the traffic. */
export function whereUsersAre(state: State): string {
  const roles = rolesOf(state);
  if (roles.phase === 'nothing') return 'not served: nothing runs.';
  const others = 'canary' in roles ? [roles.canary] : 'old' in roles ? [roles.old] : [];
  const shares = [roles.primary, ...others]
    .map((colour) => ({ tag: colour.version?.tag ?? colour.colour, percent: Math.round(weightOf(state, colour.targetGroup)) }))
    .filter(({ percent }, index) => percent > 0 || index === 0);
  return `on ${shares.map(({ tag, percent }) => `${tag} with ${percent}% of the traffic`).join(' and on ')}.`;
}

function canaryHasWeight(state: State): boolean {
  const roles = rolesOf(state);
  return roles.phase === 'primary+canary' && weightOf(state, roles.canary.targetGroup) > 0;
}
