/** What is still to be done until the infrastructure is as the settings say. Pure: no call, no clock. */
import type { StackRequest } from '../aws/cloudformation.ts';
import type { ListenerRule, NewRule } from '../aws/elbv2.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { difference } from './difference.ts';
import { certificateOf, exchangeOf, hasInternalHttps, NOT_IMPORTED, refuseWithoutHttps, zoneOf } from './internal-https.ts';
import { isOurs } from './operation-name.ts';
import type { Settings } from '../settings/settings.ts';
import type { InfraState, KnownStack } from './observe-infra.ts';
import { missingRule, refuseClashes, wordsOf } from './rules.ts';
import { NOT_MADE, routesOf } from './service-routes.ts';
import { PROJECT_TAG } from './session.ts';
import { baseRequest, needsBase, serviceRequest, type Zone } from './stack-requests.ts';
import { isNeverMade, isSound, nextFor } from './stack-status.ts';
import { refuseStranding } from './stranded.ts';

export type InfraStep =
  /** Where the account has them they stay as they are. */
  | { readonly do: 'make-linked-roles' }
  /** For the names of a zone, with an authority of its own. */
  | { readonly do: 'import-certificate'; readonly zone: string }
  | { readonly do: 'create-stack'; readonly request: StackRequest }
  /** CloudFormation may find that nothing is to be changed after all. */
  | { readonly do: 'update-stack'; readonly request: StackRequest; readonly stack: KnownStack }
  /** A stack that never came to be can only be deleted. */
  | { readonly do: 'delete-failed-stack'; readonly stack: KnownStack }
  /** A run that was ended has left it. */
  | { readonly do: 'delete-change-set'; readonly stack: string; readonly id: string; readonly name: string }
  /** The stack is to refuse to be deleted, or no longer. */
  | { readonly do: 'protect-stack' | 'unprotect-stack'; readonly stack: string; readonly id: string }
  /** Somebody else works on it. */
  | { readonly do: 'wait-stack'; readonly stack: string; readonly status: string }
  | { readonly do: 'create-rule'; readonly service: string; readonly rule: NewRule };

/**
 * Steps in order. A step may rest on what the ones before it make: where they have not been taken, the ids it needs stand
 * as `NOT_MADE`, so only the first step can be applied; then look again.
 * @param selfSigned whether the internal HTTPS listener is to have a certificate that is made for it.
 * @throws CanaryError for settings that contradict each other, a stack that is not ours, or one that a person has to repair.
 */
export function planInfra(state: InfraState, settings: Settings, selfSigned = false): InfraStep[] {
  refuseClashes(settings);
  refuseWithoutHttps(settings, state.base);
  const certificate = certificateOf(settings, state.base, state.certificate, selfSigned);
  refuseStranding(state.stranded ?? []);
  const rules: ListenerRule[] = [...state.rules];
  const newRules = settings.services.flatMap((service): InfraStep[] => {
    return routesOf(service, state, settings).flatMap((route): InfraStep[] => {
      const rule = missingRule(settings, route, rules);
      if (!rule) return [];
      rules.push(foreseen(rule));
      return [{ do: 'create-rule', service: service.name, rule }];
    });
  });
  const { VpcId, LoadBalancerSecurityGroupId } = state.base?.outputs ?? {};
  const vpcId = settings.existing.vpcId ?? VpcId ?? NOT_MADE;
  const madeGroup = state.base ? LoadBalancerSecurityGroupId : NOT_MADE;
  const loadBalancerGroup = settings.existing.listenerArns ? undefined : madeGroup;
  const zone = zoneIn(state, settings);
  const request = () => baseRequest(settings, state.base, state.secretsInUse, certificate);
  const base = state.base || needsBase(settings) ? planStack(request(), state.base, settings) : [];
  return [
    ...(certificate === NOT_IMPORTED ? [{ do: 'import-certificate', zone: zoneOf(settings) } as const] : []),
    // CloudFormation waits for no role: without them the first stack of an account fails.
    ...base.flatMap((step): InfraStep[] => (step.do === 'create-stack' ? [{ do: 'make-linked-roles' }, step] : [step])),
    ...settings.services.flatMap((service) => {
      const existing = state.services.get(service.name);
      const around = { loadBalancerGroup, zone: service.expose === 'internal' ? zone : undefined, existing, secretsInUse: state.secretsInUse?.get(service.name) };
      return planStack(serviceRequest(settings, service, vpcId, around), existing, settings);
    }),
    ...newRules,
  ];
}

