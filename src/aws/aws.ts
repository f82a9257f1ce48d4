/** The shared AWS service module: everything that the program asks of AWS, in the program's words. */
import type { Connection } from '../settings/connection.ts';
import { type Stacks, stacks } from './cloudformation.ts';
import { type Metrics, metrics } from './cloudwatch.ts';
import { type Registry, registry } from './ecr.ts';
import { type Containers, containers } from './ecs.ts';
import { type LoadBalancing, loadBalancing } from './elbv2.ts';
import { type Logs, logs } from './logs.ts';
import { type Parameters, parameters } from './ssm.ts';
import { type Identity, identity } from './sts.ts';

export interface Aws {
  readonly identity: Identity;
  readonly loadBalancing: LoadBalancing;
  readonly containers: Containers;
  readonly registry: Registry;
  readonly parameters: Parameters;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly stacks: Stacks;
}

/**
 * Nothing is loaded or connected before its first call.
 * @param hurried has the parameter store, STS and CloudFormation answer or fail within seconds: for the way back, which can do
 *   without them.
 */
export function connectAws(connection: Connection, { hurried = false }: { hurried?: boolean } = {}): Aws {
  return {
    identity: identity(connection, { hurried }),
    loadBalancing: loadBalancing(connection),
    containers: containers(connection),
    registry: registry(connection),
    parameters: parameters(connection, { hurried }),
    logs: logs(connection),
    metrics: metrics(connection),
    stacks: stacks(connection, { hurried }),
  };
}
