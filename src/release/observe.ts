/** Reads from AWS what the core decides on. Everything is read anew each time; only immutable things are remembered. */
import type { Aws } from '../aws/aws.ts';
import type { EcsService, TaskDefinition } from '../aws/ecs.ts';
import type { ListenerRule, Target } from '../aws/elbv2.ts';
import { CanaryError, messageOf } from '../errors.ts';
import { readLog } from './log.ts';
import type { LogEntry } from './log-entry.ts';
import {
  COLOURS,
  type Colour,
  type ColourState,
  type Pair,
  type Place,
  type State,
  type Traffic,
  type Version,
  pairAt,
  serviceName,
} from './model.ts';
import { CONTAINER_TAG, mainContainer } from './task-definition.ts';

export const VERSION_TAG = 'ecs-canary:version';

/** A service of the project: both colours, their rules, targets and log. */
export async function observe(aws: Aws, place: Place): Promise<State> {
  const [traffic, services] = await Promise.all([observeTraffic(aws, pairAt(place)), describeServices(aws, place)]);
  return withServices(aws, place, traffic, services, (service) => versionOf(aws, service, place.service));
}

/** The same for the way back, which does without what ECS would say. */
export async function observeHard(aws: Aws, place: Place): Promise<State> {
  const [traffic, services] = await Promise.all([
    observeTraffic(aws, pairAt(place)),
    describeServices(aws, place, PATIENCE).catch((error: unknown) => ({ error })),
  ]);
  const unnamed = (service: EcsService) => versionOf(aws, service, place.service).catch(() => undefined);
  if (!('error' in services)) return withServices(aws, place, traffic, services, unnamed);
  const tasksUnknown = `the ECS services could not be read: ${messageOf(services.error)}`;
  const unseen = (colour: Colour): ColourState => ({ colour, targetGroup: place.targetGroups[colour], service: undefined, version: undefined, strangers: [] });
  return { ...traffic, place, colours: { blue: unseen('blue'), green: unseen('green') }, tasksUnknown };
}

/** ms that ECS gets for an answer while users wait to be taken back. */
const PATIENCE = 10_000;

function describeServices(aws: Aws, place: Place, patience?: number): Promise<EcsService[]> {
  return aws.containers.describeServices(place.cluster, COLOURS.map((colour) => serviceName(place, colour)), patience);
}

async function withServices(
  aws: Aws,
  place: Place,
  traffic: Traffic,
  services: readonly EcsService[],
  version: (service: EcsService) => Promise<Version | undefined>,
): Promise<State> {
  const colourState = async (colour: Colour): Promise<ColourState> => {
    const service = services.find(({ name }) => name === serviceName(place, colour));
    const targetGroup = place.targetGroups[colour];
    const [running, strangers] = await Promise.all([
      service && version(service),
      observeStrangers(aws, place, targetGroup, service, traffic.targets.get(targetGroup) ?? []).catch(() => []),
    ]);
    return { colour, targetGroup, service, version: running, strangers };
  };
  const [blue, green] = await Promise.all([colourState('blue'), colourState('green')]);
  return { ...traffic, place, colours: { blue, green } };
}

/**
 * The traffic between any two target groups.
 * @throws CanaryError `target-group-not-found` when one of them does not exist.
 */
export async function observeTraffic(aws: Aws, pair: Pair): Promise<Traffic> {
  const [log, found, targets] = await Promise.all([
    observeLog(aws, pair),
    observeRules(aws, pair).catch((error: unknown) => ({ error })),
    observeTargets(aws, pair).catch((error: unknown) => ({ error })),
  ]);
  const rules = 'error' in found ? await rememberedRules(aws, pair, log, found.error) : found;
  if ('error' in targets) {
    const healthUnknown = `the health of the targets could not be read: ${messageOf(targets.error)}`;
    return { ...rules, targets: new Map(), healthUnknown, gaps: new Map(), log };
  }
  return { ...rules, targets, gaps: await observeGaps(aws, pair, targets), log };
}

type Rules = Pick<Traffic, 'groups' | 'rules' | 'otherRules' | 'undiscovered'>;

/** All rules of the load balancer that the two groups belong to: those that hold exactly the pair, and the others. */
async function observeRules(aws: Aws, pair: Pair): Promise<Rules> {
  const wanted = [pair.primary, pair.canary];
  const groups = await aws.loadBalancing.targetGroups(wanted);
  const missing = wanted.filter((arn) => !groups.some((group) => group.arn === arn));
  if (missing.length > 0) {
    throw new CanaryError({ code: NO_GROUP, message: `There is no target group ${missing.join(', nor ')}.` });
  }
  const loadBalancers = [...new Set(groups.flatMap(({ loadBalancerArns }) => loadBalancerArns))];
  const listeners = (await Promise.all(loadBalancers.map((arn) => aws.loadBalancing.listeners(arn)))).flat();
  const all = await aws.loadBalancing.rules(listeners);
  return { groups, rules: all.filter((rule) => holdsExactly(rule, pair)), otherRules: all.filter((rule) => !holdsExactly(rule, pair)) };
}

