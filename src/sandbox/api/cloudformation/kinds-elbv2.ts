/** Load balancers, target groups, listeners and rules as resources of a stack. */
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import { callWith, type MadeResource, type ResourceKind, shortName, tagChanges, textAt } from './kind.ts';
import { isSection, type Section } from './section.ts';

const call = (region: Region, operation: string, input: object) => callWith(region, 'elasticloadbalancing', operation, input);

export const loadBalancerKind: ResourceKind = {
  duration: 15_000,
  replacedBy: ['Name', 'Scheme', 'Type'],
  nameProperty: 'Name',
  taggable: true,
  async create(properties, context) {
    const { region } = context;
    const answer = await call(region, 'CreateLoadBalancer', withName(properties, shortName(context)));
    const made = loadBalancerOf(answer);
    await setAttributes(region, 'LoadBalancer', made.physicalId, properties);
    return made;
  },
  async update(physicalId, properties, before, { region }) {
    const changed = changes(properties, before);
    const target = { ...properties, LoadBalancerArn: physicalId };
    if (changed('Subnets', 'SubnetMappings')) await call(region, 'SetSubnets', target);
    if (changed('SecurityGroups')) await call(region, 'SetSecurityGroups', target);
    if (changed('IpAddressType')) await call(region, 'SetIpAddressType', target);
    if (changed('LoadBalancerAttributes')) await setAttributes(region, 'LoadBalancer', physicalId, properties);
    await setTags(region, physicalId, before, properties);
  },
  async delete(physicalId, { region }) {
    await gone('LoadBalancerNotFound', call(region, 'DeleteLoadBalancer', { LoadBalancerArn: physicalId }));
  },
};

export const targetGroupKind: ResourceKind = {
  duration: 3_000,
  replacedBy: ['Name', 'Port', 'Protocol', 'ProtocolVersion', 'VpcId', 'TargetType', 'IpAddressType'],
  nameProperty: 'Name',
  taggable: true,
  async create(properties, context) {
    const { region } = context;
    const answer = await call(region, 'CreateTargetGroup', withName(properties, shortName(context)));
    const arn = textAt(answer, 'TargetGroups.0.TargetGroupArn');
    await setAttributes(region, 'TargetGroup', arn, properties);
    await setTargets(region, arn, properties, {});
    return {
      physicalId: arn,
      attributes: {
        TargetGroupArn: arn,
        TargetGroupFullName: arn.slice(arn.indexOf('targetgroup/')),
        TargetGroupName: textAt(answer, 'TargetGroups.0.TargetGroupName'),
      },
    };
  },
  async update(physicalId, properties, before, { region }) {
    await call(region, 'ModifyTargetGroup', { ...properties, TargetGroupArn: physicalId });
    if (changes(properties, before)('TargetGroupAttributes')) {
      await setAttributes(region, 'TargetGroup', physicalId, properties);
    }
    await setTargets(region, physicalId, properties, before);
    await setTags(region, physicalId, before, properties);
  },
  async delete(physicalId, { region }) {
    await gone('TargetGroupNotFound', call(region, 'DeleteTargetGroup', { TargetGroupArn: physicalId }));
  },
};

export const listenerKind: ResourceKind = {
  duration: 1_000,
  replacedBy: ['LoadBalancerArn'],
  taggable: false,
  async create(properties, { region }) {
    const answer = await call(region, 'CreateListener', properties);
    const arn = textAt(answer, 'Listeners.0.ListenerArn');
    await setAttributes(region, 'Listener', arn, properties);
    return { physicalId: arn, attributes: { ListenerArn: arn } };
  },
  async update(physicalId, properties, before, { region }) {
    await call(region, 'ModifyListener', { ...properties, ListenerArn: physicalId });
    if (changes(properties, before)('ListenerAttributes')) await setAttributes(region, 'Listener', physicalId, properties);
  },
  async delete(physicalId, { region }) {
    await gone('ListenerNotFound', call(region, 'DeleteListener', { ListenerArn: physicalId }));
  },
};

