/** Task definitions: the one generated for a first version, and the next one made from what runs or from a file. */
import type { TaskDefinition } from '../aws/ecs.ts';
import { CanaryError } from '../errors.ts';
import type { ServiceSettings } from '../settings/settings.ts';
import type { Place, Version } from './model.ts';

type Container = NonNullable<TaskDefinition['containerDefinitions']>[number];

/** The image of the service's container; undefined when it has none. */
export function imageOf(definition: TaskDefinition, service: string): string | undefined {
  return mainContainer(definition, service)?.image;
}

/** The container that gets the traffic: the one named like the service. */
export function mainContainer(definition: TaskDefinition, service: string): Container | undefined {
  return definition.containerDefinitions?.find(({ name }) => name === service);
}

/**
 * The same task definition with another version in it: the image of the service's container is replaced, everything else
 * stays.
 * @throws CanaryError `no-container` when it has no such container.
 */
export function withVersion(base: TaskDefinition, service: string, version: Version): TaskDefinition {
  const container = mainContainer(base, service);
  if (!container) {
    const names = (base.containerDefinitions ?? []).map(({ name }) => name).join(', ') || 'none';
    throw new CanaryError({
      code: 'no-container',
      message: `The task definition has no container named ${service} (it has: ${names}).`,
      next: `name the container that gets the traffic ${service}`,
    });
  }
  const containerDefinitions = (base.containerDefinitions ?? []).map((other) =>
    other === container ? { ...container, image: version.image } : other,
  );
  return { ...base, containerDefinitions };
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
    runtimePlatform: { cpuArchitecture: settings.cpuArchitecture ?? 'X86_64', operatingSystemFamily: 'LINUX' },
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
