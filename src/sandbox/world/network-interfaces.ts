/** Network interfaces of tasks and load balancers: what a subnet or a security group is in use by. */
import type { Region } from '../parts.ts';
import { serviceOf } from './ecs/queries.ts';

export interface NetworkInterface {
  readonly subnetId: string;
  readonly securityGroups: readonly string[];
  /** Whether it has an address in the internet. */
  readonly isPublic: boolean;
}

/** A task's is there from the time it is attached until ECS has deprovisioned it, some seconds after the containers have stopped. */
export function networkInterfaces(region: Region): NetworkInterface[] {
  return [...ofTasks(region), ...ofLoadBalancers(region)];
}

function ofTasks(region: Region): NetworkInterface[] {
  return Object.values(region.state.ecs.tasks).flatMap((record) => {
    const { securityGroups = [], assignPublicIp } = serviceOf(region, record)?.service.networkConfiguration?.awsvpcConfiguration ?? {};
    const attached = record.task.attachments.filter(({ status }) => status === 'ATTACHED');
    return attached.flatMap(({ details = [] }) => {
      const subnetId = details.find(({ name }) => name === 'subnetId')?.value;
      return subnetId === undefined ? [] : [{ subnetId, securityGroups, isPublic: assignPublicIp === 'ENABLED' }];
    });
  });
}

function ofLoadBalancers({ state }: Region): NetworkInterface[] {
  return Object.values(state.elbv2.loadBalancers).flatMap(({ description }) =>
    description.AvailabilityZones.flatMap(({ SubnetId: subnetId }) =>
      subnetId === undefined
        ? []
        : [{ subnetId, securityGroups: description.SecurityGroups ?? [], isPublic: description.Scheme === 'internet-facing' }],
    ),
  );
}
