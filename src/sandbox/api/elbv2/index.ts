/** Elastic Load Balancing (ELBv2), as far as application load balancers go. */
import type { Operations } from '../service.ts';
import { certificateOperations } from './certificates.ts';
import { limitOperations } from './limits.ts';
import { listenerOperations } from './listeners.ts';
import { loadBalancerOperations } from './load-balancers.ts';
import { ruleOperations } from './rules.ts';
import { tagOperations } from './tags.ts';
import { targetGroupOperations } from './target-groups.ts';
import { targetOperations } from './targets.ts';

export const operations = {
  ...loadBalancerOperations,
  ...listenerOperations,
  ...certificateOperations,
  ...ruleOperations,
  ...targetGroupOperations,
  ...targetOperations,
  ...tagOperations,
  ...limitOperations,
} satisfies Operations;
