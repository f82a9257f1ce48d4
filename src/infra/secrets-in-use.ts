/** Secrets that are not in the settings any more, and that versions in ECS still read: each task reads them when it starts. */
import type { Stack } from '../aws/cloudformation.ts';
import { COLOURS, serviceName } from '../release/model.ts';
import { resourcesOf, type Secrets } from '../settings/secrets.ts';
import type { ServiceSettings } from '../settings/settings.ts';
import type { InfraSession } from './session.ts';

/** ARNs, as policies have them, that a service's part grants, its settings do not, and a version reads; asks only where there may be any. */
export async function observeSecretsInUse(
  { aws }: Pick<InfraSession, 'aws'>, cluster: string, service: ServiceSettings, part: Stack | undefined,
): Promise<string[]> {
  const wanted = arnsOf(service.secrets);
  const dropped = grantedBy(part).filter((arn) => !wanted.includes(arn));
  if (dropped.length === 0) return [];
  const versions = await aws.containers.describeServices(cluster, COLOURS.map((colour) => serviceName({ service: service.name }, colour)));
  const read = await Promise.all(versions.map(async ({ taskDefinition }) => {
    const { containerDefinitions = [] } = (await aws.containers.taskDefinition(taskDefinition))?.definition ?? {};
    const secrets = containerDefinitions.flatMap((container) => container.secrets ?? []);
    return arnsOf(Object.fromEntries(secrets.map(({ valueFrom = '' }) => [valueFrom, valueFrom])));
  }));
  return dropped.filter((arn) => read.flat().includes(arn));
}

function grantedBy({ parameters = {} }: Partial<Stack> = {}): string[] {
  return ['SecretArns', 'SecretParameterArns'].flatMap((name) => (parameters[name] ?? '').split(',')).filter(Boolean);
}

function arnsOf(secrets: Secrets): string[] {
  const { secrets: whole, parameters } = resourcesOf(secrets);
  return [...whole, ...parameters];
}
