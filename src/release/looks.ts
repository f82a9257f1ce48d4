/** Looking before a plan is made: the way back does without what cannot be read, and nothing goes forward on a stale read. */
import { insistently } from '../aws/insist.ts';
import { explained } from './explain.ts';
import type { State, Traffic } from './model.ts';
import { observe, observeHard } from './observe.ts';
import type { Release, Session } from './operations.ts';
import { drift } from './roles.ts';

/** A read may be older than the last write; AWS catches up within seconds. */
const LOOKS = 4;

/**
 * Looks until all is known, or for as often as makes sense.
 * @param emergency whether it is for the way back.
 */
export async function lookWell<T extends Traffic>(session: Session, look: () => Promise<T>, { emergency }: { emergency: boolean }): Promise<T> {
  return emergency ? lookHard(session, look) : lookPatiently(session, look);
}

/** What AWS denied, or did not tell, is asked once more. */
async function lookHard<T extends Traffic>(session: Session, look: () => Promise<T>): Promise<T> {
  const seen = await insistently(session.wait(), look);
  return unknowns(seen).length === 0 ? seen : insistently(session.wait(), look);
}

/** What seems to be changed by somebody else is looked at again, before it stops anybody. */
async function lookPatiently<T extends Traffic>(session: Session, look: () => Promise<T>): Promise<T> {
  const { clock, signal, pollInterval } = session.wait();
  for (let looks = 1; ; looks += 1) {
    const seen = await look();
    // What an interruption left unread is not to be judged.
    signal.throwIfAborted();
    if (looks === LOOKS || !drift(seen)) return seen;
    await clock.sleep(pollInterval, signal);
  }
}

/** What the way back has to do without. */
export function unknowns({ undiscovered, healthUnknown, tasksUnknown }: Traffic & Pick<State, 'tasksUnknown'>): string[] {
  const rules = undiscovered && `${undiscovered}; only those that the release log remembers are changed`;
  const tasks = tasksUnknown && `${tasksUnknown}; what runs is told by the targets`;
  return [rules, healthUnknown, tasks].flatMap((reason) => reason ?? []);
}

/**
 * The service as it is now, before a plan is made.
 * @throws CanaryError with where users are, as far as that can be told.
 */
export async function observeBefore(release: Release, { emergency }: { emergency: boolean }): Promise<State> {
  try {
    return await lookWell(release, () => (emergency ? observeHard : observe)(release.aws, release.place), { emergency });
  } catch (error) {
    throw await explained(error, release, { moves: emergency });
  }
}
