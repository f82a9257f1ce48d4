/** Actions of rules and listeners: AWS's checks, and the form in which AWS keeps them. */
import type {
  Action,
  FixedResponseActionConfig,
  RedirectActionConfig,
  TargetGroupTuple,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import { forwardedTargetGroups, loadBalancersOf, type StoredRule, targetCount } from '../../world/elbv2-state.ts';
import { AUTHENTICATION, normaliseAuthentication } from './authentication-actions.ts';
import { limitOf } from './limits.ts';
import { findTargetGroup, targetGroupsOf, tooManyTargets, validationError } from './lookup.ts';

/** The listener that the actions are for. */
export interface ActionContext {
  readonly loadBalancerArn: string;
  readonly protocol: string;
  /** The rule whose actions they are to be from now on. */
  readonly replaces?: StoredRule | undefined;
}

const ROUTING = ['forward', 'redirect', 'fixed-response'];
const MOST_STICKY_SECONDS = 604_800;

/** The actions as AWS answers them, in their order. Throws AwsError for what AWS refuses. */
export function normaliseActions(region: Region, actions: readonly Action[], context: ActionContext): Action[] {
  checkSequence(actions, context);
  const normalised = actions.map((action) => normaliseAction(region, action));
  checkGrpc(region, normalised, context.protocol);
  checkTargetGroupUse(region, forwardedTargetGroups(normalised), context);
  return normalised.toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0));
}

/**
 * Target groups that take gRPC stand behind HTTPS only, and no other action stands before the one that forwards to them.
 * Throws AwsError InvalidLoadBalancerAction, as AWS is on record with for a listener of HTTP.
 */
export function checkGrpc(region: Region, actions: readonly Action[], protocol: string): void {
  const groups = forwardedTargetGroups(actions).map((arn) => region.state.elbv2.targetGroups[arn]?.description);
  if (!groups.some((group) => group?.ProtocolVersion === 'GRPC')) return;
  if (protocol !== 'HTTPS') {
    const message = `Listener protocol '${protocol}' is not supported with a target group with the protocol-version 'GRPC'`;
    throw new AwsError('InvalidLoadBalancerAction', message);
  }
  if (actions.length > 1) {
    const message = "Only forward actions are supported with a target group with the protocol-version 'GRPC'";
    throw new AwsError('InvalidLoadBalancerAction', message);
  }
}

function checkSequence(actions: readonly Action[], { protocol }: ActionContext): void {
  if (actions.length === 0) throw validationError('An action must be specified');
  const unknown = actions.findIndex(({ Type = '' }) => ![...ROUTING, ...AUTHENTICATION].includes(Type));
  if (unknown >= 0) {
    throw validationError(
      `1 validation error detected: Value '${actions[unknown]?.Type}' at 'actions.${unknown + 1}.member.type' failed to satisfy ` +
        `constraint: Member must satisfy enum value set: [${[...ROUTING, ...AUTHENTICATION].join(', ')}]`,
    );
  }
  const orders = actions.map(({ Order }) => Order);
  if (actions.length > 1 && (orders.includes(undefined) || new Set(orders).size < orders.length)) {
    throw validationError('A different order must be specified for each action of a rule with multiple actions');
  }
  const inOrder = actions.toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0));
  const routing = inOrder.filter(({ Type = '' }) => ROUTING.includes(Type));
  if (routing.length > 1) throw new AwsError('TooManyActions', `A rule can have only one action of [${ROUTING.join(', ')}]`);
  if (routing[0] === undefined || inOrder.at(-1) !== routing[0]) {
    throw new AwsError('InvalidLoadBalancerAction', `The last action of a rule must be one of [${ROUTING.join(', ')}]`);
  }
  if (actions.length > 1 && protocol !== 'HTTPS') {
    throw new AwsError('InvalidLoadBalancerAction', `Authentication actions are not supported on listeners with protocol '${protocol}'`);
  }
}

function normaliseAction(region: Region, action: Action): Action {
  if (action.Type === 'forward') return normaliseForward(region, action);
  if (action.Type === 'redirect') return { ...action, RedirectConfig: normaliseRedirect(action.RedirectConfig) };
  if (AUTHENTICATION.includes(action.Type ?? '')) return normaliseAuthentication(action);
  if (action.Type === 'fixed-response') checkFixedResponse(action.FixedResponseConfig);
  return action;
}

function normaliseForward(region: Region, action: Action): Action {
  const { TargetGroupArn, ForwardConfig, ...rest } = action;
  const groups = ForwardConfig?.TargetGroups ?? [{ TargetGroupArn }];
  if (TargetGroupArn !== undefined && (groups.length !== 1 || groups[0]?.TargetGroupArn !== TargetGroupArn)) {
    throw validationError(
      'If you specify both ForwardConfig and TargetGroupArn, you can specify only one target group using ForwardConfig and it must ' +
        'be the same target group specified in TargetGroupArn',
    );
  }
  checkGroups(region, groups);
  const stickiness = ForwardConfig?.TargetGroupStickinessConfig ?? { Enabled: false };
  checkStickiness(region, groups, stickiness);
  const TargetGroups = groups.map((group) => ({ TargetGroupArn: group.TargetGroupArn, Weight: group.Weight ?? 1 }));
  return {
    ...rest,
    ...(TargetGroups.length === 1 && { TargetGroupArn: TargetGroups[0]?.TargetGroupArn }),
    ForwardConfig: { TargetGroups, TargetGroupStickinessConfig: { ...stickiness, Enabled: stickiness.Enabled ?? false } },
  };
}

