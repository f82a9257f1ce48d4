/** What really flowed between two target groups, as far as the load balancer's metrics tell. */
import type { Aws } from '../aws/aws.ts';
import { messageOf } from '../errors.ts';
import type { Pair } from './model.ts';

/** Requests that each group of the pair got, by whatever rule. */
export interface Flow {
  readonly primary: number;
  readonly canary: number;
}

/** Why it is not known. */
export interface NoFlow {
  readonly unknown: string;
}

/** Of fewer requests a percentage says little: they are only counted. */
const ENOUGH_FOR_A_SHARE = 100;

/**
 * Looks at the whole minutes that began after `since` and are reported already. Metrics come 1 to 3 minutes late, so shortly
 * after a change there are none.
 * Never throws: metrics are no reason to end a release.
 * @param since wall-clock time at which the weights had been read back.
 */
export async function observeFlow(aws: Aws, pair: Pair, loadBalancerArn: string, since: Date): Promise<Flow | NoFlow> {
  try {
    const counts = await aws.metrics.requestCounts(loadBalancerArn, [pair.primary, pair.canary], since, new Date());
    if (counts.size === 0) return { unknown: 'No metrics for the minutes since yet' };
    return { primary: counts.get(pair.primary) ?? 0, canary: counts.get(pair.canary) ?? 0 };
  } catch (error) {
    return { unknown: `The metrics could not be read (${messageOf(error).replace(/\.$/, '')})` };
  }
}

/** The sentence for the user. @param newGroup the group of the pair that the new version runs in. */
export function describeFlow(flow: Flow | NoFlow, newGroup: keyof Flow): string {
  if ('unknown' in flow) return `${flow.unknown}: what share really flows is not known.`;
  const total = flow.primary + flow.canary;
  const requests = total === 1 ? '1 request' : `${total} requests`;
  const toNew = flow[newGroup];
  if (total < ENOUGH_FOR_A_SHARE) return `Seen since: ${requests}, ${toNew} of them to the new service: too few to tell the share.`;
  return `Seen since: ${requests}, ${((100 * toNew) / total).toFixed(1)}% of them (${toNew}) to the new service.`;
}
