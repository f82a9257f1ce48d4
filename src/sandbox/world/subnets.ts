/** Subnets, as far as they are known: those that stacks have made. */
import type { Region } from '../parts.ts';

/** The VPC of a subnet; undefined for one that no stack has made. */
export function vpcOf({ state }: Region, subnetId: string | undefined): string | undefined {
  if (subnetId === undefined) return undefined;
  const resources = Object.values(state.cloudformation.stacks).flatMap((stack) => Object.values(stack.resources));
  const vpcId = resources.find(({ attributes }) => attributes['SubnetId'] === subnetId)?.attributes['VpcId'];
  return typeof vpcId === 'string' ? vpcId : undefined;
}
