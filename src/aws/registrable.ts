/** What DescribeTaskDefinition adds to a task definition, and RegisterTaskDefinition does not take. */

const ANSWERED_ONLY = [
  'taskDefinitionArn',
  'revision',
  'status',
  'requiresAttributes',
  'compatibilities',
  'registeredAt',
  'registeredBy',
  'deregisteredAt',
  'deleteRequestedAt',
] as const;

/** The same task definition, ready to be registered. */
export function registrable<Answer extends object>(answer: Answer): Omit<Answer, (typeof ANSWERED_ONLY)[number]> {
  const copy: Answer & { [name in (typeof ANSWERED_ONLY)[number]]?: unknown } = { ...answer };
  for (const name of ANSWERED_ONLY) delete copy[name];
  return copy;
}