/** Where internal services get their names. Behind a load balancer that was there before they have none. */
function zoneIn({ base }: InfraState, settings: Settings): Zone | undefined {
  if (settings.existing.listenerArns || !hasInternalHttps(settings, base)) return undefined;
  const { InternalZoneId = NOT_MADE, InternalEndpointHost = NOT_MADE, InternalZoneTarget = NOT_MADE } = base?.outputs ?? {};
  return { id: InternalZoneId, host: InternalEndpointHost, target: InternalZoneTarget };
}

/** The step with what makes it needed, for `--dry-run`. */
export function explainStep(step: InfraStep): string {
  const lines = step.do === 'update-stack' ? [exchangeOf(step.stack, step.request) ?? [], difference(step.stack, step.request)].flat() : [];
  return [describeStep(step), ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Whether what a stack is made of is all there: CloudFormation can't tell of one whose VPC is still to be made. */
export function isForeseeable({ parameters }: StackRequest): boolean {
  return !Object.values(parameters).some((value) => value.includes(NOT_MADE));
}

/** The step in one line. */
export function describeStep(step: InfraStep): string {
  switch (step.do) {
    case 'make-linked-roles':
      return 'make the service-linked roles of ECS and Elastic Load Balancing where the account has none';
    case 'import-certificate':
      return `make a certificate for *.${step.zone}, valid for ten years and signed by an authority of its own, and import it to ACM`;
    case 'create-stack':
      return `create stack ${step.request.name}`;
    case 'update-stack':
      return `update stack ${step.request.name}`;
    case 'delete-failed-stack':
      return `delete stack ${step.stack.name}, which is ${step.stack.status} and can only be deleted`;
    case 'delete-change-set':
      return `delete change set ${step.name} of stack ${step.stack}, which a run has left`;
    case 'protect-stack':
      return `protect stack ${step.stack} from being deleted`;
    case 'unprotect-stack':
      return `end the protection of stack ${step.stack}`;
    case 'wait-stack':
      return `wait for stack ${step.stack}, which is ${step.status}`;
    case 'create-rule':
      return `create the listener rule of ${step.service} for ${wordsOf(step.rule.conditions)}, weights ${weightsOf(step.rule)}`;
  }
}

function weightsOf({ groups }: NewRule): string {
  return groups.map(({ weight }) => weight).join('/');
}

function planStack(request: StackRequest, stack: KnownStack | undefined, settings: Settings): InfraStep[] {
  const create: InfraStep = { do: 'create-stack', request };
  if (!stack) return [create];
  const { name, status } = stack;
  refuseForeign(stack, settings);
  if (isNeverMade(status)) return [{ do: 'delete-failed-stack', stack }, create];
  if (status.endsWith('_IN_PROGRESS')) return [{ do: 'wait-stack', stack: name, status }];
  if (!isSound(status)) throw broken(stack, settings);
  return [
    ...stack.changeSets.filter(isOurs).map((changeSet): InfraStep => ({ do: 'delete-change-set', stack: name, ...changeSet })),
    ...protection(stack, request),
    ...(isAsRequested(stack, request) ? [] : [{ do: 'update-stack', request, stack } as const]),
  ];
}

function protection({ name, id, isProtected }: KnownStack, { protect = isProtected }: StackRequest): InfraStep[] {
  return protect === isProtected ? [] : [{ do: protect ? 'protect-stack' : 'unprotect-stack', stack: name, id }];
}

/** A stack of only change sets carries no tags yet: they tell whose it is. */
function refuseForeign({ name, status, tags, changeSets }: KnownStack, { project, region }: Settings): void {
  if (tags[PROJECT_TAG] === project) return;
  if (status !== 'REVIEW_IN_PROGRESS') {
    throw new CanaryError({
      code: 'not-ours',
      message: `There is a stack ${name} already, and it does not carry the tag ${PROJECT_TAG}=${project}: it is not touched.`,
      next: 'choose another PROJECT_NAME, or remove that stack yourself',
    });
  }
  if (changeSets.length > 0 && changeSets.every(isOurs)) return;
  const theirs = changeSets.filter((changeSet) => !isOurs(changeSet)).map((changeSet) => changeSet.name);
  throw new CanaryError({
    code: 'not-ours',
    message: `Stack ${name} is REVIEW_IN_PROGRESS: it holds nothing but ${theirs.length === 0 ? 'a name' : `somebody's change set ${theirs.join(', ')}`}.`,
    usersAre: UNCHANGED,
    next: `where nobody wants that any more: aws cloudformation delete-stack --stack-name ${name} --region ${region}, then: ecs-canary build-infra`,
  });
}

function broken(stack: KnownStack, settings: Settings): CanaryError {
  const { name, status, statusReason } = stack;
  return new CanaryError({
    code: 'stack-broken',
    message: `Stack ${name} is ${status}${statusReason ? ` (${statusReason.trim()})` : ''}.`,
    usersAre: UNCHANGED,
    next: nextFor(stack, settings),
  });
}

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
