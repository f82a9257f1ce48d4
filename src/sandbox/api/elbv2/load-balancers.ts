/** Application load balancers. Subnets and security groups are not modelled: any well-formed id will do. */
import type {
  CreateLoadBalancerInput,
  CreateLoadBalancerOutput,
  DeleteLoadBalancerInput,
  DescribeLoadBalancerAttributesInput,
  DescribeLoadBalancerAttributesOutput,
  DescribeLoadBalancersInput,
  DescribeLoadBalancersOutput,
  LoadBalancer,
  ModifyLoadBalancerAttributesInput,
  ModifyLoadBalancerAttributesOutput,
  SetIpAddressTypeInput,
  SetIpAddressTypeOutput,
  SetSecurityGroupsInput,
  SetSecurityGroupsOutput,
  SetSubnetsInput,
  SetSubnetsOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { isDeepStrictEqual } from 'node:util';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import { LOAD_BALANCER_ADDRESS, LOAD_BALANCER_ZONE, type StoredLoadBalancer } from '../../world/elbv2-state.ts';
import { makeLinkedRole } from '../../world/linked-roles.ts';
import type { Operations } from '../service.ts';
import { changedAttributes, initialAttributes, listedAttributes, LOAD_BALANCER_ATTRIBUTES } from './attributes.ts';
import { limitOf } from './limits.ts';
import { deleteListener } from './listeners.ts';
import { checkArn, findLoadBalancer, listenersOf, validationError } from './lookup.ts';
import { checkName } from './names.ts';
import { page } from './paging.ts';
import { checkTags, setTags } from './tags.ts';

/** How long a new load balancer reads as `provisioning`, in AWS ms. */
const PROVISIONING_MS = 10_000;
const MOST_DESCRIBED = 20;
const VPC_ID = 'vpc-00000000000000000';
const DEFAULT_SECURITY_GROUP = 'sg-00000000000000000';

export const loadBalancerOperations = {
  CreateLoadBalancer(input: CreateLoadBalancerInput, region: Region): CreateLoadBalancerOutput {
    const name = checkName('load balancer', input.Name);
    if (name.startsWith('internal-')) throw validationError(`The load balancer name '${name}' cannot begin with 'internal-'`);
    const settings = checkSettings(input, region);
    checkTags(input.Tags ?? []);
    const existing = Object.values(region.state.elbv2.loadBalancers).find(({ description }) => description.LoadBalancerName === name);
    if (existing) return { LoadBalancers: [describe(sameSettings(existing, settings), region)] };
    if (Object.keys(region.state.elbv2.loadBalancers).length >= limitOf(region, 'application-load-balancers')) {
      throw new AwsError('TooManyLoadBalancers', 'The maximum number of load balancers has been reached');
    }
    makeLinkedRole(region, 'elasticloadbalancing.amazonaws.com');
    const LoadBalancerArn = region.arn('elasticloadbalancing', `loadbalancer/app/${name}/${hexId(16)}`);
    const loadBalancer: StoredLoadBalancer = {
      description: {
        LoadBalancerArn,
        DNSName: LOAD_BALANCER_ADDRESS,
        CanonicalHostedZoneId: LOAD_BALANCER_ZONE,
        CreatedTime: region.clock.now(),
        LoadBalancerName: name,
        VpcId: VPC_ID,
        ...settings,
        EnablePrefixForIpv6SourceNat: 'off',
      },
      attributes: {
        ...initialAttributes(LOAD_BALANCER_ATTRIBUTES),
        'ipv6.deny_all_igw_traffic': String(settings.Scheme === 'internal'),
      },
    };
    region.state.elbv2.loadBalancers[LoadBalancerArn] = loadBalancer;
    setTags(region, LoadBalancerArn, input.Tags ?? []);
    region.changed();
    return { LoadBalancers: [describe(loadBalancer, region)] };
  },

  DescribeLoadBalancers(input: DescribeLoadBalancersInput, region: Region): DescribeLoadBalancersOutput {
    const { items, ...rest } = page(region, requestedLoadBalancers(input, region), input);
    return { LoadBalancers: items.map((loadBalancer) => describe(loadBalancer, region)), ...rest };
  },

  /** With its listeners and their rules; the target groups stay. One that does not exist is deleted already. */
  async DeleteLoadBalancer(input: DeleteLoadBalancerInput, region: Region) {
    const arn = checkArn('load balancer', input.LoadBalancerArn);
    const loadBalancer = region.state.elbv2.loadBalancers[arn];
    if (!loadBalancer) return {};
    if (loadBalancer.attributes['deletion_protection.enabled'] === 'true') {
      throw new AwsError('OperationNotPermitted', `Load balancer '${arn}' cannot be deleted because deletion protection is enabled`);
    }
    delete region.state.elbv2.loadBalancers[arn];
    delete region.state.elbv2.tags[arn];
    region.changed();
    await Promise.all(listenersOf(region, arn).map((listener) => deleteListener(region, listener)));
    return {};
  },

  DescribeLoadBalancerAttributes(input: DescribeLoadBalancerAttributesInput, region: Region): DescribeLoadBalancerAttributesOutput {
    return { Attributes: listedAttributes(findLoadBalancer(region, input.LoadBalancerArn).attributes) };
  },

  ModifyLoadBalancerAttributes(input: ModifyLoadBalancerAttributesInput, region: Region): ModifyLoadBalancerAttributesOutput {
    const loadBalancer = findLoadBalancer(region, input.LoadBalancerArn);
    const changes = input.Attributes ?? [];
    loadBalancer.attributes = changedAttributes('Load balancer', LOAD_BALANCER_ATTRIBUTES, loadBalancer.attributes, changes);
    region.changed();
    return { Attributes: listedAttributes(loadBalancer.attributes) };
  },

  SetSecurityGroups(input: SetSecurityGroupsInput, region: Region): SetSecurityGroupsOutput {
    const { description } = findLoadBalancer(region, input.LoadBalancerArn);
    description.SecurityGroups = checkSecurityGroups(input.SecurityGroups ?? []);
    region.changed();
    return { SecurityGroupIds: description.SecurityGroups };
  },

  SetIpAddressType(input: SetIpAddressTypeInput, region: Region): SetIpAddressTypeOutput {
    const { description } = findLoadBalancer(region, input.LoadBalancerArn);
    description.IpAddressType = input.IpAddressType;
    region.changed();
    return { IpAddressType: description.IpAddressType };
  },

  SetSubnets(input: SetSubnetsInput, region: Region): SetSubnetsOutput {
    const { description } = findLoadBalancer(region, input.LoadBalancerArn);
    description.AvailabilityZones = zonesOf(input, region);
    region.changed();
    return { AvailabilityZones: description.AvailabilityZones };
  },
} satisfies Operations;

function describe({ description }: StoredLoadBalancer, { clock }: Region): LoadBalancer {
  const age = clock.now().getTime() - description.CreatedTime.getTime();
  return { ...description, State: { Code: age < clock.real(PROVISIONING_MS) ? 'provisioning' : 'active' } };
}

type Settings = ReturnType<typeof checkSettings>;

function checkSettings(input: CreateLoadBalancerInput, region: Region) {
  const { Scheme = 'internet-facing', Type = 'application', IpAddressType = 'ipv4', SecurityGroups = [] } = input;
  if (Type !== 'application') {
    throw validationError(`Load balancers of type '${Type}' are not part of the sandbox: use type 'application'`);
  }
  if (Scheme !== 'internet-facing' && Scheme !== 'internal') {
    throw new AwsError('InvalidScheme', `The scheme '${String(Scheme)}' must be one of [internet-facing, internal]`);
  }
  const groups = SecurityGroups.length > 0 ? checkSecurityGroups(SecurityGroups) : [DEFAULT_SECURITY_GROUP];
  return { Scheme, Type, AvailabilityZones: zonesOf(input, region), SecurityGroups: groups, IpAddressType };
}

/** The load balancer there is, when the request asks for just that one again. */
function sameSettings(existing: StoredLoadBalancer, settings: Settings): StoredLoadBalancer {
  const { description } = existing;
  if (isDeepStrictEqual({ ...description, ...settings }, description)) return existing;
  throw new AwsError(
    'DuplicateLoadBalancerName',
    `A load balancer with the same name '${description.LoadBalancerName}' exists, but with different settings`,
  );
}

function checkSecurityGroups(ids: readonly string[]): string[] {
  const malformed = ids.find((id) => !/^sg-[0-9a-z]+$/.test(id));
  if (malformed !== undefined) throw new AwsError('InvalidSecurityGroup', `Security group '${malformed}' is not valid`);
  return [...ids];
}

/** The subnets in zones a, b, … in their order. */
function zonesOf({ Subnets, SubnetMappings }: Pick<CreateLoadBalancerInput, 'Subnets' | 'SubnetMappings'>, region: Region) {
  if (Subnets && SubnetMappings) throw validationError('You must specify either subnets or subnet mappings, not both');
  const ids = Subnets ?? (SubnetMappings ?? []).map(({ SubnetId = '' }) => SubnetId);
  const malformed = ids.find((id) => !/^subnet-[0-9a-z]+$/.test(id));
  if (malformed !== undefined) throw new AwsError('SubnetNotFound', `The subnet ID '${malformed}' is not valid`);
  if (new Set(ids).size < ids.length) {
    const problem = 'A load balancer cannot be attached to multiple subnets in the same Availability Zone';
    throw new AwsError('InvalidConfigurationRequest', problem);
  }
  if (ids.length < 2) throw validationError('At least two subnets in two different Availability Zones must be specified');
  return ids.map((SubnetId, i) => ({
    ZoneName: `${region.name}${String.fromCharCode('a'.charCodeAt(0) + i)}`,
    SubnetId,
    LoadBalancerAddresses: [],
  }));
}

function requestedLoadBalancers(input: DescribeLoadBalancersInput, region: Region): StoredLoadBalancer[] {
  const { LoadBalancerArns = [], Names = [] } = input;
  if (LoadBalancerArns.length > 0 && Names.length > 0) {
    throw validationError('Load balancer names and load balancer ARNs cannot be specified at the same time');
  }
  const all = Object.values(region.state.elbv2.loadBalancers);
  const wanted = [...LoadBalancerArns, ...Names];
  if (wanted.length === 0) return all;
  if (wanted.length > MOST_DESCRIBED) throw validationError(`At most ${MOST_DESCRIBED} load balancers can be described at once`);
  for (const arn of LoadBalancerArns) checkArn('load balancer', arn);
  const found = wanted.flatMap(
    (key) => all.find(({ description }) => description.LoadBalancerArn === key || description.LoadBalancerName === key) ?? [],
  );
  if (found.length < wanted.length) throw new AwsError('LoadBalancerNotFound', 'One or more load balancers not found');
  return found;
}
