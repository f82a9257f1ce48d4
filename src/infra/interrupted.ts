/** What somebody who interrupts a run over stacks has to know. */
import { isInterruption } from '../errors.ts';

/**
 * The error to throw for one that ended the command: an interruption is told with the state it leaves. CloudFormation brings to its
 * end what it has begun, whoever waits for it.
 * @param command the one to type again.
 */
export function resumable(error: unknown, command: 'build-infra' | 'destroy-infra', usersAre: string): unknown {
  if (!isInterruption(error)) return error;
  return error.with({
    message: 'Interrupted. CloudFormation goes on with what it has begun.',
    usersAre,
    next: `ecs-canary ${command}   (carries on)`,
  });
}
