/** The validated settings of a run. All messages about bad input come from here. */
import type * as z from 'zod';
import { type Bounds, orNone } from './bounds.ts';
import type { BuilderName } from './builders.ts';
import { type Connection, type Variables, connectionOf, throwProblems } from './connection.ts';
import { type Existing, problemsOf } from './existing.ts';
import { lengthProblems } from './parameters.ts';
import type { CpuArchitecture } from './platforms.ts';
import { portProblems } from './ports.ts';
import { HEALTH_CHECK_PATHS, type Protocol } from './protocols.ts';
import { projectSchema, serviceSchema } from './schema.ts';
import { resourcesOf, type Secrets } from './secrets.ts';

export type { Connection, Variables } from './connection.ts';

export interface Settings extends Connection {
  readonly project: string;
  /** 12 digits. */
  readonly account: string;
  /** All services of the project, in the order given. */
  readonly services: readonly ServiceSettings[];
  /** The one this run is about. */
  readonly service: ServiceSettings;
  readonly listenerPort: number;
  readonly internalListenerPort: number;
  /** Of the internal load balancer, where a service behind it speaks gRPC. */
  readonly internalHttpsListenerPort: number;
  /** Of the public load balancer, where there is a certificate. */
  readonly httpsListenerPort: number;
  readonly certificateArn: string | undefined;
  /** How tasks reach AWS and the internet: `none`, from public subnets by themselves; else from private ones. */
  readonly nat: 'none' | 'one' | 'per-zone' | 'endpoints';
  /** Whether the base stack refuses to be deleted. */
  readonly terminationProtection: boolean;
  /** What is used instead of making it. */
  readonly existing: Existing;
  readonly bastion: { readonly keyPair: string; readonly cidr: string } | undefined;
  /** ms between two looks at AWS. */
  readonly pollInterval: number;
  /** ms to wait after a weight change was read back. */
  readonly settle: number;
  /** Percentages that `update` goes through; the last one is 100. */
  readonly steps: readonly number[];
  /** ms that `update` stays at each step before the next. */
  readonly hold: number;
}

export interface ServiceSettings {
  readonly name: string;
  readonly expose: 'public' | 'internal';
  readonly protocol: Protocol;
  readonly pathPattern: string;
  readonly hostHeader: string | undefined;
  readonly containerPort: number;
  readonly desiredCount: number;
  /** CPU units; 1024 are one vCPU. */
  readonly cpu: string;
  /** MiB. */
  readonly memory: number;
  /** Undefined: that of the image. */
  readonly cpuArchitecture: CpuArchitecture | undefined;
  readonly healthCheck: {
    readonly path: string;
    /** Seconds. */
    readonly interval: number;
    /** Seconds. */
    readonly timeout: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    /** Seconds. */
    readonly gracePeriod: number;
  };
  /** Seconds. */
  readonly deregistrationDelay: number;
  /** What the generated task definition hands to the container, beside its own variables. */
  readonly secrets: Secrets;
  /** Of its tasks; undefined for one that is made. */
  readonly securityGroupIds: readonly string[] | undefined;
  /** ARNs; undefined for a pair that is made. */
  readonly targetGroups: { readonly blue: string; readonly green: string } | undefined;
  /** What a canary must keep to while it has traffic. */
  readonly bounds: Bounds;
  /** Undefined: the first engine that answers, else `pack`. */
  readonly builder: BuilderName | undefined;
  /** What `pack` lays the files on; undefined for nothing. */
  readonly baseImage: string | undefined;
}

/**
 * All settings of the project and of its services.
 * @throws CanaryError `usage` that names every setting that is missing or malformed, and what each should look like.
 */
