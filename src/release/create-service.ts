/** Creates a colour's ECS service, also as the first one of an account. */
import { type Containers, type EcsService, isRoleTooNew, type NewService } from '../aws/ecs.ts';
import type { Wait } from '../time.ts';
import type { LogWriter } from './log.ts';

/** ms that ECS gets until it can use the role that the account's first cluster had made for it. */
const NEW_ROLE = 60_000;

interface Creating {
  readonly aws: { readonly containers: Pick<Containers, 'createService'> };
  readonly log: Pick<LogWriter, 'ensureNewest'>;
  readonly wait: Wait;
}

/** @throws CanaryError `locked` when another run has the pair; whatever AWS answers. */
export async function createService(service: NewService, { aws, log, wait }: Creating): Promise<EcsService> {
  const { clock, pollInterval, signal } = wait;
  const deadline = Math.min(wait.deadline, clock.now() + NEW_ROLE);
  for (;;) {
    try {
      return await aws.containers.createService(service);
    } catch (error) {
      if (!isRoleTooNew(error) || clock.now() >= deadline) throw error;
    }
    await clock.sleep(pollInterval, signal);
    await log.ensureNewest();
  }
}
