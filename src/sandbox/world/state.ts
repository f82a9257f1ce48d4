/** Everything durable: of one region, and of the account. Each service's part is described in its own file. */
import { type AcmState, emptyAcm } from './acm-state.ts';
import { type CloudFormationState, emptyCloudFormation } from './cloudformation-state.ts';
import { type EcrState, emptyEcr } from './ecr-state.ts';
import { type EcsState, emptyEcs } from './ecs-state.ts';
import { type Elbv2State, emptyElbv2 } from './elbv2-state.ts';
import { emptyIam, type IamState } from './iam-state.ts';
import { type LogsState, emptyLogs } from './logs-state.ts';
import { emptyRoute53, type Route53State } from './route53-state.ts';
import { type SsmState, emptySsm } from './ssm-state.ts';

export interface WorldState {
  acm: AcmState;
  cloudformation: CloudFormationState;
  ecr: EcrState;
  ecs: EcsState;
  elbv2: Elbv2State;
  iam: IamState;
  logs: LogsState;
  ssm: SsmState;
}

export function emptyWorld(): WorldState {
  return {
    acm: emptyAcm(),
    cloudformation: emptyCloudFormation(),
    ecr: emptyEcr(),
    ecs: emptyEcs(),
    elbv2: emptyElbv2(),
    iam: emptyIam(),
    logs: emptyLogs(),
    ssm: emptySsm(),
  };
}

/** What belongs to no region. */
export interface GlobalState {
  route53: Route53State;
}

export function emptyGlobal(): GlobalState {
  return { route53: emptyRoute53() };
}
