/** Versions that are ordered to fail, for tests: the orders, and what is left of them. */
import type { Service } from '@aws-sdk/client-ecs';
import type { VersionFault, VersionOrder } from '../../src/sandbox/faults/version-order.ts';
import { CLUSTER, type EcsLab } from './ecs-lab.ts';

/** Lets a version fail, from now on. */
export const order = ({ sandbox }: EcsLab, image: string, fault: VersionFault, when: Omit<VersionOrder, 'image' | 'fault'> = {}) =>
  sandbox.faults.order({ image, fault, ...when });

/** How often each order hit. */
export const hits = ({ sandbox }: EcsLab) => sandbox.faults.list().map((fault) => fault.hits);

export const isCompleted = ({ deployments = [] }: Service) => deployments.length === 1 && deployments[0]?.rolloutState === 'COMPLETED';

/** Ends all orders and services. */
export async function clear({ sandbox, ecs }: EcsLab): Promise<void> {
  sandbox.faults.clear();
  const { serviceArns = [] } = await ecs.listServices({ cluster: CLUSTER });
  for (const service of serviceArns) await ecs.deleteService({ cluster: CLUSTER, service, force: true });
}
