/** Reads from AWS what the core decides on. Everything is read anew each time; only immutable things are remembered. */
import type { Aws } from '../aws/aws.ts';
import type { EcsService, TaskDefinition } from '../aws/ecs.ts';
import type { ListenerRule, Target } from '../aws/elbv2.ts';
import { CanaryError } from '../errors.ts';
import { readLog } from './log.ts';
import type { LogEntry } from './log-entry.ts';
import { COLOURS, type Colour, type ColourState, type Pair, type Place, type State, type Traffic, type Version, serviceName } from './model.ts';
import { imageOf } from './task-definition.ts';

export const VERSION_TAG = 'ecs-canary:version';

/** A service of the project: both colours, their rules, targets and log. */
export async function observe(aws: Aws, place: Place): Promise<State> {
  const pair = { primary: place.targetGroups.blue, canary: place.targetGroups.green };
  const [traffic, services] = await Promise.all([
    observeTraffic(aws, pair),
    aws.containers.describeServices(place.cluster, COLOURS.map((colour) => serviceName(place, colour))),
  ]);
  const colourState = async (colour: Colour): Promise<ColourState> => {
    const service = services.find(({ name }) => name === serviceName(place, colour));
    const version = service && service.desired > 0 ? await versionOf(aws, service, place.service) : undefined;
    return { colour, targetGroup: place.targetGroups[colour], service, version };
  };
  const [blue, green] = await Promise.all([colourState('blue'), colourState('green')]);
  return { ...traffic, place, colours: { blue, green } };
}

/**
 * The traffic between any two target groups.
 * @throws CanaryError `target-group-not-found` when one of them does not exist.
 */
export async function observeTraffic(aws: Aws, pair: Pair): Promise<Traffic> {
  const [[rules, otherRules], primaryTargets, canaryTargets, log] = await Promise.all([
    observeRules(aws, pair),
    aws.loadBalancing.targetHealth(pair.primary),
    aws.loadBalancing.targetHealth(pair.canary),
    observeLog(aws, pair),
  ]);
  const targets = new Map<string, readonly Target[]>([
    [pair.primary, primaryTargets],
    [pair.canary, canaryTargets],
  ]);
  return { rules, otherRules, targets, log };
}

/** All rules of the load balancers that the two groups belong to: those that hold exactly the pair, and the others. */
async function observeRules(aws: Aws, pair: Pair): Promise<[ListenerRule[], ListenerRule[]]> {
  const wanted = [pair.primary, pair.canary];
  const groups = await aws.loadBalancing.targetGroups(wanted);
  const missing = wanted.filter((arn) => !groups.some((group) => group.arn === arn));
  if (missing.length > 0) {
    throw new CanaryError({ code: 'target-group-not-found', message: `There is no target group ${missing.join(', nor ')}.` });
  }
  const loadBalancers = [...new Set(groups.flatMap(({ loadBalancerArns }) => loadBalancerArns))];
  const listeners = (await Promise.all(loadBalancers.map((arn) => aws.loadBalancing.listeners(arn)))).flat();
  const all = await aws.loadBalancing.rules(listeners);
  return [all.filter((rule) => holdsExactly(rule, pair)), all.filter((rule) => !holdsExactly(rule, pair))];
}

/** Whether a rule's forward action holds the two groups of the pair and no other. */
export function holdsExactly(rule: ListenerRule, pair: Pair): boolean {
  const arns = rule.forward?.map(({ arn }) => arn) ?? [];
  return arns.length === 2 && arns.includes(pair.primary) && arns.includes(pair.canary);
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
  if (!revision) known.set(arn, (revision = aws.containers.taskDefinition(arn)));
  return revision;
}

async function versionOf(aws: Aws, service: EcsService, container: string): Promise<Version> {
  const revision = await revisionOf(aws, service.taskDefinition);
  const image = (revision && imageOf(revision.definition, container)) ?? '';
  const [, digest] = image.split('@');
  const tag = revision?.tags[VERSION_TAG] ?? service.taskDefinition.slice(service.taskDefinition.lastIndexOf('/') + 1);
  return { tag, digest, image };
}
