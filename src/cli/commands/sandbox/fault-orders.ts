/** What `sandbox fault` and `sandbox faults` share: the way to the sandbox, and an order in words. */
import { CanaryError, messageOf, usageError } from '../../../errors.ts';
import type { AnyOrdered, OrderedFault, OrderedResourceFault, OrderedVersionFault } from '../../../sandbox/faults/faults.ts';
import type { Fault } from '../../../sandbox/faults/order.ts';
import type { VersionFault } from '../../../sandbox/faults/version-order.ts';
import { formatDuration } from '../../../settings/duration.ts';

type Control = typeof import('../../../sandbox/control.ts');

/** Asks the sandbox of the folder. Throws CanaryError `sandbox-not-running`, `sandbox-fault`, and `usage` for an order it does not take. */
export async function withSandbox<T>(dir: string, work: (control: Control, dir: string) => Promise<T>): Promise<T> {
  const control = await import('../../../sandbox/control.ts');
  try {
    return await work(control, dir);
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof control.InvalidOrder) throw usageError(message);
    const stopped = error instanceof control.NotRunning;
    throw stopped
      ? new CanaryError({ code: 'sandbox-not-running', message, next: `ecs-canary sandbox start --detach --dir ${dir}` })
      : new CanaryError({ code: 'sandbox-fault', message, cause: error });
  }
}

/** Such as `ModifyRule, call 2: fails with InternalFailure.` and `Tasks of 1.0, after 30s: crash.` */
export function describeOrder(order: AnyOrdered): string {
  if ('resource' in order) return describeResourceOrder(order);
  return 'image' in order ? describeVersionOrder(order) : describeCallOrder(order);
}

/** What an order has done so far. */
export function describeHits(order: AnyOrdered): string {
  const { seen, hits } = order;
  return 'image' in order ? `So far ${plural(seen, 'container')}, ${plural(hits, 'hit')}.` : `So far ${seen} matched, ${hits} of them hit.`;
}

function describeVersionOrder({ image, fault, afterMs, afterRequests }: OrderedVersionFault): string {
  const conditions = [
    ...(afterMs > 0 ? [`after ${formatDuration(afterMs)}`] : []),
    ...(afterRequests > 0 ? [`from request ${afterRequests} of each on`] : []),
  ];
  return `${[`Tasks of ${image}`, ...conditions].join(', ')}: ${describeVersionFault(fault)}.`;
}

/** Such as `Creating Cluster of stack fleet, try 1: fails with "No more clusters".` */
function describeResourceOrder({ resource, on, stack, reason, nth, times }: OrderedResourceFault): string {
  const verb = { create: 'Creating', update: 'Updating', delete: 'Deleting' }[on];
  return `${verb} ${resource}${stack === '' ? '' : ` of stack ${stack}`}, ${whichOnes('try', 'tries', nth, times)}: fails with "${reason}".`;
}

function describeVersionFault(fault: VersionFault): string {
  if (fault === 'crash') return 'crash';
  if (fault === 'unhealthy') return 'fail their health checks';
  const share = fault.rate === undefined || fault.rate === 1 ? 'every request' : `${Number((fault.rate * 100).toFixed(4))}% of their requests`;
  return 'answer' in fault ? `answer ${share} with ${fault.answer}` : `answer ${share} ${formatDuration(fault.slowMs)} later`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function describeCallOrder({ operation, about, nth, times, fault }: OrderedFault): string {
  const what = operation === '*' ? 'Every operation' : operation;
  const which = about === '' ? '' : ` about ${about}`;
  return `${what}${which}, ${whichOnes('call', 'calls', nth, times)}: ${describeFault(fault)}.`;
}

function whichOnes(one: string, several: string, nth: number, times: number | 'always'): string {
  if (times === 'always') return `${one} ${nth} and all after it`;
  return times === 1 ? `${one} ${nth}` : `${several} ${nth} to ${nth + times - 1}`;
}

function describeFault(fault: Fault): string {
  switch (fault) {
    case 'throttle':
      return 'throttled';
    case 'stale':
      return 'answered as before';
    case 'cut-before':
      return 'connection cut before it takes effect';
    case 'cut-after':
      return 'connection cut after it took effect';
    default:
      return 'error' in fault ? `fails with ${fault.error}` : `delayed by ${formatDuration(fault.delayMs)}`;
  }
}
