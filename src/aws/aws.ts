/** The shared AWS service module: everything that the program asks of AWS, in the program's words. */
import { setMaxListeners } from 'node:events';
import type { Connection } from '../settings/connection.ts';
import { type Certificates, certificates } from './acm.ts';
import { type Stacks, stacks } from './cloudformation.ts';
import { type Metrics, metrics } from './cloudwatch.ts';
import { type Registry, registry } from './ecr.ts';
import { type Containers, containers } from './ecs.ts';
import { type LoadBalancing, loadBalancing } from './elbv2.ts';
import { type Roles, roles } from './iam.ts';
import { type Logs, logs } from './logs.ts';
import { type Parameters, parameters } from './ssm.ts';
import { type Identity, identity } from './sts.ts';
import { oncePerSpell } from './throttling.ts';

export interface Aws {
  readonly identity: Identity;
  readonly loadBalancing: LoadBalancing;
  readonly containers: Containers;
  readonly registry: Registry;
  readonly parameters: Parameters;
  readonly logs: Logs;
  readonly metrics: Metrics;
  readonly stacks: Stacks;
  readonly roles: Roles;
  readonly certificates: Certificates;
}

export interface Calling {
  /**
   * Has the parameter store, STS and CloudFormation answer or fail within seconds, and repeats sooner what AWS throttles: for the
   * way back, which can do without them.
   */
  readonly hurried?: boolean;
  /** ms that a call is repeated for while AWS throttles it; 15 minutes if not given. */
  readonly timeout?: number;
  /** Ends such a wait at once. */
  readonly signal?: AbortSignal;
  /** Told once for each spell of throttling, with a call that waits, named as IAM does. */
  readonly onThrottled?: (action: string) => void;
}

const TIMEOUT = 15 * 60_000;

/** Nothing is loaded or connected before its first call. */
export function connectAws(connection: Connection, calling: Calling = {}): Aws {
  const { hurried = false, timeout = TIMEOUT, signal = new AbortController().signal, onThrottled = () => undefined } = calling;
  // As many calls as are made at once may wait for it.
  setMaxListeners(0, signal);
  const caller = { ...connection, patience: { timeout, signal, urgent: hurried, onPause: oncePerSpell(onThrottled) } };
  return {
    identity: identity(caller, { hurried }),
    loadBalancing: loadBalancing(caller),
    containers: containers(caller),
    registry: registry(caller),
    parameters: parameters(caller, { hurried }),
    logs: logs(caller),
    metrics: metrics(caller),
    stacks: stacks(caller, { hurried }),
    roles: roles(caller),
    certificates: certificates(caller),
  };
}
