/** Turns a container definition into the arguments of an engine's `create`. */
import type { EngineName } from './engine.ts';
import type { ContainerOrder, PulledImage } from './runner.ts';

export interface EngineArguments {
  readonly args: readonly string[];
  /** Variables that the engine's command line hands on to the container: secrets among them must not stand in its arguments. */
  readonly env: Readonly<Record<string, string>>;
}

/** What the engine's command line reads itself: a container's variables of these names are no business of its. */
const ENGINES_OWN = /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|(XDG|DOCKER|CONTAINERS?|PODMAN|STORAGE|REGISTRY|DBUS|SSH|GO|LC)_.*|(HTTP|HTTPS|NO|ALL|FTP)_PROXY)$/i;
const MIB = 1024 * 1024;

/**
 * The image's own command, user and variables stay where the definition says nothing.
 * @param label marks the container as this sandbox's.
 * @param ports loopback ports by container port.
 */
export function createArguments(
  engine: EngineName, order: ContainerOrder, image: PulledImage, label: string, ports: Readonly<Record<number, number>>,
): EngineArguments {
  const { definition } = order;
  const variables = Object.entries(variablesOf(order));
  const handedOn = variables.filter(([name]) => !ENGINES_OWN.test(name));
  const [program, ...programArgs] = definition.entryPoint ?? [];
  return {
    env: Object.fromEntries(handedOn),
    args: [
      'create', '--pull=never', `--label=${label}`, `--hostname=ip-${order.address.replaceAll('.', '-')}.${order.region}.compute.internal`,
      // Podman would hand its own proxy variables on.
      ...(engine === 'podman' ? ['--http-proxy=false'] : []),
      ...Object.entries(ports).map(([containerPort, port]) => `--publish=127.0.0.1:${port}:${containerPort}`),
      ...variables.map(([name, value]) => `--env=${ENGINES_OWN.test(name) ? `${name}=${value}` : name}`),
      ...limits(order),
      ...(definition.user ? [`--user=${definition.user}`] : []),
      ...(definition.workingDirectory ? [`--workdir=${definition.workingDirectory}`] : []),
      ...(definition.readonlyRootFilesystem ? ['--read-only'] : []),
      ...(program === undefined ? [] : [`--entrypoint=${program}`]),
      image.location, ...programArgs, ...(definition.command ?? []),
    ],
  };
}

function variablesOf({ definition, secrets, region }: ContainerOrder): Record<string, string> {
  const defined = Object.fromEntries((definition.environment ?? []).map(({ name = '', value = '' }) => [name, value]));
  return { AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE', AWS_REGION: region, AWS_DEFAULT_REGION: region, ...defined, ...secrets };
}

/** The task's limits and the container's own, whichever is lower. */
function limits({ definition, limits: { vcpus, memoryMiB } }: ContainerOrder): string[] {
  const memory = Math.min(definition.memory ?? Infinity, memoryMiB ?? Infinity);
  return [
    ...(vcpus === undefined ? [] : [`--cpus=${vcpus}`]),
    ...(definition.cpu ? [`--cpu-shares=${Math.max(2, definition.cpu)}`] : []),
    ...(Number.isFinite(memory) ? [`--memory=${memory * MIB}`] : []),
  ];
}
