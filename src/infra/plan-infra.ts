/** What is still to be done until the infrastructure is as the settings say. Pure: no call, no clock. */
import type { StackRequest } from '../aws/cloudformation.ts';
import type { ListenerRule, NewRule } from '../aws/elbv2.ts';
import { CanaryError } from '../errors.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import type { InfraState, KnownStack } from './observe-infra.ts';
import { missingRule, refuseClashes, type ServiceRoute, wordsOf } from './rules.ts';
import { PROJECT_TAG } from './session.ts';
import { baseRequest, needsBase, serviceRequest } from './stack-requests.ts';
import { refuseStranding } from './stranded.ts';

export type InfraStep =
  | { readonly do: 'create-stack' | 'update-stack'; readonly request: StackRequest }
  /** A stack that never came to be can only be deleted. */
  | { readonly do: 'delete-failed-stack'; readonly stack: string; readonly id: string; readonly status: string }
  /** Somebody else works on it. */
  | { readonly do: 'wait-stack'; readonly stack: string; readonly status: string }
  | { readonly do: 'create-rule'; readonly service: string; readonly rule: NewRule };

/**
 * Steps in order. A step may rest on what the ones before it make: where they have not been taken, the ids it needs stand
 * as `NOT_MADE`, so only the first step can be applied; then look again.
 * @throws CanaryError for settings that contradict each other, a stack that is not ours, or one that a person has to repair.
 */
export function planInfra(state: InfraState, settings: Settings): InfraStep[] {
  refuseClashes(settings);
  refuseStranding(state.stranded ?? []);
  const rules: ListenerRule[] = [...state.rules];
  const newRules = settings.services.flatMap((service): InfraStep[] => {
    const rule = missingRule(settings, routeOf(service, state, settings), rules);
    if (!rule) return [];
    rules.push(foreseen(rule));
    return [{ do: 'create-rule', service: service.name, rule }];
  });
  const { VpcId, LoadBalancerSecurityGroupId } = state.base?.outputs ?? {};
  const vpcId = settings.existing.vpcId ?? VpcId ?? NOT_MADE;
  const madeGroup = state.base ? LoadBalancerSecurityGroupId : NOT_MADE;
  const loadBalancerGroup = settings.existing.listenerArns ? undefined : madeGroup;
  return [
    ...(state.base || needsBase(settings) ? planStack(baseRequest(settings, state.base), state.base, settings) : []),
    ...settings.services.flatMap((service) => {
      const existing = state.services.get(service.name);
      return planStack(serviceRequest(settings, service, vpcId, { loadBalancerGroup, existing }), existing, settings);
    }),
    ...newRules,
  ];
}

/** The step in one line, for `--dry-run`. */
export function describeStep(step: InfraStep): string {
  switch (step.do) {
    case 'create-stack':
      return `create stack ${step.request.name}`;
    case 'update-stack':
      return `update stack ${step.request.name}`;
    case 'delete-failed-stack':
      return `delete stack ${step.stack}, which is ${step.status} and can only be deleted`;
    case 'wait-stack':
      return `wait for stack ${step.stack}, which is ${step.status}`;
    case 'create-rule':
      return `create the listener rule of ${step.service} for ${wordsOf(step.rule.conditions)}, weights ${weightsOf(step.rule)}`;
  }
}

const NOT_MADE = 'not-made-yet';

function weightsOf({ groups }: NewRule): string {
  return groups.map(({ weight }) => weight).join('/');
}

function routeOf(service: ServiceSettings, state: InfraState, { existing }: Settings): ServiceRoute {
  const listeners = state.base?.outputs ?? {};
  const groups = state.services.get(service.name)?.outputs ?? {};
  return {
    service,
    // What is not made yet must not look like one and the same thing.
    listenerArn: existing.listenerArns?.[0] ?? listeners[service.expose === 'public' ? 'PublicListenerArn' : 'InternalListenerArn'] ?? `${NOT_MADE}-${service.expose}`,
    blue: groups['BlueTargetGroupArn'] ?? `${NOT_MADE}-${service.name}-blue`,
    green: groups['GreenTargetGroupArn'] ?? `${NOT_MADE}-${service.name}-green`,
  };
}

function planStack(request: StackRequest, stack: KnownStack | undefined, settings: Settings): InfraStep[] {
  const create: InfraStep = { do: 'create-stack', request };
  if (!stack) return [create];
  const { name, status } = stack;
  if (stack.tags[PROJECT_TAG] !== settings.project) {
    throw new CanaryError({
      code: 'not-ours',
      message: `There is a stack ${name} already, and it does not carry the tag ${PROJECT_TAG}=${settings.project}: it is not touched.`,
      next: 'choose another PROJECT_NAME, or remove that stack yourself',
    });
  }
  if (NEVER_MADE.has(status)) return [{ do: 'delete-failed-stack', stack: name, id: stack.id, status }, create];
  if (status.endsWith('_IN_PROGRESS')) return [{ do: 'wait-stack', stack: name, status }];
  if (!SOUND.has(status)) {
    throw new CanaryError({
      code: 'stack-broken',
      message: `Stack ${name} is ${status}${stack.statusReason ? ` (${stack.statusReason.trim()})` : ''}.`,
      next: status.startsWith('UPDATE_')
        ? `aws cloudformation continue-update-rollback --stack-name ${name}, then: ecs-canary build-infra`
        : 'ecs-canary destroy-infra, then: ecs-canary build-infra',
    });
  }
  return isAsRequested(stack, request) ? [] : [{ do: 'update-stack', request }];
}

/** A stack of only a change set, or one whose resources were all rolled back. */
const NEVER_MADE: ReadonlySet<string> = new Set(['REVIEW_IN_PROGRESS', 'ROLLBACK_COMPLETE']);
const SOUND: ReadonlySet<string> = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE']);

function isAsRequested(stack: KnownStack, { template, parameters, tags }: StackRequest): boolean {
  return stack.template.trim() === template.trim() && holdsAll(stack.parameters, parameters) && holdsAll(stack.tags, tags);
}

function holdsAll(found: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => found[key] === value);
}

/** The rule as AWS would show it. */
function foreseen({ listenerArn, priority, conditions, groups }: NewRule): ListenerRule {
  return { arn: NOT_MADE, listenerArn, isDefault: false, priority: String(priority), conditions, forward: groups, stickiness: undefined, actions: [] };
}
