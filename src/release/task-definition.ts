/** Task definitions: the one generated for a first version, and the next one made from what runs or from a file. */
import { X509Certificate } from 'node:crypto';
import type { Endpoint, TaskDefinition } from '../aws/ecs.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import type { CpuArchitecture } from '../settings/platforms.ts';
import type { ServiceSettings } from '../settings/settings.ts';
import type { Neighbourhood, Place, Version } from './model.ts';

type Container = NonNullable<TaskDefinition['containerDefinitions']>[number];

/** On a revision: which of its containers has the version's image, where it is not named like the service. */
export const CONTAINER_TAG = 'ecs-canary:container';

/** The container that has the version's image: the one that a tag of the revision names, else the one named like the service. */
export function mainContainer({ containerDefinitions = [] }: TaskDefinition, service: string, tagged?: string): Container | undefined {
  const named = (wanted: string | undefined) => containerDefinitions.find(({ name }) => wanted !== undefined && name === wanted);
  return named(tagged) ?? named(service);
}

/** What becomes of a task definition with another version. */
export interface Change {
  readonly version: Version;
  /** Whose image is replaced; undefined for the main container. */
  readonly container?: string;
  /** What the image was built for; undefined where that is not known. */
  readonly architectures?: readonly CpuArchitecture[];
  /** Undefined where its variables are none of ours. */
  readonly neighbourhood?: Neighbourhood | undefined;
}

/**
 * The same task definition with another version in it: the image of one container is replaced, and what that one knows of its
 * neighbours; everything else stays.
 * @throws CanaryError `no-container` when it has no such container.
 */
export function withVersion(base: TaskDefinition, service: string, { version, container, architectures, neighbourhood }: Change): TaskDefinition {
  const { containerDefinitions = [], tags = [] } = base;
  const tagged = tags.find(({ key }) => key === CONTAINER_TAG)?.value;
  const chosen = container === undefined ? mainContainer(base, service, tagged) : containerDefinitions.find(({ name }) => name === container);
  if (!chosen) throw noContainer(containerDefinitions, container ?? service);
  const others = tags.filter(({ key }) => key !== CONTAINER_TAG);
  const renewed = { ...chosen, image: version.image, ...(neighbourhood && variablesOf(chosen, neighbourhood)) };
  return {
    ...base,
    containerDefinitions: containerDefinitions.map((other) => (other === chosen ? renewed : other)),
    tags: chosen.name === service ? others : [...others, { key: CONTAINER_TAG, value: chosen.name }],
    ...platformFor(base, architectures),
  };
}

/** What a client trusts that calls the others, in a variable that is ours where the project has names of its own. */
const AUTHORITY = 'INTERNAL_CA_CERTIFICATE';

/** An address that somebody gave a variable of that name stays, and a secret, beside which ECS takes no variable of its name. */
function variablesOf({ environment = [], secrets = [] }: Container, { addresses, authority }: Neighbourhood): Pick<Container, 'environment'> {
  const found = new Map(environment.map(({ name = '', value }) => [name, value]));
  for (const [service, address] of Object.entries(addresses)) {
    const name = `${service.toUpperCase().replaceAll('-', '_')}_ADDRESS`;
    const before = found.get(name);
    if (before === undefined || hostOf(before) === hostOf(address)) found.set(name, address);
  }
  const trusted = found.get(AUTHORITY);
  // A bundle of somebody's, with ours among others, stays; so does what was never ours.
  if (authority !== undefined && !trusted?.includes(authority)) found.set(AUTHORITY, authority);
  if (authority === undefined && trusted !== undefined && isSelfSigned(trusted)) found.delete(AUTHORITY);
  for (const { name = '' } of secrets) found.delete(name);
  return { environment: [...found].map(([name, value]) => ({ name, value })) };
}

