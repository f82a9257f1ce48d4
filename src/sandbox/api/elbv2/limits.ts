/** Quotas of the account. */
import type { DescribeAccountLimitsInput, DescribeAccountLimitsOutput } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Region } from '../../parts.ts';
import { type QuotaName, quotasOf } from '../../quotas.ts';
import type { Operations } from '../service.ts';
import { page } from './paging.ts';

export const limitOperations = {
  DescribeAccountLimits(input: DescribeAccountLimitsInput, region: Region): DescribeAccountLimitsOutput {
    const limits = Object.entries(quotasOf(region.config.quotas)).map(([Name, max]) => ({ Name, Max: String(max) }));
    const { items, ...rest } = page(region, limits, input);
    return { Limits: items, ...rest };
  },
} satisfies Operations;

/** How many of something there may be at most. */
export function limitOf({ config }: Region, name: QuotaName): number {
  return quotasOf(config.quotas)[name];
}
