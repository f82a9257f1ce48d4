/** Turns a container definition into the arguments of an engine's `create`. */
import type { EngineName } from './engine.ts';
import type { ContainerOrder, PulledImage } from './runner.ts';

export interface EngineArguments {
  readonly args: readonly string[];
  /** Variables that the engine's command line hands on to the container: secrets among them must not stand in its arguments. */
  readonly env: Readonly<Record<string, string>>;
}

/** How requests reach a container. */
export interface Wiring {
  /** Loopback ports by container port. */
  readonly ports: Readonly<Record<number, number>>;
  /** The engine brings requests for these ports to the container. Else it shares this machine's network, and is told where to listen. */
  readonly published: boolean;
  /** Of load balancers, in private hosted zones. */
  readonly names: readonly string[];
  /** Variables that tell it. */
  readonly env: Readonly<Record<string, string>>;
}

/** What the engine's command line reads itself: a container's variables of these names are no business of its. */
const ENGINES_OWN = new RegExp(`^(${[
  'PATH', '(LD|DYLD)_.*', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'LANG', 'LC_.*', 'XDG_.*', 'DBUS_.*', 'LISTEN_.*', 'NOTIFY_SOCKET', '(HTTP|HTTPS|NO|ALL|FTP)_PROXY',
  'SSH_AUTH_SOCK', 'SSL_CERT_(FILE|DIR)', 'GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK)', 'REGISTRY_AUTH_FILE', 'STORAGE_(DRIVER|OPTS)',
  'CONTAINERS_.*', 'CONTAINER_(HOST|SSHKEY|CONNECTION|PASSPHRASE)', 'PODMAN_.*',
  'DOCKER_(API_VERSION|AUTH_CONFIG|BUILDKIT|CERT_PATH|CLI_.*|CONFIG|CONTENT_TRUST.*|CONTEXT|CUSTOM_HEADERS|DEFAULT_PLATFORM|HIDE_.*|HOST|TLS.*)',
].join('|')})$`, 'i');
const MIB = 1024 * 1024;

/**
 * The image's own command, user and variables stay where the definition says nothing.
 * @param label marks the container as this sandbox's.
 * @throws Error for a secret whose name the engine's command line reads itself: files of variables are no way out, as versions of
 *   Podman differ in what they make of quotes and `#` in them.
 */
export function createArguments(engine: EngineName, order: ContainerOrder, image: PulledImage, label: string, wiring: Wiring): EngineArguments {
  const { definition } = order;
  const variables = Object.entries({ ...variablesOf(order), ...wiring.env });
  const handedOn = variables.filter(([name]) => !ENGINES_OWN.test(name));
  const shown = Object.keys(order.secrets).find((name) => ENGINES_OWN.test(name));
  if (shown !== undefined) throw new Error(`${engine} reads a variable ${shown} itself, so that this secret would stand in its arguments: use another name, or --runner process`);
  const [program, ...programArgs] = definition.entryPoint ?? [];
  return {
    env: Object.fromEntries(handedOn),
    args: [
      'create', '--pull=never', `--label=${label}`, `--hostname=ip-${order.address.replaceAll('.', '-')}.${order.region}.compute.internal`,
      // Podman would hand its own proxy variables on.
      ...(engine === 'podman' ? ['--http-proxy=false'] : []),
      ...(wiring.published ? Object.entries(wiring.ports).map(([containerPort, port]) => `--publish=127.0.0.1:${port}:${containerPort}`) : []),
      ...variables.map(([name, value]) => `--env=${ENGINES_OWN.test(name) ? `${name}=${value}` : name}`),
      ...hosts(engine, wiring),
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

/** Load balancers listen on this machine's loopback. From a network of its own Docker knows a way to the machine; not every Podman does. */
function hosts(engine: EngineName, { names, published }: Wiring): string[] {
  if (published && engine === 'podman') return [];
  return names.map((name) => `--add-host=${name}:${published ? 'host-gateway' : '127.0.0.1'}`);
}

/** The task's limits and the container's own, whichever is lower. */
function limits({ definition, limits: { vcpus, memoryMiB } }: ContainerOrder): string[] {
  const memory = Math.min(definition.memory ?? Infinity, memoryMiB ?? Infinity);
  return [
    ...(vcpus === undefined ? [] : [`--cpus=${vcpus}`]),
    ...(definition.cpu ? [`--cpu-shares=${Math.max(2, definition.cpu)}`] : []),
    // As much with swap as without it: Fargate has none.
    ...(Number.isFinite(memory) ? [`--memory=${memory * MIB}`, `--memory-swap=${memory * MIB}`] : []),
  ];
}