/** Whether it is the one authority that `build-infra --self-signed` makes. Whoever trusts it alone refuses what everybody else takes. */
function isSelfSigned(pem: string): boolean {
  try {
    return pem.split('BEGIN CERTIFICATE').length === 2 && /^CN=[\w-]+\.internal authority$/.test(new X509Certificate(pem).subject);
  } catch {
    return false;
  }
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** A task definition that the user gave, which may be a file written for every version: whose image the version is, the one that runs tells. */
export function remembering(given: TaskDefinition, running: TaskDefinition | undefined): TaskDefinition {
  const { tags = [] } = given;
  if (tags.some(({ key }) => key === CONTAINER_TAG)) return given;
  return { ...given, tags: [...tags, ...(running?.tags ?? []).filter(({ key }) => key === CONTAINER_TAG)] };
}

const DEFAULT_ARCHITECTURE = 'X86_64';

/** What tasks run on, as AWS has it for a task definition that does not say. */
export function architectureOf({ runtimePlatform }: TaskDefinition): string {
  return runtimePlatform?.cpuArchitecture ?? DEFAULT_ARCHITECTURE;
}

/** The processor of the image, where it is not the one that the tasks get anyway. */
function platformFor(base: TaskDefinition, [first, ...others]: readonly CpuArchitecture[] = []): Pick<TaskDefinition, 'runtimePlatform'> {
  const now = architectureOf(base);
  if (first === undefined || [first, ...others].some((architecture) => architecture === now)) return {};
  return { runtimePlatform: { ...base.runtimePlatform, cpuArchitecture: first } };
}

function noContainer(containers: readonly Container[], wanted: string): CanaryError {
  const names = containers.map(({ name }) => name).join(', ') || 'none';
  return new CanaryError({
    code: 'no-container',
    message: `The task definition has no container named ${wanted} (it has: ${names}).`,
    usersAre: UNCHANGED,
    next: 'the same command with --container and one of these names',
  });
}

/**
 * What of a version's tasks the load balancer is to reach: what it reaches of the others, where that is there, else the main
 * container.
 * @param known what it reaches by now; the first one that is there counts.
 * @param port of a main container that says none.
 */
export function endpointOf(definition: TaskDefinition, main: Container | undefined, known: readonly (Endpoint | undefined)[], port: number): Endpoint | undefined {
  const isThere = ({ container, port }: Endpoint) =>
    definition.containerDefinitions?.some(({ name, portMappings }) => name === container && portMappings?.some(({ containerPort }) => containerPort === port));
  const there = known.find((endpoint) => endpoint !== undefined && isThere(endpoint));
  return there ?? (main?.name === undefined ? undefined : { container: main.name, port: main.portMappings?.[0]?.containerPort ?? port });
}

/** A task definition for Fargate from the settings, with one container that writes to the service's log group. */
export function generate(settings: ServiceSettings, place: Place, region: string, version: Version): TaskDefinition {
  const secrets = Object.entries(settings.secrets).map(([name, valueFrom]) => ({ name, valueFrom }));
  return {
    family: `${place.project}-${place.service}`,
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: settings.cpu,
    memory: String(settings.memory),
    runtimePlatform: { cpuArchitecture: settings.cpuArchitecture ?? DEFAULT_ARCHITECTURE, operatingSystemFamily: 'LINUX' },
    executionRoleArn: place.executionRoleArn,
    taskRoleArn: place.taskRoleArn,
    containerDefinitions: [
      {
        name: settings.name,
        image: version.image,
        essential: true,
        portMappings: [{ containerPort: settings.containerPort, protocol: 'tcp' }],
        environment: [{ name: 'PORT', value: String(settings.containerPort) }],
        ...(secrets.length > 0 && { secrets }),
        logConfiguration: {
          logDriver: 'awslogs',
          options: {
            'awslogs-group': place.logGroup,
            'awslogs-region': region,
            'awslogs-stream-prefix': settings.name,
          },
        },
      },
    ],
  };
}
