/** Reads from AWS what there is to destroy of a project, and what stands in the way. */
import type { Stack } from '../aws/cloudformation.ts';
import type { EcsService } from '../aws/ecs.ts';
import type { ListenerRule } from '../aws/elbv2.ts';
import { logPath } from '../release/log.ts';
import { COLOURS, loadBalancerOf, type Pair, serviceName } from '../release/model.ts';
import { hasInternalHttps } from './internal-https.ts';
import { clusterOf, listenersOf, ownCertificates, pairOf, rulesAround } from './observe-infra.ts';
import { type InfraSession, PROJECT_TAG, SERVICE_TAG } from './session.ts';
import { baseName } from './stack-requests.ts';

/** Only what carries the project's tag is ours to destroy; of the rest, only what stands on ours counts as foreign. */
export interface Remains {
  readonly base: Stack | undefined;
  readonly services: readonly ServiceRemains[];
  readonly rules: Sorted<ListenerRule>;
  /** ARNs of listeners that others put on the project's load balancers. */
  readonly foreignListeners: readonly string[];
  /** Names of stacks of others that were made with ids of the base. */
  readonly tenants: readonly string[];
  readonly ecsServices: Sorted<EcsService>;
  readonly cluster: string;
  /** ARNs of those that `--self-signed` has made. */
  readonly certificates: readonly string[];
}

export interface ServiceRemains {
  readonly name: string;
  readonly stack: Stack;
  /** Undefined where it was never made, or is gone. */
  readonly pair: Pair | undefined;
  readonly repository: string;
  /** Digests. */
  readonly images: readonly string[];
  /** Names of the release log's parameters. */
  readonly log: readonly string[];
}

export interface Sorted<T> {
  readonly ours: readonly T[];
  readonly foreign: readonly T[];
}

type Observing = Pick<InfraSession, 'aws' | 'settings'>;

export async function observeRemains(session: Observing): Promise<Remains> {
  const { aws, settings } = session;
  const all = await aws.stacks.all();
  const stacks = all.filter(({ tags }) => tags[PROJECT_TAG] === settings.project);
  const base = stacks.find(({ name }) => name === baseName(settings));
  const services = await Promise.all(
    stacks.filter(({ tags }) => tags[SERVICE_TAG] !== undefined).map((stack) => serviceRemains(session, stack)),
  );
  const pairs = services.flatMap(({ pair }) => pair ?? []);
  const rules = await rulesAround(aws, [...listenersOf(base), ...(settings.existing.listenerArns ?? [])], pairs);
  const cluster = clusterOf(settings, base);
  const listeners = [...new Set(rules.filter((rule) => isOnBase(rule, base)).map(({ listenerArn }) => listenerArn))];
  return {
    base,
    services,
    rules: await sortRules(session, { base, services, rules }),
    foreignListeners: listeners.filter((arn) => !listenersOf(base).includes(arn)),
    tenants: all.filter((stack) => !stacks.includes(stack) && standsOn(stack, base)).map(({ name }) => name),
    ecsServices: await sortEcsServices(session, cluster, { base, services }),
    cluster,
    // Who never had such a listener may be allowed nothing with certificates.
    certificates: hasInternalHttps(settings, base) ? (await ownCertificates(session)).map(({ arn }) => arn).filter((arn) => arn !== settings.certificateArn) : [],
  };
}

async function serviceRemains({ aws, settings }: Observing, stack: Stack): Promise<ServiceRemains> {
  const name = stack.tags[SERVICE_TAG] ?? '';
  const { targetGroups } = settings.services.find((service) => service.name === name) ?? { targetGroups: undefined };
  const pair = pairOf({ targetGroups }, stack);
  const repository = stack.outputs['RepositoryName'] ?? `${settings.project}/${name}`;
  const [images = [], log] = await Promise.all([aws.registry.digests(repository), pair ? aws.parameters.list(logPath(pair)) : []]);
  return { name, stack, pair, repository, images, log: log.map((parameter) => parameter.name) };
}

interface Found {
  readonly base: Stack | undefined;
  readonly services: readonly ServiceRemains[];
}

/**
 * On a load balancer that was there before, rules of others are in the way where they hold on to target groups of ours, or send
 * anybody to given ones that our tasks are in. The default rule of a listener is never ours: it can't be deleted.
 */
async function sortRules({ aws, settings }: Observing, { base, services, rules }: Found & { readonly rules: readonly ListenerRule[] }): Promise<Sorted<ListenerRule>> {
  const made = services.flatMap(({ stack }) => groupsOf(pairOf({ targetGroups: undefined }, stack)));
  const used = services.flatMap(({ pair }) => groupsOf(pair));
  const numbered = rules.filter(({ isDefault }) => !isDefault);
  const tags = await aws.loadBalancing.tagsOf(numbered.map(({ arn }) => arn));
  const isOurs = ({ arn }: ListenerRule) => tags.get(arn)?.[PROJECT_TAG] === settings.project;
  const holdsOn = ({ forward = [] }: ListenerRule) => forward.some(({ arn, weight }) => made.includes(arn) || (weight > 0 && used.includes(arn)));
  const inTheWay = (rule: ListenerRule) => (isOnBase(rule, base) && !rule.isDefault) || holdsOn(rule);
  return { ours: numbered.filter(isOurs), foreign: rules.filter((rule) => !isOurs(rule) && inTheWay(rule)) };
}

function groupsOf(pair: Pair | undefined): string[] {
  return pair ? [pair.primary, pair.canary] : [];
}

/** The names are asked for as well, because a service that drains is not listed any more. A cluster of others stays. */
async function sortEcsServices({ aws, settings }: Observing, cluster: string, { base, services }: Found): Promise<Sorted<EcsService>> {
  const staying = settings.existing.cluster !== undefined || Boolean(base?.parameters['ExistingCluster']);
  const expected = services.flatMap(({ name }) => COLOURS.map((colour) => serviceName({ service: name }, colour)));
  const listed = staying ? [] : await aws.containers.listServices(cluster);
  const found = await aws.containers.describeServices(cluster, [...new Set([...listed, ...expected])]);
  const isOurs = ({ tags }: EcsService) => tags[PROJECT_TAG] === settings.project;
  return { ours: found.filter(isOurs), foreign: staying ? [] : found.filter((service) => !isOurs(service)) };
}

function isOnBase(rule: ListenerRule, base: Stack | undefined): boolean {
  return listenersOf(base).some((listenerArn) => loadBalancerOf({ listenerArn }) === loadBalancerOf(rule));
}

/** Whether a stack was given the id of something that goes with the base. */
function standsOn({ parameters }: Stack, base: Stack | undefined): boolean {
  if (!base) return false;
  const { VpcId = '', SubnetIds = '', PrivateSubnetIds = '', LoadBalancerSecurityGroupId = '', TaskSecurityGroupId = '', InternalZoneId = '' } = base.outputs;
  const network = base.parameters['ExistingVpcId'] ? [] : [VpcId, ...SubnetIds.split(','), ...PrivateSubnetIds.split(',')];
  const going = new Set([...network, LoadBalancerSecurityGroupId, TaskSecurityGroupId, InternalZoneId, ...listenersOf(base)].filter(Boolean));
  return Object.values(parameters).some((value) => value.split(',').some((id) => going.has(id.trim())));
}