function checkGroups(region: Region, groups: readonly TargetGroupTuple[]): void {
  const most = limitOf(region, 'target-groups-per-action-on-application-load-balancer');
  if (groups.length === 0) throw validationError('A target group must be specified for a forward action');
  if (groups.length > most) throw new AwsError('TooManyTargetGroups', `A forward action can have at most '${most}' target groups`);
  if (groups.some(({ Weight = 1 }) => !Number.isInteger(Weight) || Weight < 0 || Weight > 999)) {
    throw validationError('The weight for each target group must be between 0 and 999, inclusive');
  }
  const arns = groups.map(({ TargetGroupArn }) => TargetGroupArn);
  const repeated = arns.find((arn, i) => arns.indexOf(arn) !== i);
  if (repeated !== undefined) throw validationError(`The target group '${repeated}' is specified more than once in a forward action`);
  for (const arn of arns) findTargetGroup(region, arn);
}

function checkStickiness(
  region: Region,
  groups: readonly TargetGroupTuple[],
  { Enabled = false, DurationSeconds }: { Enabled?: boolean; DurationSeconds?: number },
): void {
  if (DurationSeconds === undefined ? Enabled : DurationSeconds < 1 || DurationSeconds > MOST_STICKY_SECONDS) {
    throw validationError(`Target group stickiness duration must be between 1 and ${MOST_STICKY_SECONDS} seconds`);
  }
  const attributes = groups.map(({ TargetGroupArn }) => findTargetGroup(region, TargetGroupArn).attributes);
  if (groups.length > 1 && !Enabled && attributes.some((of) => of['stickiness.enabled'] === 'true')) {
    throw new AwsError(
      'InvalidConfigurationRequest',
      'You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups',
    );
  }
}

/** A target group belongs to one load balancer, and a load balancer has only so many of them, and of their targets. */
function checkTargetGroupUse(region: Region, arns: readonly string[], { loadBalancerArn, replaces }: ActionContext): void {
  const foreign = arns.filter((arn) => loadBalancersOf(region.state.elbv2, arn).some((owner) => owner !== loadBalancerArn));
  if (foreign.length > 0) {
    throw new AwsError(
      'TargetGroupAssociationLimit',
      `The following target groups cannot be associated with more than one load balancer: ${foreign.join(', ')}`,
    );
  }
  const used = new Set([...arns, ...targetGroupsOf(region, loadBalancerArn, replaces)]);
  if (used.size > limitOf(region, 'target-groups-per-application-load-balancer')) {
    throw new AwsError(
      'TooManyUniqueTargetGroupsPerLoadBalancer',
      `The maximum number of unique target groups on load balancer '${loadBalancerArn}' has been reached`,
    );
  }
  if (targetCount(region.state.elbv2, used) > limitOf(region, 'targets-per-application-load-balancer')) {
    throw tooManyTargets('load balancer', loadBalancerArn);
  }
}

function normaliseRedirect(config: RedirectActionConfig | undefined): RedirectActionConfig {
  if (!config) throw validationError('A RedirectConfig must be specified for a redirect action');
  const same = { Protocol: '#{protocol}', Port: '#{port}', Host: '#{host}', Path: '/#{path}', Query: '#{query}' };
  const normalised = { ...same, ...config };
  if (!/^HTTP_30[12]$/.test(normalised.StatusCode ?? '')) {
    throw validationError(`The redirect status code '${normalised.StatusCode}' must be one of [HTTP_301, HTTP_302]`);
  }
  const changes = (['Protocol', 'Port', 'Host', 'Path'] as const).some((part) => normalised[part] !== same[part]);
  if (!changes) throw new AwsError('InvalidLoadBalancerAction', 'The RedirectConfig is not valid because it creates a loop.');
  return normalised;
}

const CONTENT_TYPES = ['text/plain', 'text/css', 'text/html', 'application/javascript', 'application/json'];
const LONGEST_BODY = 1_024;

function checkFixedResponse(config: FixedResponseActionConfig | undefined): void {
  if (!config) throw validationError('A FixedResponseConfig must be specified for a fixed-response action');
  if (!/^[245]\d\d$/.test(config.StatusCode ?? '')) {
    throw validationError(`The fixed-response status code '${config.StatusCode}' must match ^(2|4|5)\\d\\d$`);
  }
  if (config.ContentType !== undefined && !CONTENT_TYPES.includes(config.ContentType)) {
    throw new AwsError('InvalidLoadBalancerAction', `The ContentType must be one of:'${CONTENT_TYPES.join(', ')}'`);
  }
  if ((config.MessageBody ?? '').length > LONGEST_BODY) {
    throw validationError(`The fixed-response message body can have at most ${LONGEST_BODY} characters`);
  }
}