const NO_GROUP = 'target-group-not-found';

/** The way back must not depend on finding the rules once more: what the log remembers of them is enough. */
async function rememberedRules(aws: Aws, pair: Pair, log: Traffic['log'], error: unknown): Promise<Rules> {
  const remembered = Object.keys(log?.findLast(({ before }) => Object.keys(before).length > 0)?.before ?? {});
  if (remembered.length === 0 || (error instanceof CanaryError && error.code === NO_GROUP)) throw error;
  const rules = await freshRules(aws, remembered, pair);
  return { groups: [], rules, otherRules: [], undiscovered: `the listener rules could not be searched: ${messageOf(error)}` };
}

/** Those of the rules that still carry the pair, as they are now. */
export async function freshRules(aws: Aws, arns: readonly string[], pair: Pair): Promise<ListenerRule[]> {
  return (await aws.loadBalancing.freshRules(arns)).filter((rule) => holdsExactly(rule, pair));
}

/** Whether a rule's forward action holds the two groups of the pair and no other. */
export function holdsExactly(rule: ListenerRule, pair: Pair): boolean {
  const arns = rule.forward?.map(({ arn }) => arn) ?? [];
  return arns.length === 2 && arns.includes(pair.primary) && arns.includes(pair.canary);
}

export async function observeTargets(aws: Aws, pair: Pair): Promise<Traffic['targets']> {
  const groups = [pair.primary, pair.canary];
  return new Map(await Promise.all(groups.map(async (arn) => [arn, await aws.loadBalancing.targetHealth(arn)] as const)));
}

/**
 * Zones matter only to groups without cross-zone balancing, so AWS is asked about that only where zones differ. A question
 * that fails holds nobody up, least of all on the way back.
 */
export async function observeGaps(aws: Aws, pair: Pair, targets: Traffic['targets']): Promise<Traffic['gaps']> {
  const zones = (arn: string) => new Set((targets.get(arn) ?? []).filter(({ state }) => state === 'healthy').map(({ zone }) => zone));
  const gap = async (arn: string, other: string) => {
    const own = zones(arn);
    const missing = own.size === 0 ? [] : [...zones(other)].filter((zone) => zone !== '' && !own.has(zone));
    const zonal = missing.length > 0 && (await aws.loadBalancing.isZonal(arn).catch(() => false));
    return [arn, zonal ? missing : []] as const;
  };
  return new Map(await Promise.all([gap(pair.primary, pair.canary), gap(pair.canary, pair.primary)]));
}

/** Names of other services in a group. The cluster is searched only where there are more targets than own tasks. */
async function observeStrangers(aws: Aws, place: Place, targetGroup: string, own: EcsService | undefined, targets: readonly Target[]) {
  const registered = targets.filter(({ state }) => state !== 'draining').length;
  if (registered <= (own?.running ?? 0) + (own?.pending ?? 0)) return [];
  const names = (await aws.containers.listServices(place.cluster)).filter((name) => name !== own?.name);
  const services = await aws.containers.describeServices(place.cluster, names);
  return services.filter(({ targetGroupArns }) => targetGroupArns.includes(targetGroup)).map(({ name }) => name);
}

/** The emergency exit must work without the log, so that a log that can't be read is an observation, not an error. */
async function observeLog(aws: Aws, pair: Pair): Promise<readonly LogEntry[] | undefined> {
  try {
    return await readLog(aws.parameters, pair);
  } catch {
    return undefined;
  }
}

/** Revisions never change, so each is read once. */
const revisions = new WeakMap<Aws, Map<string, Promise<Revision | undefined>>>();
type Revision = { definition: TaskDefinition; tags: Record<string, string> };

export function revisionOf(aws: Aws, arn: string): Promise<Revision | undefined> {
  let known = revisions.get(aws);
  if (!known) revisions.set(aws, (known = new Map()));
  let revision = known.get(arn);
  if (revision) return revision;
  revision = aws.containers.taskDefinition(arn);
  known.set(arn, revision);
  // An answer that did not come is not remembered.
  revision.catch(() => known.delete(arn));
  return revision;
}

async function versionOf(aws: Aws, service: EcsService, container: string): Promise<Version> {
  const revision = await revisionOf(aws, service.taskDefinition);
  const image = (revision && mainContainer(revision.definition, container, revision.tags[CONTAINER_TAG])?.image) ?? '';
  const [, digest] = image.split('@');
  return { tag: versionTagOf(service.taskDefinition, revision), digest, image };
}

/** The tag that a revision's version has; the revision's own name where it was made by others. */
export function versionTagOf(taskDefinition: string, revision: Revision | undefined): string {
  return revision?.tags[VERSION_TAG] ?? taskDefinition.slice(taskDefinition.lastIndexOf('/') + 1);
}
