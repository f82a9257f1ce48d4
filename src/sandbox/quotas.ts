/** Quotas of the account that the sandbox enforces: those of Elastic Load Balancing, as AWS has them unless told otherwise. */

const USUAL = {
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

/** As DescribeAccountLimits names it. */
export type QuotaName = keyof typeof USUAL;
export type Quotas = Readonly<Partial<Record<QuotaName, number>>>;

/** All of them; `raised` are those that are not AWS's default. */
export function quotasOf(raised: Quotas = {}): Readonly<Record<QuotaName, number>> {
  return { ...USUAL, ...raised };
}

/** All names, in AWS's order. */
export function quotaNames(): string[] {
  return Object.keys(USUAL);
}

export function isQuotaName(name: string): name is QuotaName {
  return Object.hasOwn(USUAL, name);
}