export function readSettings(variables: Variables): Settings {
  const problems: string[] = [];
  const connection = connectionOf(variables, problems);
  const project = check(projectSchema, variables, problems);
  const names = project?.SERVICES ?? [project?.SERVICE_NAME ?? 'server'];
  const services = names.map((name, index) => readService(name, variables, index === 0, problems));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) problems.push(`SERVICES names ${twice} twice.`);
  const wanted = variables['SERVICE_NAME'] ? project?.SERVICE_NAME : names[0];
  if (wanted !== undefined && !names.includes(wanted)) problems.push(`SERVICE_NAME is ${wanted}, which is not in SERVICES (${names.join(',')}).`);
  const chosen = services.find((service) => service?.name === wanted);
  const found = services.filter((service) => service !== undefined);
  if (project) problems.push(...projectProblems(project, found));
  throwProblems(problems);
  if (!project || !chosen) throw new Error('a setting is missing although none was reported');
  return {
    ...connection,
    project: project.PROJECT_NAME,
    account: project.AWS_ACCOUNT_ID,
    services: found,
    service: chosen,
    listenerPort: project.LISTENER_PORT,
    internalListenerPort: project.INTERNAL_LISTENER_PORT,
    internalHttpsListenerPort: internalHttpsPort(project),
    httpsListenerPort: project.HTTPS_LISTENER_PORT,
    certificateArn: project.CERTIFICATE_ARN,
    nat: project.NAT,
    terminationProtection: project.TERMINATION_PROTECTION,
    existing: existingOf(project),
    bastion: project.KEY_PAIR && project.BASTION_CIDR ? { keyPair: project.KEY_PAIR, cidr: project.BASTION_CIDR } : undefined,
    pollInterval: project.POLL_INTERVAL,
    settle: project.SETTLE,
    steps: project.STEPS,
    hold: project.HOLD,
  };
}

type ProjectVariables = z.output<typeof projectSchema>;

function existingOf({ VPC_ID, SUBNET_IDS, CLUSTER, LISTENER_ARNS }: ProjectVariables): Existing {
  return { vpcId: VPC_ID, subnetIds: SUBNET_IDS, cluster: CLUSTER, listenerArns: LISTENER_ARNS };
}

/** One listener alone takes the port of the internal load balancer, whatever it speaks. */
function internalHttpsPort({ INTERNAL_HTTPS_LISTENER_PORT, INTERNAL_LISTENER_PORT }: ProjectVariables): number {
  return INTERNAL_HTTPS_LISTENER_PORT ?? INTERNAL_LISTENER_PORT;
}

/** Settings that need one another, or contradict. */
function projectProblems(project: ProjectVariables, services: readonly ServiceSettings[]): string[] {
  const { KEY_PAIR, BASTION_CIDR, CERTIFICATE_ARN, LISTENER_PORT, HTTPS_LISTENER_PORT, INTERNAL_LISTENER_PORT, NAT, VPC_ID, SUBNET_IDS, LISTENER_ARNS } = project;
  const problems = problemsOf({ existing: existingOf(project), nat: NAT, certificateArn: CERTIFICATE_ARN, keyPair: KEY_PAIR, services });
  if (KEY_PAIR && !BASTION_CIDR) {
    problems.push('BASTION_CIDR is missing: with KEY_PAIR, say which addresses may reach the bastion, such as 203.0.113.4/32.');
  }
  const makes = (expose: 'public' | 'internal', ...protocols: Protocol[]) =>
    !LISTENER_ARNS && services.some((service) => service.expose === expose && protocols.includes(service.protocol));
  if (EC2_ZONES.includes(project.PROJECT_NAME) && makes('internal', 'grpc')) {
    problems.push(`PROJECT_NAME is "${project.PROJECT_NAME}": with an internal service that speaks gRPC it should be another name, since EC2's own host names are in ${project.PROJECT_NAME}.internal.`);
  }
  return [
    ...problems,
    ...lengthProblems({ SUBNET_IDS: SUBNET_IDS?.join(','), CERTIFICATE_ARN, KEY_PAIR }),
    ...portProblems({
      http: makes('public', 'http', 'grpc') ? LISTENER_PORT : undefined,
      https: makes('public', 'http', 'grpc') && CERTIFICATE_ARN ? HTTPS_LISTENER_PORT : undefined,
      internal: makes('internal', 'http') ? INTERNAL_LISTENER_PORT : undefined,
      internalHttps: makes('internal', 'grpc') ? internalHttpsPort(project) : undefined,
      inGivenVpc: VPC_ID !== undefined,
    }),
  ];
}

/** Projects whose private zone would hide the host names of a VPC: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html */
const EC2_ZONES: readonly string[] = ['ec2', 'compute'];

const GRPC_METHOD = /^\/[\w.]+\/\w+$/;

