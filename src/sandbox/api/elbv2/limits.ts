/** Quotas of the account, as AWS has them by default. */
import type { DescribeAccountLimitsInput, DescribeAccountLimitsOutput } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Operations } from '../service.ts';
import { page } from './paging.ts';

export const LIMITS = {
  'application-load-balancers': 50,
  'listeners-per-application-load-balancer': 50,
  'rules-per-application-load-balancer': 100,
  'targets-per-application-load-balancer': 1_000,
  'target-groups': 3_000,
  'target-groups-per-application-load-balancer': 100,
  'target-groups-per-action-on-application-load-balancer': 5,
  'condition-values-per-alb-rule': 5,
  'condition-wildcards-per-alb-rule': 5,
} as const;

export const limitOperations = {
  DescribeAccountLimits(input: DescribeAccountLimitsInput): DescribeAccountLimitsOutput {
    const limits = Object.entries(LIMITS).map(([Name, max]) => ({ Name, Max: String(max) }));
    const { items, ...rest } = page(limits, input);
    return { Limits: items, ...rest };
  },
} satisfies Operations;