/** Certificates beside the listener's own one. */
export const listenerCertificateKind: ResourceKind = {
  duration: 1_000,
  replacedBy: ['ListenerArn'],
  taggable: false,
  async create(properties, { region, stackName, logicalId }) {
    await call(region, 'AddListenerCertificates', properties);
    return { physicalId: `${stackName}-${logicalId}-${hexId(12)}`, attributes: {} };
  },
  async update(_physicalId, properties, before, { region }) {
    const [wanted, old] = [listOf(properties['Certificates']), listOf(before['Certificates'])];
    const listener = { ListenerArn: properties['ListenerArn'] };
    const added = wanted.filter((certificate) => !includes(old, certificate));
    const removed = old.filter((certificate) => !includes(wanted, certificate));
    if (added.length > 0) await call(region, 'AddListenerCertificates', { ...listener, Certificates: added });
    if (removed.length > 0) await call(region, 'RemoveListenerCertificates', { ...listener, Certificates: removed });
  },
  async delete(_physicalId, { region, properties }) {
    await gone('ListenerNotFound', call(region, 'RemoveListenerCertificates', properties));
  },
};

export const listenerRuleKind: ResourceKind = {
  duration: 1_000,
  replacedBy: ['ListenerArn'],
  taggable: false,
  async create(properties, { region }) {
    const answer = await call(region, 'CreateRule', properties);
    const arn = textAt(answer, 'Rules.0.RuleArn');
    return { physicalId: arn, attributes: { RuleArn: arn, IsDefault: 'false' } };
  },
  async update(physicalId, properties, before, { region }) {
    if (changes(properties, before)('Conditions', 'Actions', 'Transforms')) {
      await call(region, 'ModifyRule', { ...properties, RuleArn: physicalId });
    }
    if (changes(properties, before)('Priority')) {
      await call(region, 'SetRulePriorities', { RulePriorities: [{ RuleArn: physicalId, Priority: properties['Priority'] }] });
    }
  },
  async delete(physicalId, { region }) {
    await gone('RuleNotFound', call(region, 'DeleteRule', { RuleArn: physicalId }));
  },
};

/** Tells whether any of the properties named differs. */
function changes(properties: Section, before: Section): (...names: string[]) => boolean {
  return (...names) => names.some((name) => JSON.stringify(properties[name]) !== JSON.stringify(before[name]));
}

/** A call that deletes: what somebody else has deleted already counts as deleted. */
async function gone(notFound: string, deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof AwsError && error.code.startsWith(notFound))) throw error;
  }
}

function withName(properties: Section, name: string): Section {
  return { Name: name, ...properties };
}

function loadBalancerOf(answer: Section): MadeResource {
  const at = (name: string) => textAt(answer, `LoadBalancers.0.${name}`);
  const arn = at('LoadBalancerArn');
  return {
    physicalId: arn,
    attributes: {
      LoadBalancerArn: arn,
      LoadBalancerName: at('LoadBalancerName'),
      LoadBalancerFullName: arn.slice(arn.indexOf('loadbalancer/') + 'loadbalancer/'.length),
      DNSName: at('DNSName'),
      CanonicalHostedZoneID: at('CanonicalHostedZoneId'),
    },
  };
}

type Attributed = 'LoadBalancer' | 'TargetGroup' | 'Listener';

async function setAttributes(region: Region, what: Attributed, arn: string, properties: Section): Promise<void> {
  const attributes = properties[`${what}Attributes`];
  if (!Array.isArray(attributes) || attributes.length === 0) return;
  await call(region, `Modify${what}Attributes`, { [`${what}Arn`]: arn, Attributes: attributes });
}

async function setTargets(region: Region, arn: string, properties: Section, before: Section): Promise<void> {
  const wanted = listOf(properties['Targets']);
  const old = listOf(before['Targets']);
  const removed = old.filter((target) => !includes(wanted, target));
  const added = wanted.filter((target) => !includes(old, target));
  if (removed.length > 0) await call(region, 'DeregisterTargets', { TargetGroupArn: arn, Targets: removed });
  if (added.length > 0) await call(region, 'RegisterTargets', { TargetGroupArn: arn, Targets: added });
}

function listOf(value: unknown): Section[] {
  return Array.isArray(value) ? value.filter(isSection) : [];
}

function includes(list: readonly Section[], item: Section): boolean {
  return list.some((other) => JSON.stringify(other) === JSON.stringify(item));
}

async function setTags(region: Region, arn: string, before: Section, after: Section): Promise<void> {
  const { set, removed } = tagChanges(before, after);
  if (removed.length > 0) await call(region, 'RemoveTags', { ResourceArns: [arn], TagKeys: removed });
  if (set.length > 0) await call(region, 'AddTags', { ResourceArns: [arn], Tags: set });
}
