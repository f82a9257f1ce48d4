/**
 * Resources of services that the sandbox does not have (EC2, IAM): they get an id and attributes in AWS's shapes and are
 * known to nobody but their stack.
 */
import { randomInt } from 'node:crypto';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import { networkInterfaces } from '../../world/network-interfaces.ts';
import { vpcOf } from '../../world/subnets.ts';
import { longName, type MadeResource, type ResourceContext, type ResourceKind, textAt } from './kind.ts';
import type { Section } from './section.ts';

interface Recorded {
  /** AWS ms until it is complete. */
  readonly duration: number;
  readonly replacedBy: readonly string[];
  readonly nameProperty?: string;
  readonly make: (properties: Section, context: ResourceContext) => MadeResource;
  /** Why it can't be deleted now, in EC2's words; undefined when it can. */
  readonly heldBy?: (physicalId: string, region: Region) => string | undefined;
}

/** A security group rule is replaced whatever changes in it. */
const EVERY_RULE = ['GroupId', 'IpProtocol', 'FromPort', 'ToPort', 'CidrIp', 'SourceSecurityGroupId', 'DestinationSecurityGroupId'];

export const recordedKinds: Readonly<Record<string, ResourceKind>> = Object.fromEntries(
  Object.entries(recorded()).map(([type, { make, heldBy, ...kind }]): [string, ResourceKind] => [
    type,
    {
      ...kind,
      taggable: false,
      create: (properties, context) => Promise.resolve(make(properties, context)),
      update: () => Promise.resolve(),
      delete: async (physicalId, { region }) => {
        const problem = heldBy?.(physicalId, region);
        if (problem !== undefined) throw new AwsError('DependencyViolation', problem);
      },
    },
  ]),
);

