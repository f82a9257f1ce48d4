/** The fault orders of a sandbox: which are there, and which call each of them hits. They end with the sandbox. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isWrite } from '../request-log.ts';
import { type Fault, type FaultOrder, type KnownOperations, readOrder } from './order.ts';

export interface OrderedFault extends Required<FaultOrder> {
  /** How many calls matched so far, and how many of them were hit. */
  readonly seen: number;
  readonly hits: number;
}

/** For whoever makes AWS misbehave. */
export interface FaultOrders {
  /** Rejects with InvalidOrder, worded for a user. */
  order(order: FaultOrder): Promise<OrderedFault>;
  /** In the order in which they were made. */
  list(): readonly OrderedFault[];
  /** Removes all orders and says how many there were. */
  clear(): number;
}

/** A call that a fault may hit. */
export interface Call {
  readonly operation: string;
  /** What `about` is looked for in. */
  readonly text: string;
  /** Faults that can't be done to it. */
  readonly except?: readonly Fault[];
  /** Whether it was answered before, so that it can be answered stale. */
  readonly answeredBefore?: boolean;
}

export interface Faults extends FaultOrders {
  /** Counts the call, and says what befalls it: of several orders that are due, the oldest one's fault. */
  next(call: Call): Fault | undefined;
  /** Waits for real ms; false when the sandbox stops meanwhile. */
  wait(ms: number): Promise<boolean>;
  /** Ends all waits. */
  readonly stop: () => void;
}

type CountedOrder = { -readonly [Member in keyof OrderedFault]: OrderedFault[Member] };

/** @param known loads the names of all operations, once there is an order to check. */
export function makeFaults(known: () => Promise<KnownOperations>): Faults {
  const orders: CountedOrder[] = [];
  const stopped = new AbortController();

  return {
    async order(order) {
      const counted = { ...readOrder(order, await known()), seen: 0, hits: 0 };
      orders.push(counted);
      return { ...counted };
    },

    list: () => orders.map((order) => ({ ...order })),
    clear: () => orders.splice(0).length,

    next(call) {
      const due = orders.filter((order) => matches(order, call)).filter((order) => isDue(order, ++order.seen));
      const [first] = due;
      if (first) first.hits += 1;
      return first?.fault;
    },

    wait: (ms) => sleep(ms, true, { signal: stopped.signal }).catch(() => false),
    stop: () => stopped.abort(),
  };
}

function matches({ operation, about, fault }: OrderedFault, call: Call): boolean {
  if (operation !== '*' && operation !== call.operation) return false;
  if (fault === 'stale' && (isWrite(call.operation) || !call.answeredBefore)) return false;
  return call.text.includes(about) && !call.except?.includes(fault);
}

function isDue({ nth, times }: OrderedFault, seen: number): boolean {
  return seen >= nth && (times === 'always' || seen < nth + times);
}
