/** Creates a colour's ECS service, also as the first one of an account. */
import { type Containers, type EcsService, isRoleTooNew, NEW_ROLE, type NewService } from '../aws/ecs.ts';
import { type Turn, writeInTurn } from './write-in-turn.ts';

interface Creating extends Turn {
  readonly aws: { readonly containers: Pick<Containers, 'createService'> };
}

/** @throws CanaryError `locked` when another run has the pair; whatever AWS answers. */
export async function createService(service: NewService, { aws, log, wait }: Creating): Promise<EcsService> {
  const { clock, pollInterval, signal } = wait;
  const deadline = Math.min(wait.deadline, clock.now() + NEW_ROLE);
  for (;;) {
    try {
      return await writeInTurn({ log, wait }, () => aws.containers.createService(service));
    } catch (error) {
      if (!isRoleTooNew(error) || clock.now() >= deadline) throw error;
    }
    await clock.sleep(pollInterval, signal);
  }
}
