/** Reads from AWS what there is of a project's infrastructure. */
import type { Stack } from '../aws/cloudformation.ts';
import type { ListenerRule } from '../aws/elbv2.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { loadBalancerOf, type Pair } from '../release/model.ts';
import { readLog } from '../release/log.ts';
import { holdsExactly } from '../release/observe.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { hasInternalHttps, type OwnCertificate, zoneOf } from './internal-https.ts';
import { observeSecretsInUse } from './secrets-in-use.ts';
import { type InfraSession, PROJECT_TAG, SELF_SIGNED_TAG, SERVICE_TAG } from './session.ts';
import { baseName, serviceStackName } from './stack-requests.ts';
import { wildcardOf } from './self-signed.ts';
import { observeStranded } from './stranded.ts';

/** A stack with the text that it was made from. */
export interface KnownStack extends Stack {
  /** Empty for one that only was looked ahead to. */
  readonly template: string;
  /** Change sets that nobody has executed. */
  readonly changeSets: readonly { readonly id: string; readonly name: string }[];
}

export interface InfraState {
  readonly base: KnownStack | undefined;
  /** By service name. */
  readonly services: ReadonlyMap<string, KnownStack>;
  /** All rules of the base's load balancers, and of the one that is used instead. */
  readonly rules: readonly ListenerRule[];
  /** By service name: the target group that owns production by the release log, of pairs that no rule carries. */
  readonly owners: ReadonlyMap<string, string>;
  /** Of the listeners that are used instead of making them, those that can carry gRPC; read where a service speaks it. */
  readonly httpsListeners?: readonly string[];
  /** The certificate that `--self-signed` has made for the project, where it needs one. */
  readonly certificate?: OwnCertificate | undefined;
  /** Parts of services that were built and are not in the settings any more. */
  readonly leftOver: readonly Stack[];
  /** ECS services that would be left without a way out. */
  readonly stranded?: readonly string[];
  /** By service name: ARNs of secrets that its versions read, and its settings do not name any more. */
  readonly secretsInUse?: ReadonlyMap<string, readonly string[]>;
}

/** @throws CanaryError `no-cluster`, `no-listener` where the cluster or a listener that is to be used does not exist. */
export async function observeInfra({ aws, settings }: Pick<InfraSession, 'aws' | 'settings'>): Promise<InfraState> {
  await requireCluster(aws, settings);
  const known = async (name: string): Promise<KnownStack | undefined> => {
    const stack = await aws.stacks.describe(name);
    if (!stack) return undefined;
    // A stack that only has change sets has no template yet.
    const template = stack.status === 'REVIEW_IN_PROGRESS' ? '' : await aws.stacks.template(name);
    return { ...stack, template, changeSets: await aws.stacks.changeSets(name) };
  };
  const [base, ...services] = await Promise.all([
    known(baseName(settings)),
    ...settings.services.map(({ name }) => known(serviceStackName(settings, name))),
  ]);
  const pairs = settings.services.flatMap((service, index) => pairOf(service, services[index]) ?? []);
  const rules = await rulesAround(aws, [...listenersOf(base), ...(settings.existing.listenerArns ?? [])], pairs);
  requireListeners(settings, rules);
  const givenListeners = settings.services.some(({ protocol }) => protocol === 'grpc') ? settings.existing.listenerArns : undefined;
  const owner = async (service: ServiceSettings, index: number): Promise<[string, string][]> => {
    const pair = pairOf(service, services[index]);
    if (!pair || rules.some((rule) => holdsExactly(rule, pair))) return [];
    const newest = (await readLog(aws.parameters, pair)).at(-1);
    return newest ? [[service.name, newest.primary]] : [];
  };
  const cluster = clusterOf(settings, base);
  const secretsInUse = async (service: ServiceSettings, index: number) =>
    [service.name, await observeSecretsInUse({ aws }, cluster, service, services[index])] as const;
  const all = await aws.stacks.all();
  return {
    base,
    services: new Map(settings.services.flatMap(({ name }, index) => (services[index] ? [[name, services[index]]] : []))),
    rules,
    owners: new Map((await Promise.all(settings.services.map(owner))).flat()),
    httpsListeners: givenListeners ? await aws.loadBalancing.httpsListeners(givenListeners) : [],
    certificate: hasInternalHttps(settings, base) ? await observeCertificate({ aws, settings }, base) : undefined,
    leftOver: all.filter(({ tags }) => tags[PROJECT_TAG] === settings.project && isDropped(tags[SERVICE_TAG], settings.services)),
    stranded: await observeStranded({ aws, settings }, base),
    secretsInUse: new Map(await Promise.all(settings.services.map(secretsInUse))),
  };
}