function recorded(): Record<string, Recorded> {
  return {
    'AWS::EC2::VPC': {
      duration: 3_000,
      replacedBy: ['CidrBlock', 'Ipv4IpamPoolId'],
      make(properties) {
        const id = ec2Id('vpc');
        return made(id, {
          VpcId: id,
          CidrBlock: textAt(properties, 'CidrBlock'),
          DefaultSecurityGroup: ec2Id('sg'),
          DefaultNetworkAcl: ec2Id('acl'),
        });
      },
    },
    'AWS::EC2::Subnet': {
      duration: 2_000,
      replacedBy: ['VpcId', 'CidrBlock', 'AvailabilityZone'],
      make(properties) {
        const id = ec2Id('subnet');
        return made(id, { SubnetId: id, ...copied(properties, 'VpcId', 'CidrBlock', 'AvailabilityZone') });
      },
      heldBy: (id, region) =>
        networkInterfaces(region).some(({ subnetId }) => subnetId === id)
          ? `The subnet '${id}' has dependencies and cannot be deleted.`
          : undefined,
    },
    'AWS::EC2::InternetGateway': { duration: 3_000, replacedBy: [], make: () => identified('igw', 'InternetGatewayId') },
    'AWS::EC2::VPCGatewayAttachment': {
      duration: 2_000,
      replacedBy: ['VpcId'],
      make: (properties) => made(`IGW|${textAt(properties, 'VpcId')}`, { AttachmentType: 'IGW' }),
      heldBy(physicalId, region) {
        const vpcId = physicalId.replace('IGW|', '');
        return networkInterfaces(region).some(({ subnetId, isPublic }) => isPublic && vpcOf(region, subnetId) === vpcId)
          ? `Network ${vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`
          : undefined;
      },
    },
    'AWS::EC2::RouteTable': { duration: 2_000, replacedBy: ['VpcId'], make: () => identified('rtb', 'RouteTableId') },
    'AWS::EC2::Route': {
      duration: 2_000,
      replacedBy: ['RouteTableId', 'DestinationCidrBlock'],
      make(properties) {
        const destination = textAt(properties, 'DestinationCidrBlock');
        return made(`${textAt(properties, 'RouteTableId')}|${destination}`, { CidrBlock: destination });
      },
    },
    'AWS::EC2::SubnetRouteTableAssociation': {
      duration: 2_000,
      replacedBy: ['SubnetId'],
      make: () => identified('rtbassoc', 'Id'),
    },
    'AWS::EC2::SecurityGroup': {
      duration: 3_000,
      replacedBy: ['GroupName', 'GroupDescription', 'VpcId'],
      nameProperty: 'GroupName',
      make(properties) {
        const id = ec2Id('sg');
        return made(id, { GroupId: id, Id: id, ...copied(properties, 'VpcId') });
      },
      heldBy: (id, region) =>
        networkInterfaces(region).some(({ securityGroups }) => securityGroups.includes(id)) ? `resource ${id} has a dependent object` : undefined,
    },
    'AWS::EC2::SecurityGroupIngress': { duration: 2_000, replacedBy: EVERY_RULE, make: () => identified('sgr', 'Id') },
    'AWS::EC2::SecurityGroupEgress': { duration: 2_000, replacedBy: EVERY_RULE, make: () => identified('sgr', 'Id') },
    'AWS::EC2::Instance': {
      duration: 10_000,
      replacedBy: ['ImageId', 'KeyName', 'SubnetId', 'AvailabilityZone', 'PrivateIpAddress'],
      make() {
        const id = ec2Id('i');
        return made(id, { InstanceId: id, PublicIp: publicAddress(), PrivateIp: `10.0.0.${randomInt(4, 255)}` });
      },
    },
    'AWS::EC2::EIP': {
      duration: 3_000,
      replacedBy: ['Domain'],
      make() {
        const address = publicAddress();
        return made(address, { PublicIp: address, AllocationId: ec2Id('eipalloc') });
      },
    },
    'AWS::EC2::NatGateway': {
      duration: 90_000,
      replacedBy: ['AllocationId', 'ConnectivityType', 'SubnetId', 'PrivateIpAddress', 'VpcId'],
      make: () => identified('nat', 'NatGatewayId'),
    },
    'AWS::EC2::VPCEndpoint': {
      duration: 60_000,
      replacedBy: ['ServiceName', 'ServiceRegion', 'VpcEndpointType', 'VpcId'],
      make(properties, { region }) {
        const id = ec2Id('vpce');
        const isInterface = textAt(properties, 'VpcEndpointType') === 'Interface';
        const service = textAt(properties, 'ServiceName').split('.').slice(3).join('.');
        return made(id, {
          Id: id,
          CreationTimestamp: region.clock.now().toISOString(),
          DnsEntries: isInterface ? [`Z0123456789ABC:${id}-${hexId(8)}.${service}.${region.name}.vpce.amazonaws.com`] : [],
          NetworkInterfaceIds: isInterface ? [ec2Id('eni')] : [],
        });
      },
    },
    'AWS::IAM::Role': {
      duration: 8_000,
      replacedBy: ['RoleName', 'Path'],
      nameProperty: 'RoleName',
      make(properties, context) {
        const name = textAt(properties, 'RoleName') || longName(context).slice(0, 64);
        const path = textAt(properties, 'Path') || '/';
        return made(name, {
          Arn: `arn:aws:iam::${context.region.config.account}:role${path}${name}`,
          RoleId: `AROA${hexId(17).toUpperCase()}`,
        });
      },
    },
    'AWS::IAM::Policy': { duration: 5_000, replacedBy: [], make: (_properties, context) => made(longName(context), {}) },
  };
}

function ec2Id(prefix: string): string {
  return `${prefix}-0${hexId(16)}`;
}

function identified(prefix: string, attribute: string): MadeResource {
  const id = ec2Id(prefix);
  return made(id, { [attribute]: id });
}

function made(physicalId: string, attributes: MadeResource['attributes']): MadeResource {
  return { physicalId, attributes };
}

function copied(properties: Section, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, textAt(properties, name)]));
}

/** From a block that is set aside for documentation. */
function publicAddress(): string {
  return `203.0.113.${randomInt(1, 255)}`;
}
