/** Names what is not in the settings any more and stays: it still costs, and may still serve users. */
import { holdsExactly } from '../release/observe.ts';
import { type InfraState, pairOf } from './observe-infra.ts';
import { type InfraSession, SERVICE_TAG } from './session.ts';

export function tellLeftOver({ leftOver, rules, secretsInUse = new Map() }: InfraState, { progress }: Pick<InfraSession, 'progress'>): void {
  for (const stack of leftOver) {
    const pair = pairOf({ targetGroups: undefined }, stack);
    const arns = pair ? rules.filter((rule) => holdsExactly(rule, pair)).map(({ arn }) => arn) : [];
    const serving = arns.length === 0 ? '' : ` Its users still come by ${arns.join(' and ')}.`;
    const text = `Service ${stack.tags[SERVICE_TAG]} is not in SERVICES any more, and nothing of it is removed: stack ${stack.name}, its ECS services and rules.${serving}`;
    progress({ type: 'warning', text });
  }
  for (const [service, arns] of secretsInUse) {
    if (arns.length === 0) continue;
    const text = `SECRETS of ${service} no longer has ${arns.join(' and ')}. A version in ECS reads it: it stays readable until a build-infra after destroy-old.`;
    progress({ type: 'warning', text });
  }
}
