/** What is to be done until nothing of a project's infrastructure is left. Pure: no call, no clock. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { CanaryError, UNCHANGED } from '../errors.ts';
import { hasWeight, nameOf, type Pair } from '../release/model.ts';
import { holdsExactly } from '../release/observe.ts';
import type { Remains, ServiceRemains } from './observe-remains.ts';

export type DestroyStep =
  /** Somebody else works on it. */
  | { readonly do: 'wait-stack'; readonly stack: string; readonly status: string }
  | { readonly do: 'end-traffic'; readonly service: string; readonly pair: Pair; readonly rules: readonly ListenerRule[] }
  | { readonly do: 'drain-ecs-services' | 'delete-ecs-services'; readonly cluster: string; readonly names: readonly string[] }
  | { readonly do: 'delete-rules'; readonly arns: readonly string[] }
  | { readonly do: 'delete-images'; readonly repository: string; readonly digests: readonly string[] }
  | { readonly do: 'delete-log'; readonly service: string; readonly pair: Pair }
  | { readonly do: 'delete-stack'; readonly stack: string; readonly id: string; readonly isProtected: boolean }
  | { readonly do: 'delete-certificate'; readonly arn: string };

/**
 * Steps in order; none when there is nothing. Behind a wait for somebody else stands what is to be done as far as it is known
 * by now, so that it can be agreed to: look again after the wait.
 *
 * Rules go after the ECS services: ECS refuses to update a service whose target group no rule names any more. What a stack
 * can't be deleted with, or without which later runs could not find the rest, goes right before it.
 * @throws CanaryError before anything is changed, when something is in the way that is not ours to delete.
 */
export function planDestroy(remains: Remains): DestroyStep[] {
  refuseForeign(remains);
  const { base, services, rules, ecsServices, cluster, certificates } = remains;
  const stacks = [...services.map(({ stack }) => stack), ...(base ? [base] : [])];
  const busy = stacks.filter(({ status }) => status.endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS');
  const attached = new Set(rules.ours.flatMap(({ forward = [] }) => forward.map(({ arn }) => arn)));
  const drainable = ecsServices.ours.filter(
    ({ status, desired, running, pending, targetGroupArns }) =>
      status === 'ACTIVE' && desired + running + pending > 0 && targetGroupArns.every((arn) => attached.has(arn)),
  );
  return [
    ...busy.map(({ name, status }): DestroyStep => ({ do: 'wait-stack', stack: name, status })),
    ...services.flatMap((service) => endTraffic(service, rules.ours)),
    ...some(drainable.map(({ name }) => name), (names): DestroyStep => ({ do: 'drain-ecs-services', cluster, names })),
    ...some(ecsServices.ours.map(({ name }) => name), (names): DestroyStep => ({ do: 'delete-ecs-services', cluster, names })),
    ...some(rules.ours.map(({ arn }) => arn), (arns): DestroyStep => ({ do: 'delete-rules', arns })),
    ...services.flatMap((service): DestroyStep[] => {
      const { name, stack, pair, repository, images, log } = service;
      // Whoever ends the traffic writes an entry.
      const hasLog = log.length > 0 || endTraffic(service, rules.ours).length > 0;
      return [
        ...some(images, (digests): DestroyStep => ({ do: 'delete-images', repository, digests })),
        ...(pair && hasLog ? [{ do: 'delete-log', service: name, pair } as const] : []),
        { do: 'delete-stack', stack: stack.name, id: stack.id, isProtected: stack.isProtected },
      ];
    }),
    ...(base ? [{ do: 'delete-stack', stack: base.name, id: base.id, isProtected: base.isProtected } as const] : []),
    // Its listener is in the base.
    ...certificates.map((arn): DestroyStep => ({ do: 'delete-certificate', arn })),
  ];
}

/** The step in one line, for `--dry-run` and for the question before it. */
export function describeDestroyStep(step: DestroyStep): string {
  switch (step.do) {
    case 'wait-stack':
      return `wait for stack ${step.stack}, which is ${step.status}`;
    case 'end-traffic':
      return `end all traffic of ${step.service}: weights of 0 in ${step.rules.map(({ arn }) => arn).join(', ')}`;
    case 'drain-ecs-services':
      return `scale ECS services of cluster ${step.cluster} to 0 and let them drain: ${step.names.join(', ')}`;
    case 'delete-ecs-services':
      return `delete ECS services of cluster ${step.cluster}: ${step.names.join(', ')}`;
    case 'delete-rules':
      return `delete listener rules: ${step.arns.join(', ')}`;
    case 'delete-images':
      return `delete ${countOf(step.digests)} in repository ${step.repository}`;
    case 'delete-log':
      return `delete the release log of ${step.service}`;
    case 'delete-stack':
      return `delete stack ${step.stack}${step.isProtected ? ', and its protection before' : ''}`;
    case 'delete-certificate':
      return `delete certificate ${step.arn}, which build-infra --self-signed has made`;
  }
}

/** What the steps take away that those agreed to do not, in words. Rules at any weight go, and logs with their stack. */
export function notAgreed(steps: readonly DestroyStep[], agreed: readonly DestroyStep[]): string[] {
  const seen = new Set(agreed.flatMap(takenBy));
  return steps.flatMap(takenBy).filter((thing) => !seen.has(thing));
}

function takenBy(step: DestroyStep): string[] {
  switch (step.do) {
    case 'delete-ecs-services':
      return step.names.map((name) => `ECS service ${name}`);
    case 'delete-rules':
      return step.arns.map((arn) => `listener rule ${arn}`);
    case 'delete-images':
      return step.digests.map((digest) => `image ${digest} in repository ${step.repository}`);
    case 'delete-stack':
      // Another one of that name is another stack.
      return [`stack ${step.id}`];
    case 'delete-certificate':
      return [`certificate ${step.arn}`];
    case 'wait-stack':
    case 'end-traffic':
    case 'drain-ecs-services':
    case 'delete-log':
      return [];
  }
}

/** Such as "3 images". */
export function countOf(digests: readonly string[]): string {
  return digests.length === 1 ? '1 image' : `${digests.length} images`;
}

function endTraffic({ name, pair }: ServiceRemains, rules: readonly ListenerRule[]): DestroyStep[] {
  if (!pair) return [];
  const serving = rules.filter((rule) => holdsExactly(rule, pair) && hasWeight(rule));
  return serving.length === 0 ? [] : [{ do: 'end-traffic', service: name, pair, rules: serving }];
}

function refuseForeign({ rules, foreignListeners, tenants, ecsServices, cluster }: Remains): void {
  const found = [
    ...tenants.map((stack) => `stack ${stack}`),
    ...foreignListeners.map((arn) => `listener ${arn}`),
    ...rules.foreign.map((rule) => `listener rule ${nameOf(rule)}`),
    ...ecsServices.foreign.map(({ name }) => `ECS service ${name} in cluster ${cluster}`),
  ];
  if (found.length === 0) return;
  throw new CanaryError({
    code: 'not-ours',
    message: `What ecs-canary did not make for this project stands on its infrastructure: ${found.join(', ')}.`,
    usersAre: UNCHANGED,
    next: 'remove that yourself, then: ecs-canary destroy-infra',
  });
}

function some<T>(items: readonly T[], step: (items: readonly T[]) => DestroyStep): DestroyStep[] {
  return items.length > 0 ? [step(items)] : [];
}
