/** A task's place in the network: its interface, and its registrations in target groups. */
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import type { TaskRecord } from '../ecs-state.ts';
import type { Announcements } from './events.ts';
import { serviceOf } from './queries.ts';

/** From now on the task's answers show its address. */
export function attachInterface(region: Region, { task, address }: TaskRecord): void {
  const [attachment] = task.attachments;
  if (!attachment) {
    return;
  }
  attachment.status = 'ATTACHED';
  attachment.details?.push(
    { name: 'networkInterfaceId', value: `eni-${hexId(17)}` },
    { name: 'macAddress', value: `0e:${hexId(10).match(/../g)?.join(':')}` },
    { name: 'privateDnsName', value: `ip-${address.replaceAll('.', '-')}.${region.name}.compute.internal` },
    { name: 'privateIPv4Address', value: address },
  );
  for (const container of task.containers) {
    container.networkInterfaces = [{ attachmentId: attachment.id, privateIpv4Address: address }];
  }
  task.connectivity = 'CONNECTED';
  task.connectivityAt = region.clock.now();
}

export function detachInterface(region: Region, { task, address }: TaskRecord): void {
  delete region.state.ecs.endpoints[address];
  for (const attachment of task.attachments) {
    attachment.status = 'DELETED';
  }
}

/** Registers the task in its service's target groups. In one that was deleted since it never gets healthy, as on AWS. */
export function registerTargets(region: Region, record: TaskRecord, announcements: Announcements): void {
  const service = serviceOf(region, record);
  for (const { targetGroupArn, containerPort } of service?.service.loadBalancers ?? []) {
    const target = { ip: record.address, port: containerPort };
    if (service && register(region, targetGroupArn, target, record.task.availabilityZone)) {
      record.targets.push({ targetGroupArn, ...target });
      announcements.count(service, `(service ${service.service.serviceName}) registered # targets in (target-group ${targetGroupArn})`);
    }
  }
}

function register(region: Region, targetGroupArn: string, target: { ip: string; port: number }, availabilityZone: string): boolean {
  try {
    region.targets.register(targetGroupArn, target, availabilityZone);
    return true;
  } catch (error) {
    if (error instanceof AwsError) {
      return false;
    }
    throw error;
  }
}

/** The task's targets begin to drain; they stay in the record until they are gone. */
export function deregisterTargets(region: Region, record: TaskRecord, announcements: Announcements): void {
  const service = serviceOf(region, record);
  for (const { targetGroupArn, ip, port } of record.targets) {
    region.targets.deregister(targetGroupArn, { ip, port });
    if (service) {
      const { serviceName } = service.service;
      announcements.count(service, `(service ${serviceName}) deregistered # targets in (target-group ${targetGroupArn})`);
      announcements.count(service, `(service ${serviceName}, taskSet ${record.task.startedBy}) has begun draining connections on # tasks.`);
    }
  }
}
