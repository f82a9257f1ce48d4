/**
 * Decides a request by identity-based policies, as IAM does within one account: what is denied is denied, what is not allowed is
 * denied as well. Source: "Policy evaluation logic" and "IAM JSON policy elements: Condition operators" of the IAM User Guide.
 */
import type { Condition, ConditionOperator, Patterns, Statement } from './policy.ts';

/** One action on one resource. */
export interface AccessRequest {
  /** `ecs:UpdateService` */
  readonly action: string;
  /** An ARN, or `*` for an action that is about no resource. */
  readonly resource: string;
  /** By condition key, in lower case: `aws:resourcetag/ecs-canary:project`. A key that is not there has no value. */
  readonly context: ReadonlyMap<string, readonly string[]>;
}

export type Decision = 'allowed' | 'denied' | 'not-allowed';

export function decide(statements: readonly Statement[], request: AccessRequest): Decision {
  const effects = new Set(statements.filter((statement) => applies(statement, request)).map(({ effect }) => effect));
  if (effects.has('Deny')) return 'denied';
  return effects.has('Allow') ? 'allowed' : 'not-allowed';
}

function applies({ actions, resources, conditions }: Statement, request: AccessRequest): boolean {
  return (
    // Names of actions have no case; ARNs have.
    covers(actions, (pattern) => like(pattern.toLowerCase(), request.action.toLowerCase())) &&
    covers(resources, (pattern) => arnLike(pattern, request.resource)) &&
    conditions.every((condition) => holds(condition, request.context.get(condition.key)))
  );
}

function covers({ patterns, inverted }: Patterns, matches: (pattern: string) => boolean): boolean {
  return patterns.some(matches) !== inverted;
}

function holds({ operator, quantifier, ifExists, values }: Condition, actual: readonly string[] | undefined): boolean {
  if (operator === 'Null') return values.includes(String(actual === undefined));
  const { test, negated } = operators[operator];
  const matches = (value: string) => values.some((wanted) => test(wanted, value)) !== negated;
  // Without the key ForAnyValue has no value that could match, be it with a negated operator. Source: "Set operators for multivalued context keys".
  if (actual === undefined) return ifExists || quantifier === 'ForAllValues' || (negated && quantifier === undefined);
  return quantifier === 'ForAnyValue' ? actual.some(matches) : actual.every(matches);
}

type Test = (wanted: string, value: string) => boolean;

const equal: Test = (wanted, value) => wanted === value;
const sameLetters: Test = (wanted, value) => wanted.toLowerCase() === value.toLowerCase();

const operators: Readonly<Record<Exclude<ConditionOperator, 'Null'>, { readonly test: Test; readonly negated: boolean }>> = {
  StringEquals: { test: equal, negated: false },
  StringNotEquals: { test: equal, negated: true },
  StringEqualsIgnoreCase: { test: sameLetters, negated: false },
  StringNotEqualsIgnoreCase: { test: sameLetters, negated: true },
  StringLike: { test: like, negated: false },
  StringNotLike: { test: like, negated: true },
  // The guide says of ArnEquals and ArnLike that they behave alike.
  ArnEquals: { test: arnLike, negated: false },
  ArnNotEquals: { test: arnLike, negated: true },
  ArnLike: { test: arnLike, negated: false },
  ArnNotLike: { test: arnLike, negated: true },
  Bool: { test: sameLetters, negated: false },
};

/** An ARN is compared part by part, so that a `*` in one of the first five does not reach into the next; `*` alone is every resource. */
function arnLike(pattern: string, arn: string): boolean {
  if (pattern === '*') return true;
  const [wanted, actual] = [arnParts(pattern), arnParts(arn)];
  return wanted.length === actual.length && wanted.every((part, index) => like(part, actual[index] ?? ''));
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

function like(pattern: string, value: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(value);
}
