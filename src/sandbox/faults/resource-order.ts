/** Fault orders for resources of stacks: which of them CloudFormation shall not get made, changed or deleted. */
import { InvalidOrder } from './invalid-order.ts';
import { isCount } from './order.ts';

export type ResourceWork = 'create' | 'update' | 'delete';

export interface ResourceOrder {
  /** The logical id, or the type (`AWS::ECS::Cluster`) of the resources. */
  readonly resource: string;
  /** What shall fail (default `create`). Going back from an update that failed is an update, too. */
  readonly on?: ResourceWork;
  /** Only in the stack of this name. */
  readonly stack?: string;
  /** What the resource's service is made to say. */
  readonly reason?: string;
  /** The first try that is hit, of those that match from the order on (default 1). */
  readonly nth?: number;
  /** How many matching tries in a row are hit (default 1). */
  readonly times?: number | 'always';
}

const MEMBERS = ['resource', 'on', 'stack', 'reason', 'nth', 'times'];
const WORK = ['create', 'update', 'delete'] as const;
const LONGEST_REASON = 1_000;

/**
 * Checks what came over the wire, or from a test. Throws InvalidOrder.
 * @param types that the sandbox's CloudFormation knows: an order that never hits would make a rehearsal look green.
 */
export function readResourceOrder(members: Readonly<Record<string, unknown>>, types: ReadonlySet<string>): Required<ResourceOrder> {
  const strange = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) throw new InvalidOrder(`An order for a resource has no "${strange}": it has ${MEMBERS.join(', ')}.`);
  const { resource, stack = '', reason = 'This was made to fail by a fault order of the sandbox.', nth = 1, times = 1 } = members;
  if (typeof resource !== 'string' || !(types.has(resource) || /^[A-Za-z0-9]{1,255}$/.test(resource))) {
    throw new InvalidOrder(`"resource" is ${JSON.stringify(resource)}: it should be a logical id, or a type that the sandbox knows.`);
  }
  const { on: asked = 'create' } = members;
  const on = WORK.find((work) => work === asked);
  if (!on) throw new InvalidOrder(`"on" is ${JSON.stringify(asked)}: it should be one of ${WORK.join(', ')}.`);
  if (typeof stack !== 'string') throw new InvalidOrder('"stack" should be the name of a stack.');
  if (typeof reason !== 'string' || reason === '' || reason.length > LONGEST_REASON) {
    throw new InvalidOrder(`"reason" should be a text of 1 to ${LONGEST_REASON} characters.`);
  }
  if (!isCount(nth)) throw new InvalidOrder(`"nth" is ${JSON.stringify(nth)}: it should be a whole number from 1 on.`);
  if (times !== 'always' && !isCount(times)) {
    throw new InvalidOrder(`"times" is ${JSON.stringify(times)}: it should be a whole number from 1 on, or "always".`);
  }
  return { resource, on, stack, reason, nth, times };
}
