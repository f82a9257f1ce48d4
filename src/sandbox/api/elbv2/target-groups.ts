/** Target groups for application load balancers. */
import { isDeepStrictEqual } from 'node:util';
import type {
  CreateTargetGroupInput,
  CreateTargetGroupOutput,
  DeleteTargetGroupInput,
  DescribeTargetGroupAttributesInput,
  DescribeTargetGroupAttributesOutput,
  DescribeTargetGroupsInput,
  DescribeTargetGroupsOutput,
  ModifyTargetGroupAttributesInput,
  ModifyTargetGroupAttributesOutput,
  ModifyTargetGroupInput,
  ModifyTargetGroupOutput,
  TargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import { forwardedTargetGroups, loadBalancersOf, type StoredRule, type StoredTargetGroup } from '../../world/elbv2-state.ts';
import type { Operations } from '../service.ts';
import { changedAttributes, initialAttributes, listedAttributes, TARGET_GROUP_ATTRIBUTES } from './attributes.ts';
import { changedHealthSettings, usualHealthSettings } from './health-settings.ts';
import { limitOf } from './limits.ts';
import { checkArn, findLoadBalancer, findTargetGroup, validationError } from './lookup.ts';
import { checkName } from './names.ts';
import { page } from './paging.ts';
import { checkTags, setTags } from './tags.ts';

export const targetGroupOperations = {
  CreateTargetGroup(input: CreateTargetGroupInput, region: Region): CreateTargetGroupOutput {
    const { targetGroups } = region.state.elbv2;
    const name = checkName('target group', input.Name);
    const settings = checkSettings(input);
    checkTags(input.Tags ?? []);
    const existing = Object.values(targetGroups).find(({ description }) => description.TargetGroupName === name);
    if (existing) return { TargetGroups: [describe(sameSettings(existing, settings), region)] };
    if (Object.keys(targetGroups).length >= limitOf(region, 'target-groups')) {
      throw new AwsError('TooManyTargetGroups', 'The maximum number of target groups has been reached');
    }
    const TargetGroupArn = region.arn('elasticloadbalancing', `targetgroup/${name}/${hexId(16)}`);
    const group: StoredTargetGroup = {
      description: { TargetGroupArn, TargetGroupName: name, ...settings },
      attributes: initialAttributes(TARGET_GROUP_ATTRIBUTES),
      targets: [],
    };
    targetGroups[TargetGroupArn] = group;
    setTags(region, TargetGroupArn, input.Tags ?? []);
    region.changed();
    return { TargetGroups: [describe(group, region)] };
  },

  DescribeTargetGroups(input: DescribeTargetGroupsInput, region: Region): DescribeTargetGroupsOutput {
    const { items, ...rest } = page(region, requestedTargetGroups(input, region), input);
    return { TargetGroups: items.map((group) => describe(group, region)), ...rest };
  },

  /** The settings hold from each target's next health check on. */
  ModifyTargetGroup(input: ModifyTargetGroupInput, region: Region): ModifyTargetGroupOutput {
    const group = findTargetGroup(region, input.TargetGroupArn);
    const current = group.description;
    const settings = changedHealthSettings({ ...current, HealthCheckEnabled: true }, input, current.ProtocolVersion);
    group.description = { ...current, ...settings };
    region.changed();
    return { TargetGroups: [describe(group, region)] };
  },

  /** One that does not exist is deleted already. */
  DeleteTargetGroup({ TargetGroupArn }: DeleteTargetGroupInput, region: Region) {
    const arn = checkArn('target group', TargetGroupArn);
    if (loadBalancersOf(region.state.elbv2, arn).length > 0) {
      throw new AwsError('ResourceInUse', `Target group '${arn}' is currently in use by a listener or a rule`);
    }
    delete region.state.elbv2.targetGroups[arn];
    delete region.state.elbv2.tags[arn];
    region.changed();
    region.targets.refresh();
    return {};
  },

  DescribeTargetGroupAttributes(input: DescribeTargetGroupAttributesInput, region: Region): DescribeTargetGroupAttributesOutput {
    return { Attributes: listedAttributes(findTargetGroup(region, input.TargetGroupArn).attributes) };
  },

  ModifyTargetGroupAttributes(input: ModifyTargetGroupAttributesInput, region: Region): ModifyTargetGroupAttributesOutput {
    const group = findTargetGroup(region, input.TargetGroupArn);
    const attributes = changedAttributes('Target group', TARGET_GROUP_ATTRIBUTES, group.attributes, input.Attributes ?? []);
    checkTogether(group, attributes, region);
    group.attributes = attributes;
    region.changed();
    return { Attributes: listedAttributes(group.attributes) };
  },
} satisfies Operations;

function describe({ description }: StoredTargetGroup, region: Region): TargetGroup {
  return { ...description, LoadBalancerArns: loadBalancersOf(region.state.elbv2, description.TargetGroupArn) };
}

/** Throws AwsError InvalidConfigurationRequest for attributes that do not go together, with each other or with the group's rules. */
function checkTogether({ description, targets }: StoredTargetGroup, attributes: Readonly<Record<string, string>>, region: Region): void {
  const sticky = attributes['stickiness.enabled'] === 'true';
  const withinZones = attributes['load_balancing.cross_zone.enabled'] === 'false';
  const unsticky = sticky && rulesWithoutGroupStickiness(region, description.TargetGroupArn)[0];
  if (unsticky) {
    throw invalidConfiguration(
      `This target group appears behind a rule with group stickiness disabled (${unsticky.RuleArn}). ` +
        'You must enable group stickiness before enabling target stickiness',
    );
  }
  if (sticky && withinZones) throw invalidConfiguration('Target stickiness is not supported when cross-zone load balancing is off');
  if (withinZones && targets.some(({ availabilityZone }) => availabilityZone === 'all')) {
    throw invalidConfiguration("Cross-zone load balancing cannot be turned off while targets are registered with Availability Zone 'all'");
  }
}

/** The rules that divide requests between the group and others, and let no client stay with one of them. */
function rulesWithoutGroupStickiness(region: Region, targetGroupArn: string): StoredRule[] {
  const rules = Object.values(region.state.elbv2.listeners).flatMap((listener) => listener.rules);
  return rules.filter(({ Actions }) => {
    const groups = forwardedTargetGroups(Actions);
    const sticky = Actions.some(({ ForwardConfig }) => ForwardConfig?.TargetGroupStickinessConfig?.Enabled);
    return groups.length > 1 && groups.includes(targetGroupArn) && !sticky;
  });
}

function invalidConfiguration(message: string): AwsError {
  return new AwsError('InvalidConfigurationRequest', message);
}

type Settings = ReturnType<typeof checkSettings>;

function checkSettings(input: CreateTargetGroupInput) {
  const { Protocol, Port, VpcId, ProtocolVersion = 'HTTP1', TargetType = 'instance', IpAddressType = 'ipv4' } = input;
  if (TargetType !== 'instance' && TargetType !== 'ip') {
    throw validationError(`Target groups with target type '${TargetType}' are not part of the sandbox: use 'ip' or 'instance'`);
  }
  if (Protocol === undefined) throw validationError('A protocol must be specified');
  if (Port === undefined) throw validationError('A port must be specified');
  if (VpcId === undefined) throw validationError('A VPC ID must be specified');
  if (Protocol !== 'HTTP' && Protocol !== 'HTTPS') {
    const problem = `Target groups with protocol '${Protocol}' are not part of the sandbox: use 'HTTP' or 'HTTPS'`;
    throw new AwsError('UnsupportedProtocol', problem);
  }
  if (!Number.isInteger(Port) || Port < 1 || Port > 65_535) throw validationError(`Port '${Port}' must be in the 1-65535 range`);
  if (!['HTTP1', 'HTTP2', 'GRPC'].includes(ProtocolVersion)) {
    throw validationError(`Protocol version '${ProtocolVersion}' must be one of [GRPC, HTTP1, HTTP2]`);
  }
  const health = changedHealthSettings(usualHealthSettings(ProtocolVersion), input, ProtocolVersion);
  return { Protocol, Port, VpcId, ...health, TargetType, ProtocolVersion, IpAddressType };
}

/** The target group there is, when the request asks for just that one again. */
function sameSettings(existing: StoredTargetGroup, settings: Settings): StoredTargetGroup {
  const { description } = existing;
  if (isDeepStrictEqual({ ...description, ...settings }, description)) return existing;
  throw new AwsError(
    'DuplicateTargetGroupName',
    `A target group with the same name '${description.TargetGroupName}' exists, but with different settings`,
  );
}

function requestedTargetGroups(input: DescribeTargetGroupsInput, region: Region): StoredTargetGroup[] {
  const { LoadBalancerArn, TargetGroupArns = [], Names = [] } = input;
  if ([LoadBalancerArn !== undefined, TargetGroupArns.length > 0, Names.length > 0].filter(Boolean).length > 1) {
    throw validationError('Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time');
  }
  const all = Object.values(region.state.elbv2.targetGroups);
  if (LoadBalancerArn !== undefined) {
    findLoadBalancer(region, LoadBalancerArn);
    return all.filter(({ description }) => loadBalancersOf(region.state.elbv2, description.TargetGroupArn).includes(LoadBalancerArn));
  }
  for (const arn of TargetGroupArns) checkArn('target group', arn);
  const wanted = [...TargetGroupArns, ...Names];
  if (wanted.length === 0) return all;
  const found = wanted.flatMap(
    (key) => all.find(({ description }) => description.TargetGroupArn === key || description.TargetGroupName === key) ?? [],
  );
  if (found.length < wanted.length) throw new AwsError('TargetGroupNotFound', 'One or more target groups not found');
  return found;
}