/** Of several, which a run that was cut off may have left, the one in use. */
async function observeCertificate({ aws, settings }: Pick<InfraSession, 'aws' | 'settings'>, base: Stack | undefined): Promise<OwnCertificate | undefined> {
  const found = await ownCertificates({ aws, settings });
  const used = found.find(({ arn }) => arn === base?.parameters['InternalCertificateArn']) ?? found[0];
  return used && { ...used, authority: await aws.certificates.authority(used.arn) };
}

/** Those that `--self-signed` has made. The project's tag alone may be one of somebody's who sorts costs by it. */
export function ownCertificates({ aws, settings }: Pick<InfraSession, 'aws' | 'settings'>): ReturnType<InfraSession['aws']['certificates']['imported']> {
  return aws.certificates.imported(wildcardOf(zoneOf(settings)), [SELF_SIGNED_TAG, zoneOf(settings)]);
}

/** Nothing else would miss it before the first rollout. */
async function requireCluster({ containers }: InfraSession['aws'], { existing: { cluster }, account, region }: Settings): Promise<void> {
  if (cluster === undefined || (await containers.hasCluster(cluster))) return;
  throw new CanaryError({
    code: 'no-cluster',
    message: `CLUSTER is ${cluster}, and there is no such ECS cluster in account ${account}, region ${region}.`,
    usersAre: UNCHANGED,
    next: 'set CLUSTER to the name of one that is there, or remove it and have one made, then: ecs-canary build-infra',
  });
}

/** Each listener that exists has its default rule at least. Without this it would be missed when stacks are made already. */
function requireListeners({ existing: { listenerArns = [] }, region }: Settings, rules: readonly ListenerRule[]): void {
  const gone = listenerArns.filter((arn) => !rules.some(({ listenerArn }) => listenerArn === arn));
  const [listenerArn] = gone;
  if (listenerArn === undefined) return;
  throw new CanaryError({
    code: 'no-listener',
    message: `LISTENER_ARNS names a listener that does not exist: ${gone.join(', ')}.`,
    usersAre: UNCHANGED,
    next:
      `aws elbv2 describe-listeners --load-balancer-arn ${loadBalancerOf({ listenerArn })} --region ${region}   (shows those that are there); ` +
      'name one of them in LISTENER_ARNS, then: ecs-canary build-infra',
  });
}

function isDropped(service: string | undefined, services: readonly ServiceSettings[]): boolean {
  return service !== undefined && !services.some(({ name }) => name === service);
}

/** A service's two target groups; undefined as long as they are not made. */
export function pairOf({ targetGroups }: Pick<ServiceSettings, 'targetGroups'>, part: Stack | undefined): Pair | undefined {
  const { BlueTargetGroupArn, GreenTargetGroupArn } = part?.outputs ?? {};
  const [primary, canary] = [targetGroups?.blue ?? BlueTargetGroupArn, targetGroups?.green ?? GreenTargetGroupArn];
  return primary === undefined || canary === undefined ? undefined : { primary, canary };
}

/**
 * All rules of the load balancers that the listeners belong to: quotas and pairs are a load balancer's, not a listener's. And of those
 * that a rule connects the pairs with: settings may name other listeners than they did once.
 */
export async function rulesAround(
  { loadBalancing }: Pick<InfraSession['aws'], 'loadBalancing'>, listenerArns: readonly string[], pairs: readonly Pair[],
): Promise<ListenerRule[]> {
  const groups = await loadBalancing.targetGroups(pairs.flatMap(({ primary, canary }) => [primary, canary]));
  const balancers = new Set([...listenerArns.map((listenerArn) => loadBalancerOf({ listenerArn })), ...groups.flatMap((group) => group.loadBalancerArns)]);
  const found = await Promise.all([...balancers].map((arn) => loadBalancing.listeners(arn)));
  return loadBalancing.rules([...new Set([...listenerArns, ...found.flat()])]);
}

/** Name of the cluster that the project's ECS services are in. */
export function clusterOf({ existing, project }: Settings, base: Stack | undefined): string {
  return base?.outputs['ClusterName'] ?? existing.cluster ?? project;
}

/** ARNs of the listeners that a base stack has; none while it is being deleted, because each may be gone at any moment. */
export function listenersOf(base: Stack | undefined): string[] {
  if (base?.status === 'DELETE_IN_PROGRESS') return [];
  const { PublicListenerArn, PublicHttpsListenerArn, InternalListenerArn, InternalHttpsListenerArn } = base?.outputs ?? {};
  return [PublicListenerArn, PublicHttpsListenerArn, InternalListenerArn, InternalHttpsListenerArn].filter((arn) => arn !== undefined);
}
