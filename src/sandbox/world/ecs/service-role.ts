/** ECS's service-linked role, which a fresh account does not have: its first cluster has it made, and then it takes a while to work. */
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';

/** How long a role that was just made is refused, in AWS ms. IAM says seconds; people have met with about these. */
const NEW_ROLE = 15_000;

/** Has the role made where there is none. */
export function makeServiceRole(region: Region): void {
  if (region.state.ecs.serviceRole !== 'missing') return;
  region.state.ecs.serviceRole = { usableFrom: new Date(region.clock.now().getTime() + region.clock.real(NEW_ROLE)) };
  region.changed();
}

/** Throws AwsError InvalidParameterException while ECS can't act with the role. */
export function requireServiceRole({ state, clock }: Region): void {
  const { serviceRole } = state.ecs;
  if (serviceRole === undefined || (serviceRole !== 'missing' && serviceRole.usableFrom <= clock.now())) return;
  throw new AwsError(
    'InvalidParameterException',
    'Unable to assume the service linked role. Please verify that the ECS service linked role exists.',
  );
}
