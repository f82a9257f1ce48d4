/** What the stacks of a project are to be, from its settings. */
import type { Stack, StackRequest } from '../aws/cloudformation.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { PROJECT_TAG, SERVICE_TAG } from './session.ts';
import { templates } from './templates.ts';

/**
 * The project's base.
 * @param existing the stack as it is: a load balancer that is there stays, because listener rules may stand on it.
 */
export function baseRequest(settings: Settings, existing: Stack | undefined): StackRequest {
  const needs = (expose: 'public' | 'internal', listener: string) =>
    settings.services.some((service) => service.expose === expose) || existing?.outputs[listener] !== undefined;
  return {
    name: baseName(settings),
    template: templates.base,
    parameters: {
      ProjectName: settings.project,
      PublicServices: String(needs('public', 'PublicListenerArn')),
      InternalServices: String(needs('internal', 'InternalListenerArn')),
      ListenerPort: String(settings.listenerPort),
      InternalListenerPort: String(settings.internalListenerPort),
      KeyPair: settings.bastion?.keyPair ?? '',
      BastionCidr: settings.bastion?.cidr ?? '',
    },
    tags: { [PROJECT_TAG]: settings.project },
    protect: settings.terminationProtection,
  };
}

/** One service's part. */
export function serviceRequest(settings: Settings, service: ServiceSettings, vpcId: string): StackRequest {
  const { healthCheck } = service;
  return {
    name: serviceStackName(settings, service.name),
    template: templates.service,
    parameters: {
      ProjectName: settings.project,
      ServiceName: service.name,
      VpcId: vpcId,
      HealthCheckPath: healthCheck.path,
      HealthCheckInterval: String(healthCheck.interval),
      HealthCheckTimeout: String(healthCheck.timeout),
      HealthyThreshold: String(healthCheck.healthyThreshold),
      UnhealthyThreshold: String(healthCheck.unhealthyThreshold),
      DeregistrationDelay: String(service.deregistrationDelay),
    },
    tags: { [PROJECT_TAG]: settings.project, [SERVICE_TAG]: service.name },
    protect: false,
  };
}

export function baseName(settings: Settings): string {
  return settings.project;
}

export function serviceStackName(settings: Settings, service: string): string {
  return `${settings.project}-${service}`;
}
