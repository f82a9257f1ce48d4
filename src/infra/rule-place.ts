/** Where a new rule stands among the others of its listener: a load balancer takes the first rule that matches. */
import type { ListenerRule, RuleMatch } from '../aws/elbv2.ts';

/** Priorities of a listener's rules go from 1 to this. */
const LAST_PRIORITY = 50_000;

/** Characters of a path pattern, at most. */
const LONGEST_PATTERN = 128;
/** Rules that a load balancer has at most. */
const BAND = 100;
const LAST_BAND = 40_000;

export type Place =
  | { readonly priority: number }
  /** A rule that would take all of its requests. */
  | { readonly behind: ListenerRule }
  /** A rule of others, after which there is no priority left. */
  | { readonly full: ListenerRule };

export interface Ownership {
  /** Whether a rule is one of the project's. */
  readonly isOurs: (rule: ListenerRule) => boolean;
  /** Whether it sends users to the same two target groups. */
  readonly isSibling: (rule: ListenerRule) => boolean;
}

/**
 * The more a rule asks for, the earlier it stands: each service's place follows from its own conditions alone, and never has
 * to move for another one's sake. Only rules of others are never overtaken: a new rule stands behind those that it would take
 * requests from.
 * @param rules all of the listener.
 */
export function placeOf(conditions: readonly RuleMatch[], rules: readonly ListenerRule[], { isOurs, isSibling }: Ownership): Place {
  const numbered = rules.filter(({ isDefault }) => !isDefault);
  const touched = numbered.filter((rule) => !isOurs(rule) && !isSibling(rule) && overlap(rule.conditions, conditions));
  const last = touched.toSorted((one, other) => Number(one.priority) - Number(other.priority)).at(-1);
  let priority = Math.max(LAST_BAND - specificity(conditions), Number(last?.priority ?? 0) + 1);
  const taken = new Set(numbered.map((rule) => rule.priority));
  while (taken.has(String(priority))) priority += 1;
  if (last && priority > LAST_PRIORITY) return { full: last };
  const behind = numbered.find((rule) => !isSibling(rule) && Number(rule.priority) < priority && takesAll(rule.conditions, conditions));
  return behind ? { behind } : { priority };
}

/** Of patterns with as many characters the one without a star takes less. */
function specificity(conditions: readonly RuleMatch[]): number {
  const host = valuesOf(conditions, 'host-header')[0];
  const path = valuesOf(conditions, 'path-pattern')[0] ?? '';
  const characters = literals(path) + (host === undefined ? 0 : LONGEST_PATTERN + literals(host));
  return characters * BAND + (path.includes('*') ? 0 : BAND / 2) + (host === undefined || host.includes('*') ? 0 : BAND / 4);
}

/** Characters of a pattern that are no wildcards. */
function literals(pattern: string): number {
  return pattern.replaceAll(/[*?]/g, '').length;
}

const PATTERNS = ['host-header', 'path-pattern'];

/** Whether a request may fulfil both. Of conditions that are no patterns nothing is known. */
function overlap(one: readonly RuleMatch[], other: readonly RuleMatch[]): boolean {
  return PATTERNS.every((field) => {
    const [mine, theirs] = [valuesOf(one, field), valuesOf(other, field)];
    return mine.length === 0 || theirs.length === 0 || mine.some((value) => theirs.some((their) => fits(value, their, true)));
  });
}

/** Whether every request that fulfils the narrow conditions fulfils the wide ones, as far as that can be told. */
function takesAll(wide: readonly RuleMatch[], narrow: readonly RuleMatch[]): boolean {
  return wide.every(({ field, values }) => {
    if (!PATTERNS.includes(field)) return false;
    const asked = valuesOf(narrow, field);
    const narrower = asked.length === 0 ? ['*'] : asked;
    return narrower.every((value) => values.some((pattern) => fits(lowerHost(field, pattern), value, false)));
  });
}

function valuesOf(conditions: readonly RuleMatch[], field: string): string[] {
  return conditions.filter((condition) => condition.field === field).flatMap(({ values }) => values.map((value) => lowerHost(field, value)));
}

/** Host names know no upper and lower case, paths do. */
function lowerHost(field: string, value: string): string {
  return field === 'host-header' ? value.toLowerCase() : value;
}

/**
 * Two patterns side by side.
 * @param both whether some text fits them both; else whether each text that fits the second one fits the first.
 */
function fits(one: string, other: string, both: boolean): boolean {
  const known = new Map<string, boolean>();
  const from = (i: number, j: number): boolean => {
    const key = `${i} ${j}`;
    const found = known.get(key) ?? look(i, j);
    known.set(key, found);
    return found;
  };
  const look = (i: number, j: number): boolean => {
    const [a, b] = [one[i], other[j]];
    if (a === '*') return from(i + 1, j) || (b !== undefined && from(i, j + 1));
    if (b === '*') return both && (from(i, j + 1) || (a !== undefined && from(i + 1, j)));
    if (a === undefined || b === undefined) return a === b;
    return (a === b || a === '?' || (both && b === '?')) && from(i + 1, j + 1);
  };
  return from(0, 0);
}
