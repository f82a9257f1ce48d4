/** Fault orders for calls: what shall go wrong with which call, and what makes an order one that can be carried out. */
import { isWrite } from '../request-log.ts';
import { InvalidOrder } from './invalid-order.ts';

export type Fault =
  /** Answered with this error code of AWS's, without effect. */
  | { readonly error: string }
  /** Takes effect, and is answered, that many real ms later. */
  | { readonly delayMs: number }
  /** Answered with the service's own throttling error, which SDKs repeat; without effect. */
  | 'throttle'
  /** Answered as the same read was answered before. */
  | 'stale'
  /** The connection is cut before, or after, the call takes effect. */
  | 'cut-before'
  | 'cut-after';

export interface FaultOrder {
  /** As AWS names it, or `*` for every one. */
  readonly operation: string;
  /** Only calls with this text in their body, such as an ARN. */
  readonly about?: string;
  /** The first call that is hit, of those that match from the order on (default 1). */
  readonly nth?: number;
  /** How many matching calls in a row are hit (default 1). */
  readonly times?: number | 'always';
  readonly fault: Fault;
}

/** What there is to be ordered for. */
export interface KnownOperations {
  readonly api: ReadonlySet<string>;
  readonly registry: ReadonlySet<string>;
  /** Types of resources that stacks can have. */
  readonly resourceTypes: ReadonlySet<string>;
}

const MEMBERS = ['operation', 'about', 'nth', 'times', 'fault'];
const WORDS = ['throttle', 'stale', 'cut-before', 'cut-after'] as const;
const LONGEST_DELAY_MS = 3_600_000;

/** Checks what came over the wire, or from a test. Throws InvalidOrder. */
export function readOrder(members: Readonly<Record<string, unknown>>, known: KnownOperations): Required<FaultOrder> {
  const strange = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) throw new InvalidOrder(`An order has no "${strange}": it has ${MEMBERS.join(', ')}.`);
  const { operation, about = '', nth = 1, times = 1 } = members;
  if (typeof operation !== 'string' || !isKnown(operation, known)) {
    throw new InvalidOrder(`The sandbox has no operation ${JSON.stringify(operation)}: use a name of AWS's such as ModifyRule, or *.`);
  }
  if (typeof about !== 'string') throw new InvalidOrder('"about" should be a text.');
  if (!isCount(nth)) throw new InvalidOrder(`"nth" is ${JSON.stringify(nth)}: it should be a whole number from 1 on.`);
  if (times !== 'always' && !isCount(times)) {
    throw new InvalidOrder(`"times" is ${JSON.stringify(times)}: it should be a whole number from 1 on, or "always".`);
  }
  const fault = readFault(members['fault']);
  checkPossible(fault, operation, known);
  return { operation, about, nth, times, fault };
}

/** One word for a fault. */
export function faultName(fault: Fault): string {
  if (typeof fault === 'string') return fault;
  return 'error' in fault ? 'error' : 'delay';
}

function isKnown(operation: string, { api, registry }: KnownOperations): boolean {
  return operation === '*' || api.has(operation) || registry.has(operation);
}

/** Whether it is a number that `nth` and `times` can be. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

function readFault(value: unknown): Fault {
  const word = WORDS.find((known) => known === value);
  if (word) return word;
  const { error, delayMs, ...rest }: Record<string, unknown> = typeof value === 'object' ? { ...value } : {};
  if (Object.keys(rest).length === 0) {
    if (delayMs === undefined && typeof error === 'string' && /^[\w.:-]{1,128}$/.test(error)) return { error };
    if (error === undefined && typeof delayMs === 'number' && delayMs >= 0 && delayMs <= LONGEST_DELAY_MS) return { delayMs };
  }
  const forms = [...WORDS.map((known) => `"${known}"`), '{"error": "Code"}', `{"delayMs": 0 to ${LONGEST_DELAY_MS}}`];
  throw new InvalidOrder(`"fault" is ${JSON.stringify(value)}: it should be one of ${forms.join(', ')}.`);
}

/** An order that never hits would make a rehearsal look green. */
function checkPossible(fault: Fault, operation: string, { api }: KnownOperations): void {
  if (operation === '*') return;
  if (fault === 'stale' && isWrite(operation)) throw new InvalidOrder(`${operation} changes something: only what reads can be answered stale.`);
  if ((fault === 'stale' || (fault === 'cut-after' && !isWrite(operation))) && !api.has(operation)) {
    throw new InvalidOrder(`${operation} is a read of the registry: it can't be answered stale, or cut after it took effect.`);
  }
}
