/** Reads from AWS what there is to destroy of a project, and what stands in the way. */
import type { Stack } from '../aws/cloudformation.ts';
import type { EcsService } from '../aws/ecs.ts';
import { logPath } from '../release/log.ts';
import { listenersOf } from './observe-infra.ts';
import { type InfraSession, PROJECT_TAG, SERVICE_TAG } from './session.ts';
import { baseName } from './stack-requests.ts';

/** Only what carries the project's tag is ours to destroy; the rest is counted as foreign. */
export interface Remains {
  readonly base: Stack | undefined;
  readonly services: readonly ServiceRemains[];
  readonly rules: Sorted<string>;
  readonly ecsServices: Sorted<EcsService>;
  readonly cluster: string;
}

export interface ServiceRemains {
  readonly name: string;
  readonly stack: Stack;
  readonly repository: string;
  readonly images: number;
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
  const stacks = (await aws.stacks.all()).filter(({ tags }) => tags[PROJECT_TAG] === settings.project);
  const base = stacks.find(({ name }) => name === baseName(settings));
  const services = stacks.filter(({ tags }) => tags[SERVICE_TAG] !== undefined);
  const cluster = base?.outputs['ClusterName'] ?? settings.project;
  return {
    base,
    services: await Promise.all(services.map((stack) => serviceRemains(session, stack))),
    rules: await sortRules(session, base),
    ecsServices: await sortEcsServices(session, cluster, services),
    cluster,
  };
}

async function serviceRemains({ aws, settings }: Observing, stack: Stack): Promise<ServiceRemains> {
  const name = stack.tags[SERVICE_TAG] ?? '';
  const { BlueTargetGroupArn: blue, GreenTargetGroupArn: green } = stack.outputs;
  const repository = stack.outputs['RepositoryName'] ?? `${settings.project}/${name}`;
  const [images = 0, log] = await Promise.all([
    aws.registry.countImages(repository),
    blue !== undefined && green !== undefined ? aws.parameters.list(logPath({ primary: blue, canary: green })) : [],
  ]);
  return { name, stack, repository, images, log: log.map((parameter) => parameter.name) };
}

async function sortRules({ aws, settings }: Observing, base: Stack | undefined): Promise<Sorted<string>> {
  const rules = await aws.loadBalancing.rules(listenersOf(base));
  const arns = rules.filter(({ isDefault }) => !isDefault).map(({ arn }) => arn);
  const tags = await aws.loadBalancing.tagsOf(arns);
  return sort(arns, (arn) => tags.get(arn)?.[PROJECT_TAG] === settings.project);
}

/** The names are asked for as well, because a service that drains is not listed any more. */
async function sortEcsServices(
  { aws, settings }: Observing, cluster: string, stacks: readonly Stack[],
): Promise<Sorted<EcsService>> {
  const expected = stacks.flatMap(({ tags }) => [`${tags[SERVICE_TAG]}-blue`, `${tags[SERVICE_TAG]}-green`]);
  const listed = await aws.containers.listServices(cluster);
  const found = await aws.containers.describeServices(cluster, [...new Set([...listed, ...expected])]);
  return sort(found, ({ tags }) => tags[PROJECT_TAG] === settings.project);
}

function sort<T>(items: readonly T[], isOurs: (item: T) => boolean): Sorted<T> {
  return { ours: items.filter(isOurs), foreign: items.filter((item) => !isOurs(item)) };
}
