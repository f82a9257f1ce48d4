/** What RegisterTaskDefinition checks, and what it works out by itself. */
import type { Attribute, Compatibility, ContainerDefinition, RegisterTaskDefinitionRequest } from '@aws-sdk/client-ecs';
import { clientError } from './errors.ts';

const NAME = /^[A-Za-z0-9_-]{1,255}$/;

/** Fargate's sizes: MiB of memory by CPU units, as lowest, highest and step. */
const FARGATE_MEMORY: Readonly<Record<string, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: steps(1024, 4096, 1024),
  1024: steps(2048, 8192, 1024),
  2048: steps(4096, 16_384, 1024),
  4096: steps(8192, 30_720, 1024),
  8192: steps(16_384, 61_440, 4096),
  16384: steps(32_768, 122_880, 8192),
};

function steps(lowest: number, highest: number, step: number): number[] {
  return Array.from({ length: (highest - lowest) / step + 1 }, (_, index) => lowest + index * step);
}

/** CPU units as ECS stores them: `.5 vCPU` is `512`. */
export function cpuUnits(cpu: string | undefined): string | undefined {
  const vcpu = /^\s*(\d*\.?\d+)\s*vcpu\s*$/i.exec(cpu ?? '')?.[1];
  return vcpu === undefined ? cpu : String(Number(vcpu) * 1024);
}

/** Memory in MiB as ECS stores it: `1 GB` is `1024`. */
export function memoryMiB(memory: string | undefined): string | undefined {
  const gigabytes = /^\s*(\d*\.?\d+)\s*gb\s*$/i.exec(memory ?? '')?.[1];
  return gigabytes === undefined ? memory : String(Number(gigabytes) * 1024);
}

/** Throws AwsError ClientException for what AWS refuses. */
export function checkDefinition(input: RegisterTaskDefinitionRequest): void {
  const containers = input.containerDefinitions ?? [];
  if (!NAME.test(input.family ?? '')) {
    throw clientError(input.family ? 'Family contains invalid characters.' : 'Family can not be blank.');
  }
  if (containers.length === 0) {
    throw clientError('Container list cannot be empty.');
  }
  for (const container of containers) {
    checkContainer(container, input);
  }
  if (new Set(containers.map(({ name }) => name)).size < containers.length) {
    throw clientError('Container names must be unique within a task definition.');
  }
  if (containers.every(({ essential }) => essential === false)) {
    throw clientError('At least one container must be essential.');
  }
  if (input.requiresCompatibilities?.includes('FARGATE')) {
    checkFargate(input, containers);
  }
}

function checkContainer(container: ContainerDefinition, { memory, networkMode }: RegisterTaskDefinitionRequest): void {
  if (!container.name) {
    throw clientError('Container.name should not be null or empty.');
  }
  if (!NAME.test(container.name)) {
    throw clientError('Container.name contains invalid characters.');
  }
  if (!container.image) {
    throw clientError('Container.image should not be null or empty.');
  }
  if (memory === undefined && container.memory === undefined && container.memoryReservation === undefined) {
    throw clientError(
      `Invalid setting for container '${container.name}'. At least one of 'memory' or 'memoryReservation' must be specified.`,
    );
  }
  for (const { containerPort, hostPort } of container.portMappings ?? []) {
    if (networkMode === 'awsvpc' && hostPort !== undefined && hostPort !== containerPort) {
      throw clientError('When networkMode=awsvpc, the host ports and container ports in port mappings must match.');
    }
  }
}

function checkFargate(input: RegisterTaskDefinitionRequest, containers: readonly ContainerDefinition[]): void {
  if (input.networkMode !== 'awsvpc') {
    throw clientError('Fargate only supports network mode ‘awsvpc’.');
  }
  if (input.cpu === undefined) {
    throw clientError('Fargate requires that \'cpu\' be defined at the task level.');
  }
  if (input.memory === undefined) {
    throw clientError('Fargate requires that \'memory\' be defined at the task level.');
  }
  const cpu = cpuUnits(input.cpu) ?? '';
  const memory = memoryMiB(input.memory) ?? '';
  if (!FARGATE_MEMORY[cpu]?.includes(Number(memory))) {
    throw clientError(`No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory. See the Amazon ECS documentation for the valid values.`);
  }
  if (input.executionRoleArn === undefined && containers.some(({ image = '' }) => isInEcr(image))) {
    throw clientError('Fargate requires task definition to have execution role ARN to support ECR images.');
  }
  if (input.executionRoleArn === undefined && containers.some(({ logConfiguration }) => logConfiguration?.logDriver === 'awslogs')) {
    throw clientError('Fargate requires task definition to have execution role ARN to support log driver awslogs.');
  }
}

/** The sandbox's own registry is its ECR. */
function isInEcr(image: string): boolean {
  return /^\d{12}\.dkr\.ecr\.|^(?:127\.0\.0\.1|localhost):\d+\//.test(image);
}

/** A container definition with what AWS fills in. */
export function completeContainer(container: ContainerDefinition, networkMode: string | undefined): ContainerDefinition {
  return {
    cpu: 0,
    essential: true,
    environment: [],
    mountPoints: [],
    volumesFrom: [],
    systemControls: [],
    ...container,
    portMappings: (container.portMappings ?? []).map((mapping) => ({
      protocol: 'tcp',
      hostPort: networkMode === 'awsvpc' || networkMode === 'host' ? mapping.containerPort : 0,
      ...mapping,
    })),
  };
}

/** Where such tasks could run. */
export function compatibilitiesOf(input: RegisterTaskDefinitionRequest): Compatibility[] {
  const isFargateSize = FARGATE_MEMORY[cpuUnits(input.cpu) ?? '']?.includes(Number(memoryMiB(input.memory)));
  return input.networkMode === 'awsvpc' && isFargateSize ? ['EC2', 'FARGATE'] : ['EC2'];
}

/** What a container instance would have to offer. */
export function requiredAttributes(input: RegisterTaskDefinitionRequest): Attribute[] {
  const containers = input.containerDefinitions ?? [];
  const logs = containers.some(({ logConfiguration }) => logConfiguration?.logDriver === 'awslogs');
  const ecr = containers.some(({ image = '' }) => isInEcr(image));
  const executionRole = input.executionRoleArn !== undefined;
  const needed: readonly (readonly [boolean, string])[] = [
    [logs, 'com.amazonaws.ecs.capability.logging-driver.awslogs'],
    [logs && executionRole, 'ecs.capability.execution-role-awslogs'],
    [ecr, 'com.amazonaws.ecs.capability.ecr-auth'],
    [logs, 'com.amazonaws.ecs.capability.docker-remote-api.1.19'],
    [input.taskRoleArn !== undefined, 'com.amazonaws.ecs.capability.task-iam-role'],
    [ecr && executionRole, 'ecs.capability.execution-role-ecr-pull'],
    [containers.some(({ secrets = [] }) => secrets.length > 0), 'ecs.capability.secrets.ssm.environment-variables'],
    [true, 'com.amazonaws.ecs.capability.docker-remote-api.1.18'],
    [input.networkMode === 'awsvpc', 'ecs.capability.task-eni'],
  ];
  return needed.flatMap(([isNeeded, name]) => (isNeeded ? [{ name }] : []));
}