function readService(name: string, variables: Variables, first: boolean, problems: string[]): ServiceSettings | undefined {
  const prefix = `${name.toUpperCase().replaceAll('-', '_')}_`;
  const own: Record<string, string | undefined> = {};
  for (const key of Object.keys(serviceSchema.shape)) own[key] = variables[prefix + key] || variables[key];
  const nameOf = (key: string) => (variables[prefix + key] ? prefix + key : key);
  const value = check(serviceSchema, own, problems, nameOf);
  if (!value) return undefined;
  if (value.HEALTH_CHECK_TIMEOUT >= value.HEALTH_CHECK_INTERVAL) {
    problems.push('HEALTH_CHECK_TIMEOUT should be less than HEALTH_CHECK_INTERVAL.');
  }
  if (value.PROTOCOL === 'grpc' && value.HEALTH_CHECK_PATH !== undefined && !GRPC_METHOD.test(value.HEALTH_CHECK_PATH)) {
    problems.push(`${nameOf('HEALTH_CHECK_PATH')} is "${value.HEALTH_CHECK_PATH}": for ${name}, which speaks gRPC, it should be a method. Set ${prefix}HEALTH_CHECK_PATH=${HEALTH_CHECK_PATHS.grpc}.`);
  }
  const { secrets, parameters } = resourcesOf(value.SECRETS ?? {});
  for (const list of [secrets, parameters]) problems.push(...lengthProblems({ [nameOf('SECRETS')]: list.join(',') }).filter((problem) => !problems.includes(problem)));
  const { BLUE_TARGET_GROUP_ARN: blue, GREEN_TARGET_GROUP_ARN: green } = value;
  const half = blue === undefined ? 'BLUE' : 'GREEN';
  if ((blue === undefined) !== (green === undefined)) problems.push(`${half}_TARGET_GROUP_ARN is missing: a pair of ${name} is two target groups.`);
  return {
    name,
    expose: value.EXPOSE ?? (first ? 'public' : 'internal'),
    protocol: value.PROTOCOL,
    pathPattern: value.PATH_PATTERN,
    hostHeader: value.HOST_HEADER,
    containerPort: value.CONTAINER_PORT,
    desiredCount: value.DESIRED_COUNT,
    cpu: value.CPU,
    memory: value.MEMORY,
    cpuArchitecture: value.CPU_ARCHITECTURE,
    healthCheck: {
      path: value.HEALTH_CHECK_PATH ?? HEALTH_CHECK_PATHS[value.PROTOCOL],
      interval: value.HEALTH_CHECK_INTERVAL,
      timeout: value.HEALTH_CHECK_TIMEOUT,
      healthyThreshold: value.HEALTHY_THRESHOLD,
      unhealthyThreshold: value.UNHEALTHY_THRESHOLD,
      gracePeriod: value.HEALTH_CHECK_GRACE_PERIOD,
    },
    deregistrationDelay: value.DEREGISTRATION_DELAY,
    secrets: value.SECRETS ?? {},
    securityGroupIds: value.SECURITY_GROUP_IDS,
    targetGroups: blue !== undefined && green !== undefined ? { blue, green } : undefined,
    bounds: { max5xx: orNone(value.MAX_5XX), maxLatency: orNone(value.MAX_LATENCY) },
    // Only `pack` knows what a base image is that the settings name.
    builder: value.BUILDER ?? (value.BASE_IMAGE === undefined ? undefined : 'pack'),
    baseImage: value.BASE_IMAGE === 'none' ? undefined : value.BASE_IMAGE,
  };
}

/** Parses the schema's variables; an empty one counts as absent. */
function check<Output>(
  schema: z.ZodObject & z.ZodType<Output>,
  variables: Variables,
  problems: string[],
  nameOf: (key: string) => string = (key) => key,
): Output | undefined {
  const given: Record<string, string | undefined> = {};
  for (const key of Object.keys(schema.shape)) given[key] = variables[key]?.trim() || undefined;
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const key = String(issue.path[0]);
    const value = given[key];
    const problem =
      value === undefined
        ? `${nameOf(key)} is missing: it should be ${MISSING[key] ?? 'set'}.`
        : `${nameOf(key)} is "${value}": it should be ${issue.message}.`;
    if (!problems.includes(problem)) problems.push(problem);
  }
  return undefined;
}

const MISSING: Readonly<Record<string, string>> = {
  PROJECT_NAME: 'a name such as echo',
  AWS_ACCOUNT_ID: 'the 12 digits of your AWS account',
};
