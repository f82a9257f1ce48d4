/** What is to be done until nothing of a project's infrastructure is left. Pure: no call, no clock. */
import { CanaryError, UNCHANGED } from '../errors.ts';
import type { Remains } from './observe-remains.ts';

export type DestroyStep =
  /** Somebody else works on it. */
  | { readonly do: 'wait-stack'; readonly stack: string; readonly status: string }
  /** Traffic ends here. */
  | { readonly do: 'delete-rules'; readonly arns: readonly string[] }
  | { readonly do: 'delete-ecs-services'; readonly cluster: string; readonly names: readonly string[] }
  | { readonly do: 'delete-images'; readonly repository: string; readonly count: number }
  | { readonly do: 'delete-log'; readonly service: string; readonly names: readonly string[] }
  | { readonly do: 'delete-stack'; readonly stack: string; readonly id: string };

/**
 * Steps in order; none when there is nothing. While somebody else works on a stack, waiting is the only step.
 * @throws CanaryError before anything is changed, when something is in the way that is not ours to delete.
 */
export function planDestroy(remains: Remains): DestroyStep[] {
  refuseForeign(remains);
  const { base, services, rules, ecsServices, cluster } = remains;
  const stacks = [...services.map(({ stack }) => stack), ...(base ? [base] : [])];
  const busy = stacks.filter(({ status }) => status.endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS');
  if (busy.length > 0) return busy.map(({ name, status }) => ({ do: 'wait-stack', stack: name, status }));
  const withImages = services.filter(({ images }) => images > 0);
  return [
    ...some(rules.ours, (arns): DestroyStep => ({ do: 'delete-rules', arns })),
    ...some(ecsServices.ours.map(({ name }) => name), (names): DestroyStep => ({ do: 'delete-ecs-services', cluster, names })),
    ...withImages.map(({ repository, images }): DestroyStep => ({ do: 'delete-images', repository, count: images })),
    ...services.flatMap(({ name, log }) => some(log, (names): DestroyStep => ({ do: 'delete-log', service: name, names }))),
    ...stacks.map(({ name, id }): DestroyStep => ({ do: 'delete-stack', stack: name, id })),
  ];
}

/** The step in one line, for `--dry-run` and for the question before it. */
export function describeDestroyStep(step: DestroyStep): string {
  switch (step.do) {
    case 'wait-stack':
      return `wait for stack ${step.stack}, which is ${step.status}`;
    case 'delete-rules':
      return `delete listener rules, which ends all traffic: ${step.arns.join(', ')}`;
    case 'delete-ecs-services':
      return `drain and delete ECS services of cluster ${step.cluster}: ${step.names.join(', ')}`;
    case 'delete-images':
      return `delete ${countOf(step.count)} in repository ${step.repository}`;
    case 'delete-log':
      return `delete the release log of ${step.service}`;
    case 'delete-stack':
      return `delete stack ${step.stack}`;
  }
}

function countOf(images: number): string {
  return images === 1 ? '1 image' : `${images} images`;
}

function refuseForeign({ rules, ecsServices, cluster }: Remains): void {
  const found = [
    ...rules.foreign.map((arn) => `listener rule ${arn}`),
    ...ecsServices.foreign.map(({ name }) => `ECS service ${name} in cluster ${cluster}`),
  ];
  if (found.length === 0) return;
  throw new CanaryError({
    code: 'not-ours',
    message: `What ecs-canary did not make stands on this infrastructure: ${found.join(', ')}.`,
    usersAre: UNCHANGED,
    next: 'remove that yourself, then: ecs-canary destroy-infra',
  });
}

function some<T>(items: readonly T[], step: (items: readonly T[]) => DestroyStep): DestroyStep[] {
  return items.length > 0 ? [step(items)] : [];
}
