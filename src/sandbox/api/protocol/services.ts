/** The emulated services: protocol, API model and operations of each. Models and operations load with the first request. */
import type { ServiceName } from '../../parts.ts';
import type { Operations } from '../service.ts';
import { awsJson, awsJson10 } from './json.ts';
import { readModel, type ServiceModel } from './model.ts';
import { awsQuery } from './query.ts';
import { restXml } from './rest-xml.ts';
import type { WireProtocol } from './wire.ts';

export interface Service extends ServiceDescription {
  readonly model: ServiceModel;
  readonly operations: Operations;
}

interface ServiceDescription {
  readonly protocol: WireProtocol;
  /** The API version, which Query requests name. */
  readonly version: string;
  readonly xmlNamespace: string;
  /** What the service calls a request whose required members are missing. */
  readonly invalidInput: string;
}

interface Loadable extends ServiceDescription {
  readonly client: () => Promise<object>;
  readonly implementation: () => Promise<{ operations: Operations }>;
}

const json = { protocol: awsJson, version: '', xmlNamespace: '' };

const services: Readonly<Record<ServiceName, Loadable>> = {
  acm: {
    ...json,
    invalidInput: 'ValidationException',
    client: () => import('@aws-sdk/client-acm'),
    implementation: () => import('../acm/index.ts'),
  },
  ecs: {
    ...json,
    invalidInput: 'InvalidParameterException',
    client: () => import('@aws-sdk/client-ecs'),
    implementation: () => import('../ecs/index.ts'),
  },
  ecr: {
    ...json,
    invalidInput: 'InvalidParameterException',
    client: () => import('@aws-sdk/client-ecr'),
    implementation: () => import('../ecr/index.ts'),
  },
  ssm: {
    ...json,
    invalidInput: 'ValidationException',
    client: () => import('@aws-sdk/client-ssm'),
    implementation: () => import('../ssm/index.ts'),
  },
  logs: {
    ...json,
    invalidInput: 'InvalidParameterException',
    client: () => import('@aws-sdk/client-cloudwatch-logs'),
    implementation: () => import('../logs/index.ts'),
  },
  monitoring: {
    ...json,
    protocol: awsJson10,
    invalidInput: 'ValidationException',
    client: () => import('@aws-sdk/client-cloudwatch'),
    implementation: () => import('../cloudwatch/index.ts'),
  },
  elasticloadbalancing: {
    protocol: awsQuery,
    version: '2015-12-01',
    xmlNamespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
    invalidInput: 'ValidationError',
    client: () => import('@aws-sdk/client-elastic-load-balancing-v2'),
    implementation: () => import('../elbv2/index.ts'),
  },
  cloudformation: {
    protocol: awsQuery,
    version: '2010-05-15',
    xmlNamespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    invalidInput: 'ValidationError',
    client: () => import('@aws-sdk/client-cloudformation'),
    implementation: () => import('../cloudformation/index.ts'),
  },
  sts: {
    protocol: awsQuery,
    version: '2011-06-15',
    xmlNamespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    invalidInput: 'ValidationError',
    client: () => import('@aws-sdk/client-sts'),
    implementation: () => import('../sts.ts'),
  },
  iam: {
    protocol: awsQuery,
    version: '2010-05-08',
    xmlNamespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    invalidInput: 'ValidationError',
    client: () => import('@aws-sdk/client-iam'),
    implementation: () => import('../iam.ts'),
  },
  route53: {
    protocol: restXml,
    version: '2013-04-01',
    xmlNamespace: 'https://route53.amazonaws.com/doc/2013-04-01/',
    invalidInput: 'InvalidInput',
    client: () => import('@aws-sdk/client-route-53'),
    implementation: () => import('../route53/index.ts'),
  },
};

const loaded = new Map<ServiceName, Promise<Service>>();

/** The service of a credential scope; undefined for one that is not emulated. */
export async function findService(name: string): Promise<Service | undefined> {
  return isServiceName(name) ? loadService(name) : undefined;
}

/** Loads a service's model and operations, once. */
export function loadService(name: ServiceName): Promise<Service> {
  const known = loaded.get(name);
  if (known) return known;
  const service = load(services[name]);
  loaded.set(name, service);
  return service;
}

/** The names of all operations that are emulated, of every service. */
export async function allOperations(): Promise<ReadonlySet<string>> {
  const names = Object.keys(services).filter(isServiceName);
  const all = await Promise.all(names.map(loadService));
  return new Set(all.flatMap(({ operations }) => Object.keys(operations)));
}

function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(services, name);
}

async function load({ client, implementation, ...description }: Loadable): Promise<Service> {
  const [schemas, { operations }] = await Promise.all([client(), implementation()]);
  return { ...description, model: readModel(schemas), operations };
}
