/** One entry of the release log: who did what, who owns production, and the weights before, as a rollback needs them. */
import * as z from 'zod';
import type { ListenerRule } from '../aws/elbv2.ts';

/** What the pair's other group holds: a version being tried, one that a promotion replaced, or one that was rolled back. */
export type OtherRole = 'canary' | 'replaced' | 'rolled-back';

/** Weights of primary and other in one rule. */
type RuleWeights = readonly [primary: number, other: number];

export interface LogEntry {
  /** 1, 2, 3, …: creating entry n + 1 is how a run takes the pair. */
  readonly number: number;
  /** ISO 8601. */
  readonly at: string;
  /** Who runs the command, and where. */
  readonly by: string;
  readonly command: string;
  /** ARN of the target group that owns production once this entry's change is done. */
  readonly primary: string;
  readonly other: { readonly targetGroup: string; readonly role: OtherRole; readonly version?: string } | undefined;
  /** Percent that the change gives to the other group. */
  readonly percent: number;
  /** Tasks that the primary had when the release began. */
  readonly tasks: number;
  /** By rule ARN, as they were before the change. */
  readonly before: Readonly<Record<string, RuleWeights>>;
}

/** What a command says; number, time and author are added when it is written. */
export type NewEntry = Omit<LogEntry, 'number' | 'at' | 'by' | 'command'>;

/** A parameter's value of the standard tier ends here, in bytes. */
export const VALUE_LIMIT = 4_096;

/** Weights of the pair's rules as an entry remembers them. */
export function weightsBefore(rules: readonly ListenerRule[], primary: string, other: string): LogEntry['before'] {
  const weightIn = (rule: ListenerRule, arn: string) => rule.forward?.find((group) => group.arn === arn)?.weight ?? 0;
  return Object.fromEntries(rules.map((rule) => [rule.arn, [weightIn(rule, primary), weightIn(rule, other)]]));
}

/** The entry as text. Rule ARNs differ in their last part only, so they are kept by listener: 100 rules fit in one value. */
export function serialize(entry: LogEntry): string {
  const { number: _inTheName, before, ...rest } = entry;
  const byListener: Record<string, Record<string, RuleWeights>> = {};
  for (const [arn, weights] of Object.entries(before)) {
    const slash = arn.lastIndexOf('/');
    (byListener[arn.slice(0, slash)] ??= {})[arn.slice(slash + 1)] = weights;
  }
  return JSON.stringify({ schemaVersion: 1, ...rest, before: byListener });
}

const schema = z.object({
  schemaVersion: z.literal(1),
  at: z.string(),
  by: z.string(),
  command: z.string(),
  primary: z.string(),
  other: z
    .object({ targetGroup: z.string(), role: z.enum(['canary', 'replaced', 'rolled-back']), version: z.string().optional() })
    .optional(),
  percent: z.number(),
  tasks: z.number(),
  before: z.record(z.string(), z.record(z.string(), z.tuple([z.number(), z.number()]))),
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
  const { schemaVersion: _, before, other, ...rest } = parsed.data;
  const flat = Object.entries(before).flatMap(([listener, rules]) =>
    Object.entries(rules).map(([rule, weights]) => [`${listener}/${rule}`, weights] as const),
  );
  return { number, ...rest, other, before: Object.fromEntries(flat) };
}
