/** Fault orders for a version: how the tasks of one image shall misbehave, and what makes an order one that can be carried out. */
import { InvalidOrder } from './invalid-order.ts';

export type VersionFault =
  /** Its process ends: with exit code 1 instead of starting, or killed (137) while it runs. */
  | 'crash'
  /** Answers health checks with 503. */
  | 'unhealthy'
  /** Answers this share (0 to 1) of its requests, health checks apart, with this status instead. */
  | { readonly answer: number; readonly rate?: number }
  /** Answers this share of its requests, health checks apart, so many real ms later. */
  | { readonly slowMs: number; readonly rate?: number };

export interface VersionOrder {
  /** An image of the registry: its tag, `repository:tag`, or digest. It need not be there yet. */
  readonly image: string;
  readonly fault: VersionFault;
  /** AWS ms from a task's start, or from the order where it runs already, until it begins (default 0). */
  readonly afterMs?: number;
  /** With which of a task's requests it begins, health checks not counted (default 0: it needs none). */
  readonly afterRequests?: number;
}

const MEMBERS = ['image', 'fault', 'afterMs', 'afterRequests'];
const WORDS = ['crash', 'unhealthy'] as const;
const LONGEST_MS = 86_400_000;
const LONGEST_SLOW_MS = 3_600_000;

/** Checks what came over the wire, or from a test. Throws InvalidOrder. */
export function readVersionOrder(members: Readonly<Record<string, unknown>>): Required<VersionOrder> {
  const strange = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) throw new InvalidOrder(`An order for a version has no "${strange}": it has ${MEMBERS.join(', ')}.`);
  const { image, afterMs = 0, afterRequests = 0 } = members;
  if (typeof image !== 'string' || !/^[\w.:/-]{1,400}$/.test(image)) {
    throw new InvalidOrder(`"image" is ${JSON.stringify(image)}: it should be a tag, repository:tag, or digest.`);
  }
  if (!isWithin(afterMs, LONGEST_MS)) throw new InvalidOrder(`"afterMs" is ${JSON.stringify(afterMs)}: it should be 0 to ${LONGEST_MS}.`);
  if (!isWithin(afterRequests, Number.MAX_SAFE_INTEGER) || !Number.isInteger(afterRequests)) {
    throw new InvalidOrder(`"afterRequests" is ${JSON.stringify(afterRequests)}: it should be a whole number from 0 on.`);
  }
  return { image, fault: readVersionFault(members['fault']), afterMs, afterRequests };
}

function readVersionFault(value: unknown): VersionFault {
  const word = WORDS.find((known) => known === value);
  if (word) return word;
  const { answer, slowMs, rate = 1, ...rest }: Record<string, unknown> = typeof value === 'object' ? { ...value } : {};
  if (Object.keys(rest).length === 0 && isWithin(rate, 1) && rate > 0) {
    if (slowMs === undefined && isWithin(answer, 599) && answer >= 200 && Number.isInteger(answer)) return { answer, rate };
    if (answer === undefined && isWithin(slowMs, LONGEST_SLOW_MS)) return { slowMs, rate };
  }
  const rated = '"rate": above 0, to 1';
  const forms = [...WORDS.map((known) => `"${known}"`), `{"answer": 200 to 599, ${rated}}`, `{"slowMs": 0 to ${LONGEST_SLOW_MS}, ${rated}}`];
  throw new InvalidOrder(`"fault" is ${JSON.stringify(value)}: for a version it should be one of ${forms.join(', ')}.`);
}

function isWithin(value: unknown, most: number): value is number {
  return typeof value === 'number' && value >= 0 && value <= most;
}
