/** The fault orders of a sandbox, for calls, versions and resources: which are there, and what each hits. They end with the sandbox. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isWrite } from '../request-log.ts';
import { InvalidOrder } from './invalid-order.ts';
import { type Fault, type FaultOrder, type KnownOperations, readOrder } from './order.ts';
import { readResourceOrder, type ResourceOrder, type ResourceWork } from './resource-order.ts';
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

export interface OrderedResourceFault extends Required<ResourceOrder> {
  /** How many tries matched so far, and how many of them were hit. */
  readonly seen: number;
  readonly hits: number;
}

export type AnyOrder = FaultOrder | VersionOrder | ResourceOrder;
export type AnyOrdered = OrderedFault | OrderedVersionFault | OrderedResourceFault;

/** For whoever makes AWS misbehave. */
export interface FaultOrders {
  /** Resolves when it is in force. Rejects with InvalidOrder, worded for a user. */
  order(order: AnyOrder): Promise<AnyOrdered>;
  /** In the order in which they were made. */
  list(): readonly AnyOrdered[];
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

/** A try to make, change or delete a resource, which a fault may hit. */
export interface ResourceTry {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  readonly on: ResourceWork;
}

/** For whoever makes resources of stacks. */
export interface ResourceFaults {
  /** Counts the try, and gives the reason for which it shall fail: of several orders that are due, the oldest one's. */
  reasonFor(attempt: ResourceTry): string | undefined;
}

export interface Faults extends FaultOrders, VersionFaults, ResourceFaults {
  /** Counts the call, and says what befalls it: of several orders that are due, the oldest one's fault. */
  next(call: Call): Fault | undefined;
  /** Waits for real ms; false when the sandbox stops meanwhile. */
  wait(ms: number): Promise<boolean>;
  /** Ends all waits. */
  readonly stop: () => void;
}

type Mutable<Shape> = { -readonly [Member in keyof Shape]: Shape[Member] };
type CountedOrder = Mutable<OrderedFault>;
type CountedResourceOrder = Mutable<OrderedResourceFault>;
type Counted = CountedOrder | CountedVersionOrder | CountedResourceOrder;

/** @param known loads the names of all operations, once there is an order to check. */
export function makeFaults(known: () => Promise<KnownOperations>): Faults {
  const orders: Counted[] = [];
  const watchers = new Set<() => Promise<void>>();
  const stopped = new AbortController();

  return {
    async order(order) {
      const members = membersOf(order);
      const counted = { ...(await readAny(members, known)), seen: 0, hits: 0 };
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
      return hit(orders.filter(isForCall).filter((order) => matches(order, call)))?.fault;
    },

    reasonFor({ stack, logicalId, type, on }) {
      const meant = (order: CountedResourceOrder) =>
        order.on === on && (order.resource === logicalId || order.resource === type) && (order.stack === '' || order.stack === stack);
      return hit(orders.filter(isForResource).filter(meant))?.reason;
    },

    wait: (ms) => sleep(ms, true, { signal: stopped.signal }).catch(() => false),
    stop: () => stopped.abort(),
  };
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidOrder('An order should be a JSON object.');
  return { ...value };
}

async function readAny(members: Readonly<Record<string, unknown>>, known: () => Promise<KnownOperations>): Promise<Required<AnyOrder>> {
  if ('image' in members) return readVersionOrder(members);
  return 'resource' in members ? readResourceOrder(members, (await known()).resourceTypes) : readOrder(members, await known());
}

function isForVersion(order: Counted): order is CountedVersionOrder {
  return 'image' in order;
}

function isForResource(order: Counted): order is CountedResourceOrder {
  return 'resource' in order;
}

function isForCall(order: Counted): order is CountedOrder {
  return 'operation' in order;
}

/** Counts what matches, and gives the oldest order that is due. */
function hit<Order extends CountedOrder | CountedResourceOrder>(matching: readonly Order[]): Order | undefined {
  const [first] = matching.filter((order) => isDue(order, ++order.seen));
  if (first) first.hits += 1;
  return first;
}

function matches({ operation, about, fault }: OrderedFault, call: Call): boolean {
  if (operation !== '*' && operation !== call.operation) return false;
  if (fault === 'stale' && (isWrite(call.operation) || !call.answeredBefore)) return false;
  return call.text.includes(about) && !call.except?.includes(fault);
}

function isDue({ nth, times }: Pick<OrderedFault, 'nth' | 'times'>, seen: number): boolean {
  return seen >= nth && (times === 'always' || seen < nth + times);
}
