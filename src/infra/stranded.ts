/** Tasks that would be left in private subnets without a way out, once NAT gateways or endpoints are removed. */
import type { Stack } from '../aws/cloudformation.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import type { InfraSession } from './session.ts';

/** Names of the ECS services that have them; asks only where a way out is there and is to go. */
export async function observeStranded({ aws, settings }: Pick<InfraSession, 'aws' | 'settings'>, base: Stack | undefined): Promise<string[]> {
  const { PrivateSubnetIds, ClusterName = settings.project } = base?.outputs ?? {};
  if (PrivateSubnetIds === undefined || settings.nat !== 'none') return [];
  const subnets = PrivateSubnetIds.split(',');
  const services = await aws.containers.describeServices(ClusterName, await aws.containers.listServices(ClusterName));
  return services.filter(({ desired, subnets: own }) => desired > 0 && own.some((subnet) => subnets.includes(subnet))).map(({ name }) => name);
}

/** @throws CanaryError `tasks-stranded`: they serve their users, but none of them could be replaced. */
export function refuseStranding(services: readonly string[]): void {
  if (services.length === 0) return;
  throw new CanaryError({
    code: 'tasks-stranded',
    message:
      `NAT is none, and tasks of ${services.join(', ')} are in the private subnets: without a way out they reach neither the internet ` +
      'nor AWS, and none of them could be replaced.',
    usersAre: UNCHANGED,
    next: 'release a version (it goes to the public subnets), ecs-canary destroy-old, then: ecs-canary build-infra',
  });
}
