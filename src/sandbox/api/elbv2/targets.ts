/** Targets of target groups. */
import { BlockList, isIPv4 } from 'node:net';
import type {
  DeregisterTargetsInput,
  DescribeTargetHealthInput,
  DescribeTargetHealthOutput,
  RegisterTargetsInput,
  TargetDescription,
  TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Region, TargetAddress, TargetHealth } from '../../parts.ts';
import { loadBalancersOf, type StoredTargetGroup, targetCount } from '../../world/elbv2-state.ts';
import type { Operations } from '../service.ts';
import { limitOf } from './limits.ts';
import { findTargetGroup, targetGroupsOf, tooManyTargets, validationError } from './lookup.ts';

/** Where targets may be. */
const PRIVATE_RANGES = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16'];
const privateAddresses = new BlockList();
for (const range of PRIVATE_RANGES) {
  const [address = '', prefix] = range.split('/');
  privateAddresses.addSubnet(address, Number(prefix));
}

const NOT_REGISTERED: TargetHealth = {
  state: 'unused',
  reason: 'Target.NotRegistered',
  description: 'Target is not registered to the target group',
};

export const targetOperations = {
  RegisterTargets({ TargetGroupArn, Targets = [] }: RegisterTargetsInput, region: Region) {
    const group = findTargetGroup(region, TargetGroupArn);
    const addresses = checkTargets(group, Targets);
    checkTargetCount(region, group, addresses);
    for (const [i, address] of addresses.entries()) {
      const zone = Targets[i]?.AvailabilityZone ?? `${region.name}a`;
      region.targets.register(group.description.TargetGroupArn, address, zone);
    }
    return {};
  },

  DeregisterTargets({ TargetGroupArn, Targets = [] }: DeregisterTargetsInput, region: Region) {
    const group = findTargetGroup(region, TargetGroupArn);
    for (const address of checkTargets(group, Targets)) region.targets.deregister(group.description.TargetGroupArn, address);
    return {};
  },

  DescribeTargetHealth({ TargetGroupArn, Targets = [] }: DescribeTargetHealthInput, region: Region): DescribeTargetHealthOutput {
    const group = findTargetGroup(region, TargetGroupArn);
    const known = region.targets.list(group.description.TargetGroupArn);
    if (Targets.length === 0) {
      return { TargetHealthDescriptions: known.map((target) => describe(group, target, target.health, target.availabilityZone)) };
    }
    const asked = checkTargets(group, Targets).map((address) => {
      const target = known.find(({ ip, port }) => ip === address.ip && port === address.port);
      return describe(group, address, target?.health ?? NOT_REGISTERED, target?.availabilityZone);
    });
    return { TargetHealthDescriptions: asked };
  },
} satisfies Operations;

function describe(group: StoredTargetGroup, target: TargetAddress, health: TargetHealth, zone?: string): TargetHealthDescription {
  const { TargetType, HealthCheckPort } = group.description;
  return {
    Target: { Id: target.ip, Port: target.port, ...(TargetType === 'ip' && zone !== undefined && { AvailabilityZone: zone }) },
    HealthCheckPort: HealthCheckPort === 'traffic-port' ? String(target.port) : HealthCheckPort,
    TargetHealth: {
      State: health.state,
      ...(health.reason !== undefined && { Reason: health.reason }),
      ...(health.description !== undefined && { Description: health.description }),
    },
  };
}

function checkTargets(group: StoredTargetGroup, targets: readonly TargetDescription[]): TargetAddress[] {
  if (targets.length === 0) throw validationError('At least one target must be specified');
  return targets.map(({ Id = '', Port = group.description.Port }) => {
    checkId(group, Id);
    if (Port < 1 || Port > 65_535) throw validationError(`Port '${Port}' must be in the 1-65535 range`);
    return { ip: Id, port: Port };
  });
}

/** A load balancer has only so many targets, in all of its target groups together. */
function checkTargetCount(region: Region, { description, targets }: StoredTargetGroup, addresses: readonly TargetAddress[]): void {
  const { elbv2 } = region.state;
  const added = addresses.filter(({ ip, port }) => !targets.some((known) => known.id === ip && known.port === port)).length;
  const most = limitOf(region, 'targets-per-application-load-balancer');
  const arn = description.TargetGroupArn;
  for (const loadBalancer of loadBalancersOf(elbv2, arn)) {
    if (targetCount(elbv2, targetGroupsOf(region, loadBalancer)) + added > most) throw tooManyTargets('load balancer', loadBalancer);
  }
  if (targets.length + added > most) throw tooManyTargets('target group', arn);
}

function checkId({ description }: StoredTargetGroup, id: string): void {
  if (description.TargetType === 'instance') {
    if (!/^i-[0-9a-f]+$/.test(id)) throw validationError(`Instance ID '${id}' is not valid`);
    return;
  }
  if (!isIPv4(id)) throw validationError(`The IP address '${id}' is not a valid IPv4 address`);
  if (!privateAddresses.check(id)) {
    throw validationError(`The IP address '${id}' is not within a valid CIDR block: use one of ${PRIVATE_RANGES.join(', ')}`);
  }
}

