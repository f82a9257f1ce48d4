/** One entry of the release log: who did what, who owns production, and the weights before, as a rollback needs them. */
import * as z from 'zod';
import type { ListenerRule } from '../aws/elbv2.ts';
import { weightIn } from './model.ts';

/** What the pair's other group holds: a version being tried, one that a promotion replaced, or one that was rolled back. */
export type OtherRole = 'canary' | 'replaced' | 'rolled-back';

interface Other {
  readonly targetGroup: string;
  readonly role: OtherRole;
  readonly version?: string;
  /** Its tasks were to be stopped for good: once they are gone, no way back leads there. */
  readonly destroyed?: boolean;
}

/** Weights of primary and other in one rule. */
type RuleWeights = readonly [primary: number, other: number];

/** Where a command runs. */
export interface Process {
  /** Tells machines and containers apart, also those of one name. */
  readonly host: string;
  readonly pid: number;
  /** When it started, in the kernel's own count: numbers are given again. Undefined where nothing tells, and in older entries. */
  readonly started?: number;
}

export interface LogEntry {
  /** 1, 2, 3, …: creating entry n + 1 is how a run takes the pair. */
  readonly number: number;
  /** ISO 8601. */
  readonly at: string;
  /** Who runs the command, and where. */
  readonly by: string;
  readonly command: string;
  /** The process that wrote it; undefined in entries of earlier versions, like `renewed`. */
  readonly holder?: Process;
  /** ISO 8601: last sign of life of a run that is at work. */
  readonly renewed?: string;
  /** ISO 8601: when the run gave the pair back. */
  readonly ended?: string;
  /** ARN of the target group that owns production once this entry's change is done. */
  readonly primary: string;
  readonly other: Other | undefined;
  /** Percent that the change gives to the other group. */
  readonly percent: number;
  /** Tasks that the primary had when the release began. */
  readonly tasks: number;
  /** By rule ARN, as they were before the change. */
  readonly before: Readonly<Record<string, RuleWeights>>;
  /** ARNs of the rules that the change is restricted to; undefined for all that carry the pair. */
  readonly scope?: readonly string[];
  /** Seconds by rule ARN: group stickiness that was switched off, for the next route to put back. */
  readonly stickiness?: Readonly<Record<string, number>>;
  /** Whether the weights were read back as the change was to set them; undefined for "not yet, as far as is known". */
  readonly reached?: boolean;
}

/** What an entry says of the pair; number, times and author are added when it is written. */
export type Facts = Omit<LogEntry, 'number' | 'at' | 'by' | 'command' | 'holder' | 'renewed' | 'ended'>;

/** What a command is about to do. */
export type NewEntry = Omit<Facts, 'reached'>;

/** A parameter's value of the standard tier ends here, in bytes. */
export const VALUE_LIMIT = 4_096;

/** Weights of the pair's rules as an entry remembers them. */
export function weightsBefore(rules: readonly ListenerRule[], primary: string, other: string): LogEntry['before'] {
  return Object.fromEntries(rules.map((rule) => [rule.arn, [weightIn(rule, primary), weightIn(rule, other)]]));
}

/** Percent of the other group. Weights of 0 and 0 give nobody anything. */
export function otherShare([primary, other]: RuleWeights): number {
  return primary + other === 0 ? 0 : (100 * other) / (primary + other);
}

/** What an entry says of the pair, for another author to say it again. */
export function factsOf({ primary, other, percent, tasks, before, scope, stickiness, reached }: LogEntry): Facts {
  return { primary, other, percent, tasks, before, scope, stickiness, reached };
}

/** The entry as text. Rule ARNs differ in their last part only, so they are kept by listener: 100 rules fit in one value. */
export function serialize(entry: LogEntry): string {
  const { number: _inTheName, before, scope, stickiness, ...rest } = entry;
  return JSON.stringify({
    schemaVersion: 1,
    ...rest,
    before: byListener(Object.entries(before)),
    scope: scope && namesByListener(scope),
    stickiness: stickiness && byListener(Object.entries(stickiness)),
  });
}

const schema = z.object({
  schemaVersion: z.literal(1),
  at: z.string(),
  by: z.string(),
  command: z.string(),
  holder: z.object({ host: z.string(), pid: z.number(), started: z.number().optional() }).optional(),
  renewed: z.iso.datetime().optional(),
  ended: z.iso.datetime().optional(),
  primary: z.string(),
  other: z
    .object({ targetGroup: z.string(), role: z.enum(['canary', 'replaced', 'rolled-back']), version: z.string().optional(), destroyed: z.boolean().optional() })
    .optional(),
  percent: z.number(),
  tasks: z.number(),
  before: z.record(z.string(), z.record(z.string(), z.tuple([z.number(), z.number()]))),
  scope: z.record(z.string(), z.array(z.string())).optional(),
  stickiness: z.record(z.string(), z.record(z.string(), z.number())).optional(),
  reached: z.boolean().optional(),
});

/** The entry that a text holds; undefined for one that is not ours or damaged. */
export function parse(number: number, text: string): LogEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return undefined;
  const { schemaVersion: _, before, scope, stickiness, other, ...rest } = parsed.data;
  return {
    number,
    ...rest,
    other,
    before: byRule(before),
    scope: scope && Object.entries(scope).flatMap(([listener, rules]) => rules.map((rule) => `${listener}/${rule}`)),
    stickiness: stickiness && byRule(stickiness),
  };
}

type ByListener<T> = Record<string, Record<string, T>>;

function byListener<T>(entries: readonly (readonly [arn: string, value: T])[]): ByListener<T> {
  const all: ByListener<T> = {};
  for (const [arn, value] of entries) {
    const slash = arn.lastIndexOf('/');
    (all[arn.slice(0, slash)] ??= {})[arn.slice(slash + 1)] = value;
  }
  return all;
}

function namesByListener(arns: readonly string[]): Record<string, string[]> {
  const grouped = byListener(arns.map((arn) => [arn, undefined]));
  return Object.fromEntries(Object.entries(grouped).map(([listener, rules]) => [listener, Object.keys(rules)]));
}

function byRule<T>(listeners: ByListener<T>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(listeners).flatMap(([listener, rules]) => Object.entries(rules).map(([rule, value]) => [`${listener}/${rule}`, value] as const)),
  );
}
