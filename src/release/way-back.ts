/** Looking before the way back: what cannot be read is asked for again, and then done without. */
import { insistently } from '../aws/insist.ts';
import { CanaryError } from '../errors.ts';
import { explained } from './explain.ts';
import type { State, Traffic } from './model.ts';
import { observe } from './observe.ts';
import type { Release, Session } from './operations.ts';
import { routeBack } from './refusals.ts';

/** Looks until all is known, or for as often as makes sense. */
export async function lookHard<T extends Traffic>(session: Session, look: () => Promise<T>): Promise<T> {
  const seen = await insistently(session.wait(), look);
  return unknowns(seen).length === 0 ? seen : insistently(session.wait(), look);
}

/** What the way back has to do without. */
export function unknowns({ undiscovered, healthUnknown }: Traffic): string[] {
  const rules = undiscovered && `${undiscovered}; only those that the release log remembers are changed`;
  return [rules, healthUnknown].flatMap((reason) => reason ?? []);
}

/**
 * The service as it is now, before a change of weights.
 * @throws CanaryError with where users are, as far as that can be told.
 */
export async function observeBefore(release: Release, { emergency }: { emergency: boolean }): Promise<State> {
  const look = () => observe(release.aws, release.place);
  try {
    return await (emergency ? lookHard(release, look) : look());
  } catch (error) {
    const explanation = await explained(error, release, { moves: emergency });
    throw emergency && explanation instanceof CanaryError ? explanation.with({ next: withoutEcs(release) }) : explanation;
  }
}

/** The way back that asks nothing but the load balancer. */
function withoutEcs({ place: { targetGroups } }: Release): string {
  const back = routeBack({ primary: targetGroups.blue, canary: targetGroups.green });
  return `the same command again, or ${back}   (asks the load balancer only; the groups the other way round where green had production)`;
}
