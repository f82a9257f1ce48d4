/** The fault orders of a sandbox, for calls and for versions: which are there, and what each of them hits. They end with the sandbox. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isWrite } from '../request-log.ts';
import { InvalidOrder } from './invalid-order.ts';
import { type Fault, type FaultOrder, type KnownOperations, readOrder } from './order.ts';
import { readVersionOrder, type VersionOrder } from './version-order.ts';

export interface OrderedFault extends Required<FaultOrder> {
  /** How many calls matched so far, and how many of them were hit. */
  readonly seen: number;
  readonly hits: number;
}

export interface OrderedVersionFault extends Required<VersionOrder> {
  /** How many containers it was for so far, and how often one of them crashed, failed a check, or answered by it. */
  readonly seen: number;
  readonly hits: number;
}

/** For whoever makes AWS misbehave. */
export interface FaultOrders {
  /** Resolves when it is in force. Rejects with InvalidOrder, worded for a user. */
  order(order: FaultOrder | VersionOrder): Promise<OrderedFault | OrderedVersionFault>;
  /** In the order in which they were made. */
  list(): readonly (OrderedFault | OrderedVersionFault)[];
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

/** An order for a version, as those see it who carry it out: they count. */
export type CountedVersionOrder = Mutable<OrderedVersionFault>;

/** For whoever lets tasks misbehave. */
export interface VersionFaults {
  /** The orders for an image that goes by these names. */
  ordersFor(names: readonly string[]): readonly CountedVersionOrder[];
  /** Calls `changed` when there are other orders, until the returned function is called. An order waits for it. */
  watch(changed: () => Promise<void>): () => void;
}

export interface Faults extends FaultOrders, VersionFaults {
  /** Counts the call, and says what befalls it: of several orders that are due, the oldest one's fault. */
  next(call: Call): Fault | undefined;
  /** Waits for real ms; false when the sandbox stops meanwhile. */
  wait(ms: number): Promise<boolean>;
  /** Ends all waits. */
  readonly stop: () => void;
}

type Mutable<Shape> = { -readonly [Member in keyof Shape]: Shape[Member] };
type CountedOrder = Mutable<OrderedFault>;

/** @param known loads the names of all operations, once there is an order to check. */
export function makeFaults(known: () => Promise<KnownOperations>): Faults {
  const orders: (CountedOrder | CountedVersionOrder)[] = [];
  const watchers = new Set<() => Promise<void>>();
  const stopped = new AbortController();

  return {
    async order(order) {
      const members = membersOf(order);
      const read = 'image' in members ? readVersionOrder(members) : readOrder(members, await known());
      const counted = { ...read, seen: 0, hits: 0 };
      orders.push(counted);
      await Promise.all(Array.from(watchers, (changed) => changed()));
      return { ...counted };
    },

    list: () => orders.map((order) => ({ ...order })),

    clear() {
      const { length } = orders.splice(0);
      for (const changed of watchers) void changed();
      return length;
    },

    ordersFor: (names) => orders.filter(isForVersion).filter(({ image }) => names.includes(image)),

    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },

    next(call) {
      const due = orders.filter(isForCall).filter((order) => matches(order, call)).filter((order) => isDue(order, ++order.seen));
      const [first] = due;
      if (first) first.hits += 1;
      return first?.fault;
    },

    wait: (ms) => sleep(ms, true, { signal: stopped.signal }).catch(() => false),
    stop: () => stopped.abort(),
  };
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidOrder('An order should be a JSON object.');
  return { ...value };
}

function isForVersion(order: CountedOrder | CountedVersionOrder): order is CountedVersionOrder {
  return 'image' in order;
}

function isForCall(order: CountedOrder | CountedVersionOrder): order is CountedOrder {
  return !isForVersion(order);
}

function matches({ operation, about, fault }: OrderedFault, call: Call): boolean {
  if (operation !== '*' && operation !== call.operation) return false;
  if (fault === 'stale' && (isWrite(call.operation) || !call.answeredBefore)) return false;
  return call.text.includes(about) && !call.except?.includes(fault);
}

function isDue({ nth, times }: OrderedFault, seen: number): boolean {
  return seen >= nth && (times === 'always' || seen < nth + times);
}
