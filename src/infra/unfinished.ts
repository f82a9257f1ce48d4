/** What somebody has to know when a run over stacks stops before its end. */
import { unexpected } from '../aws/connect.ts';
import { CanaryError, ExitCode } from '../errors.ts';

/**
 * The error to throw for one that stopped the command, completed with the state that it leaves and the command to type next,
 * where it does not know better itself. CloudFormation brings to its end what it has begun, whoever waits for it.
 * @param command the one to type again.
 */
export function unfinished(thrown: unknown, command: 'build-infra' | 'destroy-infra', usersAre: string): unknown {
  const error = unexpected(thrown);
  if (!(error instanceof CanaryError) || error.exitCode === ExitCode.usage || error.code === 'declined') return error;
  const state = { usersAre: error.usersAre ?? usersAre, next: error.next ?? `ecs-canary ${command}   (carries on)` };
  const message = error.exitCode === ExitCode.interrupted ? 'Interrupted. CloudFormation goes on with what it has begun.' : error.message;
  return error.with({ ...state, message });
}
